"""The settings of a fit or a study: one JSON file in its folder, written before anything else."""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from nas.errors import RunError
from nas.files import make_folder, write_text_atomic
from nas.runs.data_record import keep_data
from nas.runs.records import is_leftover, locked, provenance

if TYPE_CHECKING:
    from nas.data.images import DataSet


class Settings(Protocol):
    """What a folder remembers."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""

    def difference(self, other: Self) -> str | None:
        """How `other` differs in what must stay the same; None if it does not."""


Config = TypeVar("Config", bound=Settings)


@dataclass(frozen=True)
class SettingsFile(Generic[Config]):
    """The file that marks a folder as a `kind` ("fit") and holds its settings.

    from_dict: reads `to_dict`'s output again, or raises RunError. early: files that may be in the
    folder before this one.
    """

    kind: str
    schema: int
    from_dict: Callable[[Any], Config]
    early: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """fit.json of a fit."""
        return f"{self.kind}.json"

    def check(self, folder: Path, config: Config) -> bool:
        """Whether the folder holds a `kind` that `config` goes on with; False where it is free.

        Raises: RunError if it is foreign, damaged, or of another configuration, which is named.
        """
        if (folder / self.name).exists():
            difference = self.read(folder).difference(config)
            if difference is not None:
                raise RunError(
                    f"the {self.kind} in {folder} was started with other settings ({difference}); "
                    "use its settings to go on, or another --out"
                )
            return True
        if folder.exists() and not folder.is_dir():
            raise RunError(f"{folder} is a file; --out must name a folder")
        if folder.is_dir() and any(
            not is_leftover(entry.name) and entry.name not in self.early
            for entry in folder.iterdir()
        ):
            raise RunError(
                f"{folder} holds files but no {self.name}, so it is no {self.kind}; choose another "
                "--out"
            )
        return False

    def write(self, folder: Path, config: Config, command: str) -> None:
        """Write the settings, new or changed in what may change. Raises as `check`."""
        if self.check(folder, config) and self.read(folder) == config:
            return
        document = {
            "schema": self.schema,
            "kind": self.kind,
            "command": command,
            "config": config.to_dict(),
            "created": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            **provenance(),
        }
        make_folder(folder)
        write_text_atomic(folder / self.name, json.dumps(document, indent=2) + "\n")

    @contextmanager
    def at_work(
        self, folder: Path, config: Config, images: DataSet | None, command: str
    ) -> Iterator[None]:
        """Hold the folder, with its settings and its images on record.

        What is printed meanwhile, by evaluators, goes to stderr: it is no part of the result.
        Raises: RunError as `check`, or if the folder is in use or began with other images.
        """
        self.check(folder, config)
        make_folder(folder)
        with locked(folder):
            self.write(folder, config, command)
            if images is not None:
                keep_data(folder, images)
            with contextlib.redirect_stdout(sys.stderr):
                yield

    def read(self, folder: Path) -> Config:
        """The settings of a folder. Raises: RunError if it is no `kind` or damaged."""
        marker = folder / self.name
        try:
            document: Any = json.loads(marker.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{folder} is no {self.kind}: it holds no {self.name}") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{marker} cannot be read: {error}") from None
        if not isinstance(document, dict) or "config" not in document:
            raise RunError(f"{marker} is damaged: it holds no configuration")
        if document.get("schema") != self.schema:
            raise RunError(
                f"{marker} has schema {document.get('schema')}; this version reads {self.schema}: "
                "update it"
            )
        return self.from_dict(document["config"])
