"""What is odd about a data set: counted, named, and said in a few lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nas.errors import DataError
from nas.units import how_many

LEFT_OUT = {
    "empty": "left out, empty",
    "truncated": "left out, truncated",
    "not an image": "left out, no image whatever the name says",
    "too large": "left out, over Pillow's limit against decompression bombs",
    "unreadable": "left out, unreadable",
}
"""Kinds of problem that cost the image. Kind -> what its line says of the images."""

CONVERTED = {
    "16-bit": "of 16 bits, scaled to 8",
    "grey": "grey, made RGB",
    "cmyk": "in CMYK, made RGB",
    "transparent": "with transparency, the alpha channel dropped",
    "animated": "animated, the first frame taken",
    "misnamed": "of another format than the name says",
}
"""Kinds that are used, after a conversion that may not be what was meant."""

LEAKS = {
    "in train and test": "to test with, equal to one to train with",
    "in two classes": "equal to one of another class",
}
"""Kinds that make a result look better or a label look wrong. Equal is equal byte for byte."""

HARMLESS = {
    "turned": "turned upright by EXIF orientation",
    "palette": "with a palette, made RGB",
    "duplicate": "equal to another of the same class and part",
    "other files": "without an image's name, not looked at",
}
"""Kinds that nothing is lost by: counted, and no reason to stop even if strict."""

KINDS = LEFT_OUT | CONVERTED | LEAKS | HARMLESS


@dataclass
class Problems:
    """Images that are odd, by kind: name -> reason, in the order in which they were met.

    strict: the first one that is not harmless raises DataError instead.
    """

    strict: bool = False
    found: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, kind: str, name: str, reason: str = "") -> None:
        """Note an image once per kind. Raises: DataError if strict and `kind` is not harmless."""
        if self.strict and kind not in HARMLESS:
            raise DataError(
                f"{name}: {reason or KINDS[kind]}; mend or remove it, or go on without --strict"
            )
        self.found.setdefault(kind, {})[name] = reason

    def count(self, *kinds: str) -> int:
        """How many images of these kinds (all kinds without an argument); one may count twice."""
        return sum(len(self.found.get(kind, ())) for kind in kinds or KINDS)

    @property
    def left_out(self) -> int:
        """How many images could not be used."""
        return self.count(*LEFT_OUT)

    def lines(self, names: int = 3) -> list[str]:
        """One line for each kind, the worst first, with the first few `names`."""
        lines = []
        for kind in KINDS:
            found = self.found.get(kind)
            if found:
                first = ", ".join(_with_reason(*item) for item in list(found.items())[:names])
                more = f" and {len(found) - names} more" if len(found) > names else ""
                noun = "file" if kind == "other files" else "image"
                lines.append(f"{how_many(len(found), noun)} {KINDS[kind]}: {first}{more}")
        return lines

    def as_dict(self, names: int = 100) -> dict[str, dict[str, Any]]:
        """For JSON: kind -> count, left_out and the first `names` with their reasons."""
        return {
            kind: {
                "count": len(found),
                "left_out": kind in LEFT_OUT,
                "names": dict(list(found.items())[:names]),
            }
            for kind in KINDS
            if (found := self.found.get(kind))
        }


def _with_reason(name: str, reason: str) -> str:
    return f"{name} ({reason})" if reason else name
