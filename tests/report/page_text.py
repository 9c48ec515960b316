"""What a person reads of a report."""

from __future__ import annotations

import re
from html import unescape

from nas.report.html import page_html
from nas.report.page import Page


def text_of(html: str) -> str:
    """A document's words, in one line: no styles, drawings or tags."""
    body = re.sub(r"(?s)<style.*?</style>|<svg.*?</svg>|<[^>]+>", " ", html)
    return re.sub(r"\s+", " ", unescape(body))


def page_text(page: Page) -> str:
    """The words of a page, as `text_of` its document."""
    return text_of(page_html(page))
