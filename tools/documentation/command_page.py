"""A page of the command reference, from the command itself: click's parameters and help text."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import click

from nas.cli.main import COMMANDS, cli
from tools.documentation.examples import EXAMPLES, GUIDES, Example
from tools.documentation.help_text import HelpText, as_markdown, read_help

ROOT = Path(__file__).resolve().parents[2]


def command_page(name: str, docs: Path) -> str:
    """The page of `nas NAME` as Markdown; `docs` is where the pages to link to lie."""
    command = find_command(name)
    links = ", ".join(_guide_links(name, docs))
    lines = [f"# nas {name}", "", *_body(command, f"nas {name}", "##", links)]
    if isinstance(command, click.Group):
        for part in command.commands.values():
            full = f"{name} {part.name}"
            lines += [f"## nas {full}", "", *_body(part, f"nas {full}", "###")]
    return _with_links("\n".join(lines), docs)


def command_table() -> str:
    """All commands, one row each, linked to their pages."""
    rows = [f"| [`nas {name}`]({name}.md) | {text} |" for name, text in COMMANDS.items()]
    return "\n".join(["| command | does |", "|---|---|", *rows])


def find_command(name: str) -> click.Command:
    """The command as `nas` would call it."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"nas {name} is in COMMANDS"
    return command


def examples_of(command: click.Command, full_name: str) -> list[Example]:
    """Ours, then those of the help text; a line in both is shown once."""
    ours = list(EXAMPLES.get(full_name.removeprefix("nas "), ()))
    typed = {example.line for example in ours}
    in_help = _from_help(read_help(command.help or "").examples)
    return [*ours, *(example for example in in_help if example.line not in typed)]


def _body(command: click.Command, full_name: str, heading: str, links: str = "") -> list[str]:
    context = click.Context(command, info_name=full_name)
    text = read_help(command.help or "")
    usage = " ".join([full_name, *command.collect_usage_pieces(context)])
    first, *others = [as_markdown(paragraph) for paragraph in text.prose]
    lines = [first, "", "```text", usage, "```", ""]
    for paragraph in others:
        lines += [paragraph, ""]
    if links:
        lines += [f"More about it: {links}.", ""]
    lines += _examples(examples_of(command, full_name), heading)
    lines += _options(command, context, heading)
    return lines + _json_keys(text, heading)


def _examples(examples: Sequence[Example], heading: str) -> list[str]:
    if not examples:
        return []
    lines = [f"{heading} Examples", ""]
    plain = [example for example in examples if not example.shown]
    if plain:
        # Remarks stand in a column, unless one line is so long that it would push them away.
        width = max((len(example.line) for example in plain if len(example.line) < 56), default=0)
        typed = [
            f"{example.line:<{width}}  # {example.remark}" if example.remark else example.line
            for example in plain
        ]
        lines += ["```sh", *typed, "```", ""]
    for example in examples:
        if example.shown:
            lines += ["```sh", example.line, "```", "", "```text", printed(example.line), "```", ""]
    return lines


def _options(command: click.Command, context: click.Context, heading: str) -> list[str]:
    records = [
        record
        for option in command.params
        if isinstance(option, click.Option) and (record := option.get_help_record(context))
    ]
    if not records:
        return []
    rows = [f"| {_names(names)} | {_meaning(meaning)} |" for names, meaning in records]
    return [f"{heading} Options", "", "| option | what it does |", "|---|---|", *rows, ""]


def _names(names: str) -> str:
    # Code spans do not break at their spaces, and the column would be as wide as its longest.
    *others, last = names.split(", ")
    flag, _, value = last.partition(" ")
    spans = ", ".join(f"`{name}`" for name in (*others, flag))
    return f"{spans} `{value.replace(' RANGE', '')}`" if value else spans


def _meaning(meaning: str) -> str:
    # What click adds in brackets at the end: defaults, ranges, "required".
    text, bracket, rest = meaning.partition("  [")
    extra = f" *{as_markdown(rest.rstrip(']'))}*" if bracket else ""
    return (as_markdown(text) + extra).strip()


def _json_keys(text: HelpText, heading: str) -> list[str]:
    if not text.json_keys:
        return []
    lines = [f"{heading} Keys of the JSON document", ""]
    for document in text.json_keys:
        document = re.sub(r"^(Keys of )?--json", "`--json`", document)
        lines += [as_markdown(document), ""]
    return lines


def _from_help(lines: Sequence[str]) -> Iterator[Example]:
    """Lines of a help text: a command, two spaces or more, a remark; or a remark's next line."""
    read: list[tuple[str, list[str]]] = []
    for line in lines:
        typed, _, remark = line.strip().partition("  ")
        if line.startswith(" ") and read:
            read[-1][1].append(line.strip())
        else:
            read.append((typed, [remark.strip()] if remark else []))
    for typed, remarks in read:
        yield Example(typed, " ".join(remarks))


def _guide_links(name: str, docs: Path) -> Iterator[str]:
    for page in dict.fromkeys((*GUIDES.get(name, ()), f"{name}.md")):
        file = docs / page
        if file.is_file():
            title = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
            yield f"[{title}](../{page})"


def _with_links(page: str, docs: Path) -> str:
    """A help text names a page by its place in the repository, docs/NAME.md."""

    def linked(name: re.Match[str]) -> str:
        return f"[{name[0]}](../{name[1]})" if (docs / name[1]).is_file() else name[0]

    return re.sub(r"\bdocs/([\w-]+\.md)", linked, page)


@cache
def printed(line: str) -> str:
    """What a command prints, run in an empty folder. Raises: RuntimeError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "nas", *shlex.split(line)[1:]],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"`{line}` failed: {done.stderr.strip()}")
    return done.stdout.rstrip()
