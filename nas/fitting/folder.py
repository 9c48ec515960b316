"""The folder of a fit.

fit.json         settings, command, versions: written first
data.json        what images it began with
epochs-N/        the trainings of one length: an Optuna study in a journal, checkpoints
coefficients.json, grid.csv, surface.png, summary.md   results, the coefficients last
lock             held while a process works on the fit
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.files import make_folder, write_text_atomic
from nas.fitting.config import FitConfig
from nas.runs.records import is_leftover, versions

SETTINGS = "fit.json"
SCHEMA = 1


def check_folder(folder: Path, config: FitConfig) -> bool:
    """Whether the folder holds a fit that `config` goes on with; False where it would begin one.

    Raises: RunError if the folder is foreign, damaged, or of another configuration, which is named.
    """
    if (folder / SETTINGS).exists():
        difference = read_fit(folder).difference(config)
        if difference is not None:
            raise RunError(
                f"the fit in {folder} was started with other settings ({difference}); use its "
                "settings to go on, or another --out"
            )
        return True
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; --out must name a folder")
    if folder.is_dir() and any(not is_leftover(entry.name) for entry in folder.iterdir()):
        raise RunError(
            f"{folder} holds files but no {SETTINGS}, so it is no fit; choose another --out"
        )
    return False


def open_fit(folder: Path, config: FitConfig, command: str) -> None:
    """Write the settings of a fit, new or changed in what may change. Raises as `check_folder`."""
    if check_folder(folder, config) and read_fit(folder) == config:
        return
    document = {
        "schema": SCHEMA,
        "kind": "fit",
        "command": command,
        "config": config.to_dict(),
        "created": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "versions": versions(),
    }
    make_folder(folder)
    write_text_atomic(folder / SETTINGS, json.dumps(document, indent=2) + "\n")


def read_fit(folder: Path) -> FitConfig:
    """A fit's settings. Raises: RunError if the folder is no fit or damaged."""
    marker = folder / SETTINGS
    try:
        document: Any = json.loads(marker.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder} is no fit: it holds no {SETTINGS}") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{marker} cannot be read: {error}") from None
    if not isinstance(document, dict) or "config" not in document:
        raise RunError(f"{marker} is damaged: it holds no configuration")
    if document.get("schema") != SCHEMA:
        raise RunError(
            f"{marker} has schema {document.get('schema')}; this version reads {SCHEMA}: update it"
        )
    return FitConfig.from_dict(document["config"])
