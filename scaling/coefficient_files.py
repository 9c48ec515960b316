"""`coefficients.json`: alpha, beta, gamma on disk, as `nas fit-scaling` writes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.errors import ConfigError
from nas.files import write_text_atomic
from nas.scaling.coefficients import ScalingCoefficients
from nas.spec import ArchSpec

FILE = "coefficients.json"
SCHEMA = 1


def write_coefficients(
    path: Path, coefficients: ScalingCoefficients, about: Mapping[str, Any]
) -> None:
    """Write the coefficients, and `about` them: how they were found, how well they are known.

    Raises: WriteError if the file cannot be written.
    """
    content = {
        "schema": SCHEMA,
        "alpha": coefficients.alpha,
        "beta": coefficients.beta,
        "gamma": coefficients.gamma,
        **about,
    }
    write_text_atomic(path, json.dumps(content, indent=2) + "\n")


def read_coefficients(path: Path) -> ScalingCoefficients:
    """The coefficients of a file, or of a run folder that holds one. A hand-written file needs no
    more than alpha, beta and gamma.

    Raises: ConfigError naming the file.
    """
    file, content = _content(path)
    if content.get("schema", SCHEMA) != SCHEMA:
        raise ConfigError(
            f"{file} has schema {content['schema']}; this version reads {SCHEMA}: update it"
        )
    values = [content.get(name) for name in ("alpha", "beta", "gamma")]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise ConfigError(f"{file} lacks a number for alpha, beta or gamma")
    try:
        return ScalingCoefficients(*(float(value) for value in values))  # type: ignore[arg-type]
    except (ConfigError, OverflowError) as error:
        raise ConfigError(f"{file}: {error}") from None


def fitted_on_another(path: Path, baseline: ArchSpec) -> str | None:
    """The name of the baseline that a file's coefficients were fitted on, if it is not `baseline`.

    Resolution and classes are the images', so they may differ. None also where the file does not
    tell. Raises: ConfigError naming the file.
    """
    _, content = _content(path)
    digest, px = content.get("baseline_digest"), content.get("resolution_px")
    classes = content.get("classes")
    if not (isinstance(digest, str) and isinstance(px, int) and isinstance(classes, int)):
        return None
    same = dataclasses.replace(baseline, resolution=px, classes=classes)
    return None if same.digest() == digest else str(content.get("baseline") or digest[:8])


def _content(path: Path) -> tuple[Path, dict[str, Any]]:
    file = path / FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"cannot read coefficients from {file}: {reason}") from None
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file} holds no object with alpha, beta and gamma")
    return file, content
