"""Measuring a work file: here, stopped and begun again, and by the script that needs no nas."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from latency_space import small_work

from nas.latency.script import PARTS, _source, script_text
from nas.latency.work import GROUP, groups_of, measure_work


@pytest.fixture(scope="module")
def few() -> dict[str, Any]:
    """Two groups of items a pass."""
    return small_work(most_parts=GROUP, fit_networks=3, check_networks=3)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("device", ["onnxruntime", "cpu"])
def test_every_item_is_read_in_every_pass(few: dict[str, Any], device: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results = measure_work(few, path, device=device, threads=1, passes=2, rounds=2)
    assert json.loads(path.read_text()) == results
    assert len(results["readings"]) == GROUP + 6
    for readings in results["readings"].values():
        assert [len(each) for each in readings] == [2, 2]
        assert all(ms > 0 for each in readings for ms in each)
    assert results["layout"] in ("the runtime's own", "contiguous", "channels-last")
    assert results["device"]["kind"] == device


def test_a_stopped_run_goes_on_where_it_was(few: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    def stop(done: int, groups: int) -> None:
        if done == 3:
            raise StoppedError

    settings = {"device": "onnxruntime", "threads": 1, "passes": 2, "rounds": 2}
    with pytest.raises(StoppedError):
        measure_work(few, path, progress=stop, **settings)
    before = json.loads(path.read_text())
    assert before["groups_done"] == 3
    after = measure_work(few, path, **settings)
    assert after["groups_done"] == len(groups_of(few, 2)) == 4
    for item, readings in before["readings"].items():
        assert after["readings"][item][: len(readings)] == readings
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_results_of_something_else_are_left_alone(few: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    settings = {"device": "onnxruntime", "threads": 1, "passes": 1, "rounds": 2}
    measure_work(few, path, **settings)
    kept = path.read_text()
    with pytest.raises(ValueError, match="another work file"):
        measure_work({**few, "seed": 7}, path, **settings)
    with pytest.raises(ValueError, match=r"begun with (torch|onnxruntime)"):
        measure_work(few, path, **{**settings, "device": "cpu"})
    with pytest.raises(ValueError, match="1 passes of 2 rounds"):
        measure_work(few, path, **{**settings, "rounds": 3})
    assert path.read_text() == kept
    path.write_text("{}")
    with pytest.raises(ValueError, match="holds no results"):
        measure_work(few, path, **settings)


def run_script(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The script in a process in which nothing of nas can be imported."""
    code = (
        "import runpy, sys; sys.modules['nas'] = None; "
        f"sys.argv = ['measure.py', *{list(arguments)!r}]; "
        "runpy.run_path('measure.py', run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True, timeout=240
    )


@pytest.mark.parametrize("device", ["onnxruntime", "cpu"])
def test_the_script_measures_without_nas(few: dict[str, Any], device: str, tmp_path: Path) -> None:
    (tmp_path / "measure.py").write_text(script_text())
    (tmp_path / "measure.work.json").write_text(json.dumps(few))
    size = ("--device", device, "--passes", "1", "--rounds", "2")
    done = run_script(tmp_path, "measure.work.json", "-o", "results.json", *size)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["groups_done"] == 2
    # Finished here: the same work, device and results.
    again = measure_work(
        few, tmp_path / "results.json", device=device, threads=1, passes=1, rounds=2
    )
    assert again == results


def test_the_script_refuses_bad_input_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "measure.py").write_text(script_text())
    (tmp_path / "other.json").write_text('{"a": 1}')
    for arguments in (
        ("other.json", "-o", "r.json"),
        ("absent.json", "-o", "r.json"),
        ("other.json", "-o", "r.json", "--device", "tpu"),
        ("other.json", "-o", "r.json", "--threads", "0"),
    ):
        done = run_script(tmp_path, *arguments)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1


def test_the_joined_files_share_no_name() -> None:
    """One would replace the other's in the script, and only there."""
    seen: dict[str, str] = {}
    for part in PARTS:
        for node in ast.parse(_source(part)).body:
            names = []
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [each.id for each in node.targets if isinstance(each, ast.Name)]
            for name in names:
                assert name not in seen, f"{name} is in {seen[name]} and in {part}"
                seen[name] = part


def test_the_script_imports_no_more_than_it_says() -> None:
    found = set()
    for node in ast.walk(ast.parse(script_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    assert found - set(sys.stdlib_module_names) == {"numpy", "torch"}
