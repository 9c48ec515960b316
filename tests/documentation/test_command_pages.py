"""The command reference is made from the commands, all of them."""

from __future__ import annotations

import re

import click
import pytest
from documentation_pages import DOCS, Shown
from test_command_lines import problem_of

from nas.cli.main import COMMANDS
from tools.documentation import command_page
from tools.documentation.command_page import command_table, examples_of, find_command
from tools.documentation.examples import EXAMPLES, GUIDES
from tools.documentation.help_text import as_markdown, read_help


def parts_of(name: str) -> list[tuple[str, click.Command]]:
    """A command, or the commands of a group, with the names that are typed."""
    command = find_command(name)
    if isinstance(command, click.Group):
        return [(f"{name} {part}", found) for part, found in command.commands.items()]
    return [(name, command)]


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_page, "printed", lambda line: f"what {line} prints")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_every_option(name: str) -> None:
    page = command_page.command_page(name, DOCS)
    for full_name, command in parts_of(name):
        assert f"nas {full_name}" in page
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert all(f"`{flag}`" in page for flag in parameter.opts)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_examples_that_are_taken(name: str) -> None:
    # A group may show its commands' examples in its own help.
    of_group = examples_of(find_command(name), f"nas {name}")
    for full_name, command in parts_of(name):
        examples = examples_of(command, f"nas {full_name}") + [
            example for example in of_group if example.line.startswith(f"nas {full_name} ")
        ]
        assert examples, f"give `nas {full_name}` an example: tools/documentation/examples.py"
        for example in examples:
            assert (
                problem_of(Shown(example.line.partition(" -m ")[2] or example.line, True)) is None
            )


def test_examples_and_guides_are_of_commands_and_pages() -> None:
    names = {full_name for name in COMMANDS for full_name, _ in parts_of(name)}
    assert set(EXAMPLES) <= names
    for name in set(GUIDES) & set(COMMANDS):
        assert all((DOCS / page).is_file() for page in GUIDES[name])


def test_the_table_has_every_command() -> None:
    assert re.findall(r"\[`nas ([\w-]+)`\]\(([\w-]+)\.md\)", command_table()) == [
        (name, name) for name in COMMANDS
    ]


def test_help_is_divided_into_prose_examples_and_keys() -> None:
    text = read_help(
        """Do it.

        More about DIR/*/x
        and so on.

        \b
        nas do it            once
        nas do it --again    and again

        \b
        --json: one, two (three,
        four), five.
        With --dry-run: six.
        """
    )
    assert text.prose == ("Do it.", "More about DIR/*/x and so on.")
    assert text.examples == ("nas do it            once", "nas do it --again    and again")
    assert text.json_keys == ("--json: one, two (three, four), five.", "With --dry-run: six.")


def test_help_has_no_markup_by_accident() -> None:
    assert as_markdown("runs/<date>, DIR/*/x; a|b `*`  with --json") == (
        r"runs/&lt;date>, DIR/\*/x; a\|b `*` with `--json`"
    )
