r"""Help texts of click as Markdown: paragraphs, example lines, and what `--json` prints.

In a help text a paragraph that begins with \b is not wrapped again. Ours are of two kinds: lines of
examples, and the keys of `--json`.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

_KEYS = re.compile(r"(Keys of )?--json\b")
# A paragraph of keys goes on with other documents of the command: "With --dry-run: space, ...".
_NEXT_DOCUMENT = re.compile(r"(With|Without|A) ")
_EXAMPLE = re.compile(r"(nas|torchrun) ")


@dataclass(frozen=True)
class HelpText:
    """The parts of one command's help; `examples` has lines as they are typed, with remarks."""

    prose: tuple[str, ...]
    examples: tuple[str, ...]
    json_keys: tuple[str, ...]


def read_help(text: str) -> HelpText:
    """Divide a command's help. A paragraph that is neither prose nor keys is taken as examples."""
    prose: list[str] = []
    examples: list[str] = []
    keys: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        kept = paragraph.startswith("\b")
        lines = paragraph.removeprefix("\b").strip("\n").splitlines()
        if _KEYS.match(lines[0]):
            keys += _documents(lines)
        elif kept or _EXAMPLE.match(lines[0]):
            examples += lines
        else:
            prose.append(" ".join(line.strip() for line in lines))
    return HelpText(tuple(prose), tuple(examples), tuple(keys))


def as_markdown(text: str) -> str:
    """Help text with nothing in it that Markdown would take for markup; options become code."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(piece if piece.startswith("`") else _escaped(piece) for piece in pieces)


def _escaped(prose: str) -> str:
    prose = prose.replace("&", "&amp;").replace("<", "&lt;")
    prose = re.sub(r"([*|])", r"\\\1", prose)
    return re.sub(r"(?<![\w-])(--[a-z][a-z-]*)", r"`\1`", prose)


def _documents(lines: list[str]) -> list[str]:
    documents: list[str] = []
    for line in lines:
        if documents and not _NEXT_DOCUMENT.match(line):
            documents[-1] += f" {line.strip()}"
        else:
            documents.append(line.strip())
    return documents
