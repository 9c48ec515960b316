"""One driver of a shared search, with a short grace: python shared_driver.py URL FOLDER ..."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from nas.errors import NasError
from nas.runs.records import locked, open_run
from nas.searching.config import SearchConfig
from nas.searching.loop import make_executor
from nas.searching.problem import load_problem
from nas.shared.driver import SharedSearch
from nas.shared.storage import SharedSettings

QUICK = SharedSettings(heartbeat=1, grace=2, patience=2.0)


def main(url: str, folder: str, settings: str, workers: str) -> None:
    config = SearchConfig(400_000_000, storage=url, **json.loads(settings))
    problem = load_problem(config)
    run = open_run(Path(folder), config, "nas search")
    with locked(run.folder):
        executors = [make_executor(problem, run, 1, number) for number in range(int(workers))]
        try:
            outcome = SharedSearch(problem, run, executors, settings=QUICK).execute()
        except NasError as error:
            sys.exit(f"nas: {error}")
    print(json.dumps({"evaluations": outcome.evaluations, "stopped": outcome.stopped}))


if __name__ == "__main__":
    main(*sys.argv[1:])
