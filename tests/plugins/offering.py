"""Installs a package as pip would leave it, without pip: its files and its metadata."""

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path


class Installer:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def install(self, project: Path) -> None:
        """Install the project whose pyproject.toml is in `project`."""
        table = tomllib.loads((project / "pyproject.toml").read_text())
        for package in table["tool"]["setuptools"].get("packages", ()):
            shutil.copytree(project / package, self.folder / package)
        for module in table["tool"]["setuptools"].get("py-modules", ()):
            shutil.copy(project / f"{module}.py", self.folder)
        self.offer(
            table["project"]["name"],
            table["project"]["entry-points"],
            version=table["project"]["version"],
        )

    def offer(
        self, name: str, groups: Mapping[str, Mapping[str, str]], *, version: str = "1.0"
    ) -> None:
        """Write the metadata of a package that offers entry points: group -> name -> target."""
        lines = []
        for group, points in groups.items():
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
        self.metadata(name, "\n".join(lines) + "\n", version)

    def metadata(self, name: str, entry_points: str, version: str = "1.0") -> None:
        """Write a package's metadata with this text of entry_points.txt."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points)

    def module(self, name: str, source: str) -> None:
        """Write a module."""
        (self.folder / f"{name}.py").write_text(source)
