"""What stands in a search's way is told in one line, and what was saved stays saved."""

from __future__ import annotations

import csv
import os
import resource
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SEARCH = ("search", "-t", "400M", "--evaluator", "toys:Toy", "--sampler", "random", "--quiet")


def _environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **more}


def search(
    cwd: Path, *arguments: str, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nas", *SEARCH, *arguments],
        cwd=cwd,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        preexec_fn=before,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a search that could not go on."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr.strip()


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "trials.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def undisturbed(folder: Path, trials: int) -> list[dict[str, str]]:
    assert search(folder, "--trials", str(trials), "--out", "whole").returncode == 0
    return rows(folder / "whole")


@contextmanager
def tiny_disk(folder: Path) -> Iterator[Callable[[str], None]]:
    """A file system of 400 kB in `folder`, and what mounts it anew with other options."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a small file system")
    try:
        yield lambda options: _mount_again(folder, options)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount_again(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def test_a_full_disk_ends_the_search_and_more_room_goes_on(tmp_path: Path) -> None:
    whole = undisturbed(tmp_path, 150)
    with tiny_disk(tmp_path / "disk") as mount_again:
        arguments = ("--trials", "150", "--out", "disk/run")
        line = refused(search(tmp_path, *arguments))
        assert "No space left on device" in line
        assert "the same command goes on" in line
        assert "No space left on device" in refused(search(tmp_path, *arguments))
        mount_again("size=20m")
        assert search(tmp_path, *arguments).returncode == 0
        assert rows(tmp_path / "disk" / "run") == whole


def test_a_file_system_that_is_read_only_is_told(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk") as mount_again:
        assert search(tmp_path, "--trials", "5", "--out", "disk/run").returncode == 0
        mount_again("ro")
        again = ("--trials", "6", "--out", "disk/run")
        assert "Read-only file system" in refused(search(tmp_path, *again))
        assert "Read-only file system" in refused(search(tmp_path, "--out", "disk/new"))
        mount_again("rw")
        assert search(tmp_path, *again).returncode == 0


def test_a_journal_that_may_not_grow_ends_the_search_and_loses_nothing(tmp_path: Path) -> None:
    """A quota stands in for a full disk where nobody may mount one."""
    whole = undisturbed(tmp_path, 60)
    arguments = ("--trials", "60", "--out", "run")

    def quota() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    assert "File too large" in refused(search(tmp_path, *arguments, before=quota))
    assert search(tmp_path, *arguments).returncode == 0
    assert rows(tmp_path / "run") == whole


@contextmanager
def unwritable(file: Path) -> Iterator[None]:
    """A file that nobody, not even root, may write."""
    if os.geteuid() != 0:
        file.chmod(stat.S_IRUSR)
        yield
        file.chmod(stat.S_IRUSR | stat.S_IWUSR)
        return
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", str(file)], capture_output=True, check=False).returncode
    ):
        pytest.skip("this file system has no files that root cannot write")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(file)], check=True)


def test_a_read_only_journal_is_told_in_one_line(tmp_path: Path) -> None:
    assert search(tmp_path, "--trials", "5", "--out", "run").returncode == 0
    journal = tmp_path / "run" / "study.journal"
    before = journal.read_bytes()
    with unwritable(journal):
        line = refused(search(tmp_path, "--trials", "6", "--out", "run"))
        assert "see that it can be written" in line
        assert "not permitted" in line or "denied" in line
    assert journal.read_bytes() == before
    assert search(tmp_path, "--trials", "6", "--out", "run").returncode == 0


def test_a_read_only_database_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    going = ("--trials", "6", "--out", "run", "--storage", f"sqlite:///{file}")
    read_only = f"sqlite:///file:{file}?mode=ro&uri=true"
    assert search(tmp_path, *going[2:], "--trials", "5").returncode == 0
    line = refused(search(tmp_path, *going[:4], "--storage", read_only))
    assert "readonly database" in line
    assert search(tmp_path, *going).returncode == 0
    assert len(rows(tmp_path / "run")) == 6


def test_a_run_in_use_is_refused_and_undisturbed(tmp_path: Path) -> None:
    whole = undisturbed(tmp_path, 8)
    arguments = [*SEARCH[:4], "toys:Slow", *SEARCH[5:], "--trials", "8", "--out", "run"]
    first = subprocess.Popen(
        [sys.executable, "-m", "nas", *arguments],
        cwd=tmp_path,
        env=_environment(TOY_LOG="log", TOY_SECONDS="0.5"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 240
    while not (tmp_path / "log").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    second = subprocess.run(
        [sys.executable, "-m", "nas", *arguments],
        cwd=tmp_path,
        env=_environment(TOY_LOG="log"),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert f"is in use by process {first.pid}" in refused(second)
    assert first.wait(timeout=240) == 0
    assert len((tmp_path / "log").read_text().split()) == 8
    assert [r["digest"] for r in rows(tmp_path / "run")] == [r["digest"] for r in whole]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:secret@127.0.0.1:9/nas", "check the URL, and that the server runs"),
        ("postgresql:nonsense", "check the URL"),
        ("nosuch://host/x", "cannot open --storage nosuch://host/x"),
        ("mysql://me:secret@host/x", "pip install pymysql"),
    ],
)
def test_a_database_out_of_reach_is_told_without_the_password(
    tmp_path: Path, url: str, said: str
) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra `postgres`)")
    line = refused(search(tmp_path, "--out", "run", "--storage", url))
    assert said in line
    assert "secret" not in line


def test_a_missing_driver_names_the_extra(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['psycopg'] = None; from nas.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, *SEARCH, "--storage", "postgresql://host/nas"],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert "pip install 'compound-nas[postgres]'" in refused(done)
