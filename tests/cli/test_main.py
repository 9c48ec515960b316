"""The command as a whole: help, completion, unknown commands, our own mistakes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nas.cli.main import COMMANDS


def nas(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nas", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_help_lists_every_command() -> None:
    done = nas("--help")
    assert done.returncode == 0
    assert all(f"  {name}" in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_documents_its_json(command: str) -> None:
    done = nas(command, "--help")
    assert done.returncode == 0
    assert "--json" in done.stdout
    assert done.stdout.count("--json") >= 2, "the keys are documented"


def test_an_unknown_command_is_one_line() -> None:
    done = nas("serach")
    assert done.returncode == 2
    assert (
        done.stderr == "nas: unknown command 'serach'; did you mean 'search'? (see `nas --help`)\n"
    )


def test_no_command_shows_the_help() -> None:
    done = nas()
    assert "Commands:" in done.stdout + done.stderr


def test_shells_complete_commands_and_options() -> None:
    environment = {"_NAS_COMPLETE": "bash_complete", "COMP_WORDS": "nas sea", "COMP_CWORD": "1"}
    assert "search" in nas(**environment).stdout
    words = "nas search --max-l"
    environment = {"_NAS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
    assert "--max-latency" in nas(**environment).stdout


def test_debug_shows_the_traceback_of_an_error() -> None:
    plain = nas("cost", "nothing")
    assert plain.returncode == 2
    assert "Traceback" not in plain.stderr
    assert "Traceback" in nas("--debug", "cost", "nothing").stderr
