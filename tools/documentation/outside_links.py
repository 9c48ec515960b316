"""Links of pages to files outside docs/: to a page made from the file, or to its repository path.

In the repository such links are ordinary relative ones. In the site, which holds docs/ only, a few
files become pages of their own, and of others the path is shown.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

CARRIED = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "nas/evaluators/data/imagenet_predictor.md": "results/imagenet_predictor.md",
}
"""File of the repository -> the page of the site that shows it."""

LINK = re.compile(r"(?P<open>!?\[(?P<text>[^\]]*)\])\((?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
_FENCED = re.compile(r"(^[ ]*```.*?^[ ]*```[ ]*$)", re.MULTILINE | re.DOTALL)


def with_site_links(markdown: str, page: str, origin: str, root: Path) -> str:
    """Rewrite the links of a page that leave docs/, or that come into it.

    Args:
        markdown: The page's text.
        page: Where the page is in the site, from its top: "results/winner.md".
        origin: Where its text is in the repository: "docs/results/winner.md".
        root: The repository.
    """

    def rewritten(link: re.Match[str]) -> str:
        target = link["target"]
        if not target or "://" in target or target.startswith(("mailto:", "/")):
            return link[0]
        named = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        in_site = _page_of(named)
        if in_site is not None:
            there = posixpath.relpath(in_site, posixpath.dirname(page) or ".")
            return f"{link['open']}({there}{link['anchor'] or ''})"
        if (root / named).exists():
            return f"{link['text']} (`{named}` in the repository)"
        return link[0]

    pieces = _FENCED.split(markdown)
    return "".join(
        piece if piece.lstrip().startswith("```") else LINK.sub(rewritten, piece)
        for piece in pieces
    )


def _page_of(named: str) -> str | None:
    if named in CARRIED:
        return CARRIED[named]
    if named == "README.md":
        return "index.md"
    return named.removeprefix("docs/") if named.startswith("docs/") else None
