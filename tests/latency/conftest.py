import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from latency_space import simulated, small_work

from nas.latency.fitting import table_of
from nas.latency.table import LatencyTable


@pytest.fixture(scope="session")
def work() -> dict[str, Any]:
    return small_work()


@pytest.fixture(scope="session")
def table(work: dict[str, Any]) -> LatencyTable:
    return table_of(simulated(work))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a JSON file and return its path."""

    def written(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return written
