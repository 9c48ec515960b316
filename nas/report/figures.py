"""Plots as SVG inside a page, which its colours and fonts follow, and as files of their own.

matplotlib draws in fixed colours. Inside a page those of the theme become CSS variables, so that
a plot is as legible on a dark screen and on paper as the text around it.
"""

from __future__ import annotations

import functools
import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from nas.files import write_bytes_atomic, write_text_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Arguments = ParamSpec("Arguments")
Drawn = TypeVar("Drawn")

# Okabe and Ito's palette: told apart by colour-blind readers. Used together with shapes.
ORANGE, SKY, GREEN, YELLOW = "#e69f00", "#56b4e9", "#009e73", "#f0e442"
BLUE, VERMILION, PURPLE = "#0072b2", "#d55e00", "#cc79a7"

INK, QUIET, FAINT, PAPER = "#1c2330", "#5b6472", "#d9dde3", "#fffffe"
"""Text, secondary text, grid lines, background. No palette has these values, so that they can be
found again in the SVG."""

_VARIABLES = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    FAINT: "var(--faint)",
    PAPER: "var(--paper)",
    BLUE: "var(--blue)",
}

# Any, because matplotlib types its keys one by one.
_STYLE: dict[Any, Any] = {
    # Text stays text: it can be read aloud, searched and copied, and is drawn in the page's font.
    "svg.fonttype": "none",
    # Names come from users, and `$` in one is no formula.
    "text.parse_math": False,
    "font.size": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_PNG_DPI = 160


@dataclass(frozen=True)
class Plot:
    """A finished drawing.

    name: of its files, and unique in a page. title: a few words. description: what it shows, for
    readers who cannot see it. draw_png: the picture as PNG, on white.
    note: what a reader must know, such as what is left out; or empty.
    """

    name: str
    title: str
    description: str
    svg: str
    draw_png: Callable[[], bytes] = field(repr=False, compare=False)
    note: str = ""

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write NAME.svg and NAME.png, whole at any moment. Raises: WriteError."""
        paths = folder / f"{self.name}.svg", folder / f"{self.name}.png"
        write_text_atomic(paths[0], self.svg)
        write_bytes_atomic(paths[1], self.draw_png())
        return paths

    @property
    def inline(self) -> str:
        """The SVG element for a page: themed, scaled to its place, with ids of its own."""
        body = self.svg[self.svg.index("<svg") :]
        body = re.sub(r"<metadata>.*?</metadata>", "", body, count=1, flags=re.DOTALL)
        body = re.sub(r'\b(id=")', rf"\1{self.name}-", body)
        body = re.sub(r"url\(#", f"url(#{self.name}-", body)
        body = re.sub(r'(href="#)', rf"\1{self.name}-", body)
        for colour, variable in _VARIABLES.items():
            body = body.replace(colour, variable)
        head, _, rest = body.partition(">")
        view = re.search(r'viewBox="[^"]*"', head)
        assert view is not None
        return (
            f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {view[0]} role="img" '
            f'aria-labelledby="{self.name}-title">'
            f'<title id="{self.name}-title">{html.escape(self.description)}</title>{rest}'
        )


class Canvas:
    """A figure in the report's style, made into a `Plot` when it is drawn; use it in `styled`.

    width, height in inches of a page that is 7.6 inches wide.
    """

    def __init__(self, width: float = 7.6, height: float = 4.0) -> None:
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(width, height), layout="constrained")

    def axes(self) -> Axes:
        """The only axes of a plot with one."""
        return self.figure.add_subplot()

    def rows(self, heights: list[float]) -> list[Axes]:
        """Axes one below the other, of these relative heights."""
        drawn = self.figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)
        return [row[0] for row in drawn]

    def legend(self, axes: Axes) -> None:
        """Above the axes, where it covers nothing."""
        handles, labels = axes.get_legend_handles_labels()
        self.figure.legend(handles, labels, loc="outside upper left", ncols=len(handles))

    def plot(self, name: str, title: str, description: str, note: str = "") -> Plot:
        """Draw it. The same figure gives the same bytes."""
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        FigureCanvasAgg(self.figure)
        svg = io.StringIO()
        with matplotlib.rc_context({"svg.hashsalt": name}):
            self.figure.savefig(svg, format="svg", metadata={"Date": None, "Title": title})
        return Plot(name, title, description, svg.getvalue(), self._png, note)

    def _png(self) -> bytes:
        import matplotlib

        png = io.BytesIO()
        # Later, so in the style again.
        with matplotlib.rc_context(_STYLE):
            self.figure.savefig(png, format="png", dpi=_PNG_DPI, facecolor="white")
        return png.getvalue()


def whole_numbers(axis: Axis) -> None:
    """Ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True))


def styled(draw: Callable[Arguments, Drawn]) -> Callable[Arguments, Drawn]:
    """A function that draws, in the report's style: matplotlib reads it at every step."""

    @functools.wraps(draw)
    def in_style(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Drawn:
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return in_style
