"""The run folder that a search works in: chosen, opened and held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nas.errors import RunInUseError
from nas.runs.records import Run, choose_folder, locked, open_run
from nas.searching.config import SearchConfig
from nas.shared.database_url import is_shared
from nas.units import format_count


@contextmanager
def working_run(config: SearchConfig, out: Path | None, command: str) -> Iterator[Run]:
    """Hold the run folder of a search: `out`, or the one that `choose_folder` finds.

    Drivers that share a database each need a folder, so one that finds its own in use takes the
    next; any other search is refused then.
    Raises: RunError if the folder is in use, foreign, damaged or of another configuration.
    """
    taken: set[Path] = set()
    with ExitStack() as stack:
        while True:
            folder = out or choose_folder(config, format_count(config.target_flops), taken=taken)
            run = open_run(folder, config, command)
            try:
                stack.enter_context(locked(folder))
                break
            except RunInUseError:
                if out is not None or not is_shared(config.storage):
                    raise
                taken.add(folder)
        yield run
