"""Are these the images they were? One hash for all."""

from __future__ import annotations

import hashlib

from nas.data.images import Images


def fingerprint(train: Images, test: Images | None) -> str:
    """SHA-256 (hexadecimal) over classes, names, labels and contents.

    A packed file that keeps the images as they are has the fingerprint of what was packed.
    """
    # Names of files and folders may be no UTF-8; their bytes count as they are.
    total = hashlib.sha256("\0".join(train.classes).encode(errors="surrogateescape"))
    for images in (train, test):
        total.update(b"\n\n")
        if images is None:
            continue
        for index, content in enumerate(images.content_hashes()):
            line = f"{images.name(index)}\0{images.labels[index]}\0{content}\n"
            total.update(line.encode(errors="surrogateescape"))
    return total.hexdigest()
