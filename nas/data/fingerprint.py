"""Are these the images they were? One hash for all, and a manifest that names what differs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from nas.data.images import DataSet, Images


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


def manifest(data: DataSet) -> dict[str, Any]:
    """What `changed` compares, for JSON: the fingerprint and a short hash for each image.

    Keys: fingerprint, classes, images (name -> class index and the first 48 bits of its content's
    hash). About 40 bytes for an image.
    """
    images = {}
    for part in (data.train, data.test):
        if part is not None:
            for index, content in enumerate(part.content_hashes()):
                images[part.name(index)] = f"{part.labels[index]}:{_short(content)}"
    return {"fingerprint": data.fingerprint, "classes": list(data.classes), "images": images}


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """What differs between two manifests, in one line with the first names; None if nothing."""
    if old["fingerprint"] == new["fingerprint"]:
        return None
    before, after = old["images"], new["images"]
    kinds = {
        "changed": [name for name in before if name in after and before[name] != after[name]],
        "missing": [name for name in before if name not in after],
        "new": [name for name in after if name not in before],
    }
    said = [_named(kind, names) for kind, names in kinds.items() if names]
    if old["classes"] != new["classes"]:
        said.insert(
            0,
            f"{len(new['classes'])} classes instead of {len(old['classes'])}"
            if len(old["classes"]) != len(new["classes"])
            else "other class names",
        )
    return "; ".join(said) or "the same images in another order"


def _named(kind: str, names: list[str], first: int = 3) -> str:
    more = f" and {len(names) - first} more" if len(names) > first else ""
    return f"{len(names)} {kind}: {', '.join(names[:first])}{more}"


def _short(content_hash: str) -> str:
    # A word before the path of a file that is empty or cannot be read is kept, its path is not.
    return content_hash.partition(" ")[0] if " " in content_hash else content_hash[:12]
