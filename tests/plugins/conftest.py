from collections.abc import Callable
from pathlib import Path

import pytest
from offering import Installer

# Their own tests run in a process of their own, where the package is installed.
collect_ignore = ["ghost-nas", "broken-nas"]

PACKAGES = Path(__file__).parent

Install = Callable[..., None]


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Installs packages for this test: a folder on the path with their metadata."""
    made = Installer(tmp_path / "site")
    monkeypatch.syspath_prepend(str(made.folder))
    return made


@pytest.fixture
def ghost(installer: Installer) -> Installer:
    """ghost-nas and broken-nas, installed."""
    installer.install(PACKAGES / "ghost-nas")
    installer.install(PACKAGES / "broken-nas")
    return installer
