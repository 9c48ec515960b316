"""Names of points, each at the side of its point where it covers no other name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.report.figures import PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = 9.5
# A character's mean width over the size of its font.
_CHARACTER = 0.62
_AWAY = 9.0


class Labels:
    """The names of one plot, whose limits are set. Places are in points, from the lower left."""

    def __init__(self, axes: Axes) -> None:
        self._axes = axes
        self._taken: list[tuple[float, float, float, float]] = []

    def add(self, text: str, point: tuple[float, float], *, bold: bool) -> None:
        """Name a point of the data."""
        scale = 72 / self._axes.figure.dpi
        frame = self._axes.get_window_extent()
        x, y = self._axes.transData.transform(point) * scale
        width, height = _CHARACTER * _SIZE * len(text), 1.3 * _SIZE
        inside = (frame.x0 * scale, frame.y0 * scale, frame.x1 * scale, frame.y1 * scale)

        def cost(side: tuple[int, int]) -> float:
            box = _box(x, y, width, height, side)
            return _outside(box, inside) + sum(_shared(box, other) for other in self._taken)

        # Of equally good sides the first: left and above.
        side = min(((-1, 1), (1, 1), (-1, -1), (1, -1)), key=cost)
        self._taken.append(_box(x, y, width, height, side))
        self._axes.annotate(
            text,
            point,
            xytext=(side[0] * _AWAY, side[1] * _AWAY * 0.8),
            textcoords="offset points",
            ha="left" if side[0] > 0 else "right",
            va="bottom" if side[1] > 0 else "top",
            fontsize=_SIZE,
            fontweight="bold" if bold else "normal",
            zorder=7,
            bbox={
                "boxstyle": "round,pad=0.12",
                "facecolor": PAPER,
                "edgecolor": "none",
                "alpha": 0.75,
            },
        )


Box = tuple[float, float, float, float]


def _box(x: float, y: float, width: float, height: float, side: tuple[int, int]) -> Box:
    left = x + _AWAY if side[0] > 0 else x - _AWAY - width
    low = y + _AWAY * 0.8 if side[1] > 0 else y - _AWAY * 0.8 - height
    return left, low, left + width, low + height


def _shared(box: Box, other: Box) -> float:
    """The area that two boxes share."""
    across = min(box[2], other[2]) - max(box[0], other[0])
    up = min(box[3], other[3]) - max(box[1], other[1])
    return max(0.0, across) * max(0.0, up)


def _outside(box: Box, frame: Box) -> float:
    """The area of a box that is not inside a frame."""
    return (box[2] - box[0]) * (box[3] - box[1]) - _shared(box, frame)
