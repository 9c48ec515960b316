"""docs/tutorial.md: its files written, its commands run in order, its output compared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from documentation_pages import DOCS, ROOT

from nas.cli.main import main

PAGE = (DOCS / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A command of the page and what the page says it prints; "" where it says nothing."""

    command: str
    shown: str


def steps() -> list[Step]:
    found = []
    for place, (language, text) in enumerate(BLOCKS):
        following = BLOCKS[place + 1] if place + 1 < len(BLOCKS) else ("", "")
        if language == "sh":
            shown = following[1] if following[0] == "text" else ""
            (command,) = re.sub(r"\\\n\s*", "", text.strip()).splitlines()
            found.append(Step(command, shown))
    return found


STEPS = steps()
FILES = {text.split()[1]: text for language, text in BLOCKS if language == "python"}

# What these print is the same on every machine; of the others, which network was found and how
# accurate it is depends on how a processor rounds.
SAME_EVERYWHERE = ("nas data info",)
# A sentence about how the comparison came out.
_VERDICT = re.compile(
    r"None is above|The found network|The search did not|Best at equal cost|A tie|No network of"
)


def test_the_page_is_made_of_these_blocks() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "python", "text"}
    assert list(FILES) == ["draw.py", "classify.py"]
    commands = [" ".join(step.command.split()[:2]) for step in STEPS]
    assert commands == [
        "pip install",
        "python draw.py",
        "nas data",
        "nas search",
        "nas search",
        "nas status",
        "nas trust",
        "nas fit-scaling",
        "nas family",
        "nas train",
        "nas predict",
        "nas export",
        "python classify.py",
    ]
    assert all(step.shown for step in STEPS if step.command.startswith("nas "))


def test_what_is_left_does_not_import_nas() -> None:
    assert "nas" not in re.findall(r"^(?:import|from) (\w+)", FILES["classify.py"], re.MULTILINE)
    assert "nas" in re.findall(r"^(?:import|from) (\w+)", FILES["draw.py"], re.MULTILINE)


def labels(text: str) -> list[str]:
    """How each line begins, up to two spaces or a colon, with # for numbers; data are left out."""
    found = []
    for line in text.splitlines():
        label = re.sub(r"[\d.,]+[kMG]?", "#", re.split(r"\s{2,}|: |, ", line.strip())[0])
        if label and not label.startswith("#") and label != "…" and not _VERDICT.match(label):
            found.append(label)
    return found


def run_program(command: str, folder: Path) -> str:
    """Run `python FILE ...` as a reader would; `nas` can be imported, as after an installation."""
    done = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_tutorial_works_from_the_folder_to_onnx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    printed: dict[str, str] = {}
    for step in STEPS:
        program, *arguments = shlex.split(step.command)
        if program == "pip":
            continue
        if program == "python":
            printed[step.command] = run_program(step.command, tmp_path)
            continue
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        assert not ended.value.code, f"{step.command}\n{captured.err}"
        out = printed[step.command] = captured.out
        if step.command.startswith(SAME_EVERYWHERE):
            assert out.strip() == step.shown.strip()
        missing = set(labels(step.shown)) - set(labels(out))
        assert not missing, f"{step.command} prints\n{out}"
    # The exported file says what `nas predict` said of the same image.
    (predicted,) = (out for command, out in printed.items() if command.startswith("nas predict"))
    (classified,) = (out for command, out in printed.items() if "classify.py" in command)
    name, chance = classified.split()
    first = predicted.splitlines()[0].split(maxsplit=1)[1]
    assert first.startswith(name)
    assert float(re.search(r"([\d.]+) %", first)[1]) == pytest.approx(  # type: ignore[index]
        float(chance.rstrip("%")), abs=0.2
    )
