"""Images by what a person typed, found again by those who work from another folder."""

from __future__ import annotations

import os
from pathlib import Path

SAMPLE = "sample"


def whole_path(data: str | None) -> str | None:
    """Where `data` is, from the root on, for a record; None for what is no path, as `sample` is."""
    if data is None or data.partition(":")[0] == SAMPLE:
        return None
    # Not resolved: a link is how a person names a place, and may be made to point elsewhere.
    return os.path.abspath(Path(data).expanduser())  # noqa: PTH100


def located(data: str, path: str | None) -> str:
    """The name to open images by: as it was typed where that is still the same place, else `path`.

    Where there is nothing at `path` any more, as it was typed: the images may have moved together
    with the folder. path: what `whole_path` was when the images were recorded, or None.
    """
    if path is None or whole_path(data) == path or not Path(path).exists():
        return data
    return path


def same_images(one: tuple[str | None, str | None], other: tuple[str | None, str | None]) -> bool:
    """Whether two (as typed, `whole_path`) name the same place, however it was typed."""
    return one[0] == other[0] or (one[1] is not None and one[1] == other[1])
