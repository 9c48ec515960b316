"""A report as one HTML file that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

from nas import __version__
from nas.files import write_text_atomic
from nas.report.comparison import Comparison
from nas.report.kinds import Judged
from nas.report.page import Page, gather, study_label
from nas.units import format_bytes, format_count, format_duration

REPORT = "report.html"
_CODE = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"(?<!\S)(--?[a-z][\w-]*)")


def write_report(folder: Path, output: Path | None = None) -> Path:
    """Write the report of a folder of `nas`, by default as `report.html` inside it.

    Reads without a lock, so a search that is at work is not disturbed. Returns the file.
    Raises: RunError if the folder holds nothing to report; WriteError.
    """
    path = output or folder / REPORT
    write_text_atomic(path, page_html(gather(folder)))
    return path


def page_html(page: Page) -> str:
    """The whole document of one folder's report."""
    return _render("report.html", page=page)


def comparison_html(comparison: Comparison) -> str:
    """The whole document of several searches side by side."""
    return _render("comparison.html", comparison=comparison)


def _render(template: str, **content: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=PackageLoader("nas.report"),
        autoescape=True,
        undefined=StrictUndefined,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda value: format_count(float(value)),
        "duration": format_duration,
        "bytes": format_bytes,
        "percent": lambda value: f"{100 * float(value):.2f} %",
        # The only mark-up of messages: `code`.
        "worded": lambda text: Markup(_CODE.sub(r"<code>\1</code>", str(escape(text)))),
        # Broken between its words and never inside an option's name.
        "typed": lambda line: Markup(_OPTION.sub(r"<span>\1</span>", str(escape(line)))),
        "ratio": lambda value: f"{float(value):.2f}x",
        # An SVG that matplotlib wrote: it has escaped every text in it.
        "drawing": lambda plot: Markup(plot.inline),
    }
    environment.globals |= {"Judged": Judged, "study_label": study_label}
    return environment.get_template(template).render(
        **content,
        version=__version__,
        written=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    )
