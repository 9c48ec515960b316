"""docs/plugins.md, done as it says: its files written down, its commands run, nothing installed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text()

FILES = {
    match[1]: match[2]
    for match in re.finditer(r"```python\n# (\S+\.py)\n(.*?)```", PAGE, re.DOTALL)
}
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("reader")
    for name, source in FILES.items():
        (made / name).write_text(source)
    return made


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one command of the page in the reader's folder."""
    words = shlex.split(command)
    program = {"nas": ["-m", "nas"], "python": []}[words[0]]
    return subprocess.run(
        [sys.executable, *program, *words[1:]],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_searchable_space_takes_under_60_lines() -> None:
    own = FILES["my_space.py"].splitlines() + FILES["my_evaluator.py"].splitlines()
    assert 0 < len(own) < 60


def test_the_page_has_files_and_commands() -> None:
    assert set(FILES) == {
        "my_space.py",
        "my_evaluator.py",
        "test_my_plugins.py",
        "my_block.py",
        "test_my_block.py",
        "my_reward.py",
    }
    assert len(COMMANDS) == 6


def test_the_commands_of_the_page_work_in_order(folder: Path) -> None:
    for command in COMMANDS:
        result = run(command, folder)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"


def test_a_block_kind_of_ones_own_is_costed_from_a_file(folder: Path) -> None:
    source = FILES["my_space.py"].replace('"mbconv"', '"my_block:PLAIN"')
    (folder / "plain_space.py").write_text(source)
    result = run("nas spaces plain_space:SmallSpace --samples 100", folder)
    assert result.returncode == 0, result.stderr
    assert "small" in result.stdout


def test_the_groups_of_the_page_are_the_ones_that_are_read() -> None:
    from nas.cli.plugins import KINDS

    declared = re.findall(r'\[project\.entry-points\."(nas\.\w+)"\]', PAGE)
    assert declared == [registry.group for registry in KINDS]
    for registry in KINDS:
        assert f"| {registry.what} |" in PAGE
