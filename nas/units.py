"""Quantities as people write them: "400M" to and from integers."""

from __future__ import annotations

import math
import re

from nas.errors import UnitsError

_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_QUANTITY = re.compile(
    r"\s*([0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:e([+-]?[0-9]+))?\s*([A-Za-z]*)\s*"
)


def parse_count(text: str | int | float, what: str = "count") -> int:
    """Read "400M", "0.4G", "5.3e6" or 385814752 as a whole number.

    Suffixes are k, M, G (or B) and T, in either case. `what` names the quantity in the error.
    Raises: UnitsError if the text is not a positive quantity with a known suffix.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        value = float(text)
        if text > 0:
            return text
    elif isinstance(text, float):
        value = text
    else:
        match = _QUANTITY.fullmatch(str(text))
        if match is None or match[3].lower() not in _FACTORS:
            raise UnitsError(
                f"{what} '{text}' is not a number with one of the suffixes k, M, G (or B), T; "
                "write for example 400M"
            )
        mantissa, exponent, suffix = match.groups()
        value = float(f"{mantissa}e{exponent or 0}")
        value *= _FACTORS[suffix.lower()]
    if not math.isfinite(value) or value < 0.5:
        raise UnitsError(f"{what} {text} must be a positive number; write for example 400M")
    return round(value)


def format_count(value: float) -> str:
    """Write a count with four significant digits and a suffix: 385814752 -> "385.8M"."""
    sign = "-" if value < 0 else ""
    size = abs(value)
    for suffix, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        # 0.99995: a size that four digits would print as 1000 belongs to the next suffix.
        if size >= factor * 0.99995:
            scaled = size / factor
            digits = max(0, 3 - math.floor(math.log10(max(scaled, 1.0))))
            return f"{sign}{scaled:.{digits}f}{suffix}"
    return f"{sign}{size:.0f}" if float(size).is_integer() else f"{sign}{size:.4g}"


def how_many(count: int, thing: str) -> str:
    """Write a number of things: "1 epoch", "12,000 epochs"."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def format_bytes(value: float) -> str:
    """Write a memory size in binary units: 21154192 -> "20.2 MiB"."""
    size = float(value)
    for suffix in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or suffix == "GiB":
            return f"{size:.0f} B" if suffix == "B" else f"{size:.1f} {suffix}"
        size /= 1024
    raise AssertionError("unreachable")


def format_duration(seconds: float) -> str:
    """Write a time in the unit that suits it: "2.3 ms", "45 s", "12 min", "3.4 h", "2.1 days"."""
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    for limit, factor, unit in ((100, 1, "s"), (6000, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 86400:.3g} days"


def suggest_unit(value: int, smallest: int, largest: int) -> str | None:
    """The suffixed reading of a bare number that falls inside a range: 400 -> "400M".

    Returns None where no suffix brings `value` between `smallest` and `largest`.
    """
    for suffix in ("k", "M", "G"):
        meant = value * _FACTORS[suffix.lower()]
        if smallest <= meant <= largest:
            return _shortest(meant)
    return None


def _shortest(value: int) -> str:
    """A whole number with the largest suffix that leaves it whole: 500000000 -> "500M"."""
    for suffix in ("T", "G", "M", "k"):
        whole, rest = divmod(value, _FACTORS[suffix.lower()])
        if whole and not rest:
            return f"{whole}{suffix}"
    return str(value)
