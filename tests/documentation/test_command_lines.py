"""Every `nas ...` that a page shows is one that `nas` takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from documentation_pages import PAGES, Shown, named, shown_commands

from nas.cli.main import COMMANDS, cli

PLACEHOLDER = re.compile(r"[A-Z][A-Z_0-9]*(=.*)?|.*(\.\.\.|…).*")
"""What stands for something of the reader's: DIR, RUN, trained/.../weights.safetensors."""


def problem_of(shown: Shown) -> str | None:
    """Why `nas` would not take a line; None if it would."""
    # [--verify] is an option that may be left out, ARCH\|WEIGHTS a choice in a table's cell.
    plain = re.sub(r"[\[\]]", "", shown.line.replace(r"\|", "|"))
    words = shlex.split(plain, comments=True)[1:]
    if not words or words[0].startswith("-") or PLACEHOLDER.fullmatch(words[0]):
        return None
    name, *words = words
    if name not in COMMANDS:
        return f"no command '{name}'"
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    context = click.Context(command, info_name=name)
    if isinstance(command, click.Group):
        if not words or PLACEHOLDER.fullmatch(words[0]):
            return None
        name, *words = words
        part = command.get_command(context, name)
        if part is None:
            return f"no command '{name}'"
        command, context = part, click.Context(part, info_name=name)
    return _problem_of_arguments(command, context, words, shown.whole)


def _problem_of_arguments(
    command: click.Command, context: click.Context, words: list[str], whole: bool
) -> str | None:
    fragment = not whole or any(word in ("...", "…") for word in words)
    try:
        values, rest, _ = command.make_parser(context).parse_args(
            [word.rstrip(",") for word in words] if fragment else list(words)
        )
    except click.BadOptionUsage as error:
        # A sentence may name an option without its value: `nas search --warm-start`.
        return None if fragment else error.format_message()
    except click.UsageError as error:
        return error.format_message()
    left_over = [word for word in rest if word not in ("...", "…")]
    if left_over:
        return f"'{left_over[0]}' is one argument too many"
    for parameter in command.params:
        given = values.get(parameter.name or "")
        # Paths and networks are the reader's own, and need not be here.
        if isinstance(given, str) and isinstance(
            parameter.type, click.Choice | click.IntRange | click.FloatRange
        ):
            if PLACEHOLDER.fullmatch(given):
                continue
            try:
                parameter.type.convert(given, parameter, context)
            except click.BadParameter as error:
                return error.format_message()
        if parameter.required and not given and not fragment and "--help" not in words:
            return f"{parameter.opts[0]} is missing"
    return None


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_commands_of_a_page_are_taken(page: Path) -> None:
    problems = {
        shown.line: problem
        for shown in shown_commands(page.read_text(encoding="utf-8"))
        if (problem := problem_of(shown)) is not None
    }
    assert not problems


def test_the_readme_shows_commands() -> None:
    readme = next(page for page in PAGES if page.name == "README.md")
    assert len(shown_commands(readme.read_text(encoding="utf-8"))) > 20


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nas serach --target-flops 400M", "no command 'serach'"),
        ("nas search --target-flop 400M", "No such option"),
        ("nas export W --to keras", "'keras' is not one of"),
        ("nas fit-scaling extra", "one argument too many"),
        ("nas train ARCH", "--data is missing"),
        ("nas data inspect DIR", "no command 'inspect'"),
        ("nas search -t 1M --trials", "requires an argument"),
    ],
)
def test_a_wrong_line_is_found(line: str, says: str) -> None:
    assert says in (problem_of(Shown(line, whole=True)) or "")


@pytest.mark.parametrize(
    "line",
    ["nas COMMAND --help", "nas cost ARCH [--verify]", "nas export W --to ...", "nas status"],
)
def test_placeholders_are_passed_by(line: str) -> None:
    assert problem_of(Shown(line, whole=True)) is None
