import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What tests draw from torch without a generator is the same in every run."""
    # A test that needs no torch does not wait for it.
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


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


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def nas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """Run `nas ARGUMENT...` in this process, in an empty working folder."""
    from nas.cli.main import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Finished:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        code = ended.value.code
        return Finished(code if isinstance(code, int) else 0, written.out, written.err)

    return run
