"""The pages that people read, and the command lines that they show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *DOCS.rglob("*.md"),
        *(ROOT / "nas" / "evaluators" / "data").glob("*.md"),
    ]
)
FENCE = re.compile(r"^[ ]*```(\w*)[^\n]*\n(.*?)^[ ]*```[ ]*$", re.MULTILINE | re.DOTALL)


def named(page: Path) -> str:
    """A page's name for a test's title."""
    return str(page.relative_to(ROOT))


@dataclass(frozen=True)
class Shown:
    """A command line on a page; `whole` if a reader could copy it, not a fragment in a sentence."""

    line: str
    whole: bool


def shown_commands(text: str) -> list[Shown]:
    """Every `nas ...` in blocks and in code spans of a page, in order of kind."""
    blocks = FENCE.findall(text)
    lines = [
        Shown(command, whole=True)
        for language, block in blocks
        if language in ("", "sh", "text", "console")
        for command in _commands(block.replace("\\\n", " "))
    ]
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    return lines + [Shown(command, whole=False) for span in spans for command in _commands(span)]


def _commands(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*\$?\s*(?:torchrun .* -m |timeout \w+ )?(nas [a-zA-Z-].*)", line)
        if match:
            found.append(re.split(r" && | \| |;", match[1])[0].strip())
    return found
