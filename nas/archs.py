"""Networks by what a person types: a reference name, a file, a run, a run's member."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nas.errors import NasError, SpecError
from nas.opaque import OPAQUE_NETWORKS
from nas.references import REFERENCES
from nas.registry import did_you_mean
from nas.spec import ArchSpec


def reference_networks() -> dict[str, Callable[[], ArchSpec]]:
    """Reference name -> builder, of the references that are specs."""
    return {name: reference.build for name, reference in REFERENCES.items()}


def find_network(text: str) -> ArchSpec:
    """The network that `text` names.

    Raises: SpecError or RunError, in one line, if there is none or it cannot be read.
    """
    references = reference_networks()
    if text in references:
        return references[text]()
    if text in OPAQUE_NETWORKS:
        raise SpecError(
            f"{text} is known by its cost, not as a spec, so this command cannot use it; "
            f"`nas cost {text}` shows it, and `nas refs` lists the networks that are specs"
        )
    path = Path(text)
    if path.is_dir():
        best = path / "best.json"
        # The folder of `nas run` has its search below.
        below = path / "search" / best.name
        return read_network(below if below.is_file() and not best.exists() else best)
    if path.is_file():
        return read_network(path)
    run, separator, member = text.rpartition(":")
    if separator and Path(run).is_dir():
        member_path = Path(run) / "family" / f"{member}.json"
        if not member_path.is_file():
            raise SpecError(
                f"run {run} has no member '{member}' ({member_path} is absent); "
                f"make its family with `nas family --baseline {run}`"
            )
        return read_network(member_path)
    raise SpecError(
        f"no network '{text}': it is neither a reference name, a JSON file nor a run folder; "
        f"{did_you_mean(text, [*references, *OPAQUE_NETWORKS])}"
    )


def read_network(path: Path) -> ArchSpec:
    """Read a network's JSON file, a result file that holds one under `spec` or `best`, or weights.

    Raises: SpecError naming the file.
    """
    try:
        if path.suffix == ".safetensors":
            return _of_weights(path)
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not JSON: {error}"
        raise SpecError(f"cannot read a network from {path}: {reason}") from None
    for key in ("best", "spec"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    try:
        return ArchSpec.from_dict(content)
    except NasError as error:
        raise SpecError(f"{path}: {error}") from None


def _of_weights(path: Path) -> ArchSpec:
    """The network that a weight file of `nas train` says it is of."""
    from nas.training.weight_header import read_header

    spec = read_header(path).metadata.get("spec")
    if spec is None:
        raise SpecError(
            f"{path} holds no network spec, as `nas train` writes one; name the network instead"
        )
    return ArchSpec.from_json(spec)


def resized(
    arch: ArchSpec,
    *,
    resolution: int | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
) -> ArchSpec:
    """The same network at another input or number of classes; None leaves a setting alone."""
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("resolution", resolution),
            ("classes", classes),
            ("in_channels", in_channels),
        )
        if value is not None
    }
    return dataclasses.replace(arch, **changes) if changes else arch
