import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with the real data, named by NAS_DATA."""
    named = os.environ.get("NAS_DATA")
    if not named:
        pytest.skip("NAS_DATA is not set: it names the folder with accel_nasbench.csv.gz")
    folder = Path(named)
    if not (folder / "accel_nasbench.csv.gz").is_file():
        pytest.skip(f"NAS_DATA is {named}, which holds no accel_nasbench.csv.gz")
    return folder


@pytest.fixture
def wrong_block() -> str:
    """The name of a block kind whose cost rule is off by one FLOP."""
    return "wrong_block:WRONG"
