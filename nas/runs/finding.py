"""Which run a person means: a folder, a name below runs/, or the one that was worked on last.

The folder of `nas run` holds its search in `search/`, and stands for it wherever a search is asked
for.
"""

from __future__ import annotations

from pathlib import Path

from nas.errors import RunError

RUNS = Path("runs")
MARKER = "run.json"
"""The file that marks the folder of a search."""

SEARCH = "search"
"""The search's place in the folder of `nas run`."""

PIPELINE = "state.json"
"""The file that marks the folder of `nas run`."""

# What is written while a search, or a `nas run`, is at work.
_CHANGING = (MARKER, "study.journal", "best.json", PIPELINE)
_HOW = "make one with `nas search --target-flops 400M`"


def run_folders(runs: Path = RUNS) -> list[Path]:
    """The folders of searches right below `runs`."""
    return [entry for entry in _below(runs) if (entry / MARKER).is_file()]


def searches(runs: Path = RUNS) -> list[Path]:
    """The folders of searches below `runs`, those inside a `nas run` too."""
    inside = [entry / SEARCH for entry in _below(runs) if (entry / PIPELINE).is_file()]
    return run_folders(runs) + [folder for folder in inside if (folder / MARKER).is_file()]


def newest_run(runs: Path = RUNS) -> Path:
    """The search that was worked on last. Raises: RunError if there is none."""
    folders = searches(runs)
    if not folders:
        raise RunError(f"no run found in {runs}/; {_HOW}")
    return max(folders, key=lambda folder: (_last_change(folder), str(folder)))


def newest_folder(runs: Path = RUNS) -> Path:
    """What was worked on last, of searches and of `nas run`s as a whole. Raises: RunError."""
    whole = [entry for entry in _below(runs) if (entry / PIPELINE).is_file()]
    folders = {*whole, *run_folders(runs)}
    if not folders:
        raise RunError(f"no run found in {runs}/; {_HOW}")
    return max(folders, key=lambda folder: (_last_change(folder), folder.name))


def existing(asked: Path) -> Path:
    """A folder by its path, or by its name below runs/ where there is no such path."""
    return RUNS / asked if not asked.exists() and (RUNS / asked).is_dir() else asked


def search_folder(asked: Path | None) -> Path:
    """The folder of the search that is meant; the newest one for None.

    It need not exist: whoever reads it says what is wrong. Raises: RunError where none is named and
    there is none.
    """
    if asked is None:
        return newest_run()
    folder = existing(asked)
    inside = folder / SEARCH
    return inside if (inside / MARKER).is_file() and not (folder / MARKER).is_file() else folder


def _below(runs: Path) -> list[Path]:
    return [entry for entry in runs.iterdir() if entry.is_dir()] if runs.is_dir() else []


def _last_change(folder: Path) -> int:
    """When a folder was last worked on, in nanoseconds."""
    places = (folder, folder / SEARCH) if (folder / PIPELINE).is_file() else (folder,)
    written = [place / name for place in places for name in _CHANGING]
    return max(path.stat().st_mtime_ns for path in written if path.exists())
