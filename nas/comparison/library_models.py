"""Models of timm and torchvision by name: found, built without weights, counted.

timm takes seconds to import, so names of ours are looked for first.
"""

from __future__ import annotations

import difflib

from nas.counting import Counted, count
from nas.errors import SpecError, one_line
from nas.latency.subjects import LIBRARIES, Subject, find_subject

# They keep a classifier for training only, which the count of parameters includes.
AUXILIARY = ("torchvision:inception_v3", "torchvision:googlenet")


def library_model(text: str, *, resolution: int | None = None) -> Subject | None:
    """The model that `text` names: timm:NAME, torchvision:NAME, or a name that one of them has.

    Where both have a name, torchvision's is taken. Its size is the one that the library's weights
    are used at, unless told. None where neither library has it.
    Raises: NasError for a prefixed name that its library has not, or an absent library.
    """
    library, separator, _ = text.partition(":")
    if separator and library in LIBRARIES:
        found = text
    else:
        has = [name for name in ("torchvision", "timm") if text in known_models(name)]
        if not has:
            return None
        found = f"{has[0]}:{text}"
    return find_subject(found, resolution=resolution)


def known_models(library: str) -> list[str]:
    """The classifiers that a library builds; none where it is not installed."""
    try:
        if library == "torchvision":
            from torchvision import models

            return list(models.list_models(module=models))
        import timm
    except ImportError:
        return []
    return list(timm.list_models())


def near_models(text: str) -> list[str]:
    """Names of library models that look like `text`, with their libraries."""
    return [
        f"{library}:{name}"
        for library in LIBRARIES
        for name in difflib.get_close_matches(text, known_models(library), 1)
    ]


def count_subject(subject: Subject) -> Counted:
    """Build the model on the meta device and count it.

    Raises: SpecError if the model does not take its size, or no such count.
    """
    import torch

    try:
        with torch.device("meta"):
            network = subject.build()
        return count(network, subject.in_channels, subject.resolution_px)
    except Exception as error:
        # A library's network fails in its own way, for example at a size that it does not take.
        raise SpecError(
            f"{subject.name} cannot be counted at {subject.resolution_px} px: {one_line(error)}"
        ) from error
