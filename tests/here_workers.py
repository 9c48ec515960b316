"""Workers without processes: for tests of what they work on, not of how they are started."""

from __future__ import annotations

from nas.workers import Done, Task, Worker, WorkerSettings


class HereWorkers:
    """Takes the place of `ProcessWorkers`; one task at a time, in this process."""

    def __init__(self, settings: WorkerSettings, workers: int, first: int = 0) -> None:
        self.capacity = 1
        self._worker = Worker(settings)
        self._tasks: list[Task] = []

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def wait(self, timeout: float | None = None) -> list[Done]:
        return [self._worker.work(self._tasks.pop(0))]

    def close(self) -> None:
        pass
