"""What kind of number an accuracy is: predicted, measured, a score, or whatever a plug-in says."""

from __future__ import annotations

from dataclasses import dataclass

from nas.units import format_count

_KNOWN = ("predicted", "measured", "published")


@dataclass(frozen=True)
class Judged:
    """A figure that networks are ranked by, with where it is from.

    value: an accuracy as a fraction, or a score. sd: of a new result of the same kind.
    """

    value: float
    is_accuracy: bool
    source: str
    sd: float | None = None

    @property
    def kind(self) -> str:
        """In a word: "predicted", "measured", "score"; "evaluator" where a plug-in does not say."""
        if not self.is_accuracy:
            return "score"
        first = self.source.split(" ", 1)[0].lower()
        return first if first in _KNOWN else "evaluator"

    @property
    def text(self) -> str:
        """As people read it: "66.73 %" or "104.2"."""
        return f"{100 * self.value:.2f} %" if self.is_accuracy else _score(self.value)

    @property
    def spread(self) -> str:
        """One standard deviation: "± 0.29"; empty where it is not known."""
        if self.sd is None:
            return ""
        return f"± {100 * self.sd:.2f}" if self.is_accuracy else f"± {_score(self.sd)}"

    def above(self, other: Judged) -> str:
        """How it compares with another of the same kind: "0.98 points above"."""
        difference = self.value - other.value
        side = "above" if difference >= 0 else "below"
        size = abs(difference)
        return f"{100 * size:.2f} points {side}" if self.is_accuracy else f"{_score(size)} {side}"


def _score(value: float) -> str:
    """Any number: with a suffix where it is large."""
    return format_count(value) if abs(value) >= 1e4 else f"{value:.5g}"
