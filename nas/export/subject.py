"""What is exported: a network with weights, trained, converted or random."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.archs import find_network, resized
from nas.export.errors import ExportError
from nas.model import Network, build
from nas.spec import ArchSpec

WEIGHTS_FILE = "weights.safetensors"
"""What `nas train` calls its weights in the folder that it writes."""


@dataclass(frozen=True)
class Sizes:
    """What the user sets of a network; None leaves a setting alone."""

    resolution: int | None = None
    classes: int | None = None
    in_channels: int | None = None


@dataclass(frozen=True)
class Subject:
    """A built network in evaluation mode, and where its weights are from.

    class_names: one for each output; None where no one has named them. weights: their origin in
    a few words. metadata: what the weight file says of itself (recipe, accuracy, ...), as text.
    """

    network: Network
    trained: bool
    weights: str
    class_names: tuple[str, ...] | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> ArchSpec:
        """The network as data."""
        return self.network.spec

    @property
    def name(self) -> str:
        """The network's name, or its digest where it has none."""
        return self.spec.name or self.spec.digest()

    def record(self, name: str) -> Any:
        """A metadata value that was saved as JSON; None where it is absent or no JSON."""
        try:
            return json.loads(self.metadata[name])
        except (KeyError, ValueError):
            return None


def find_subject(
    text: str | ArchSpec,
    *,
    sizes: Sizes,
    seed: int | None = None,
    initial: Path | None = None,
    norm_eps: float | None = None,
) -> Subject:
    """The network that `text` names: a weight file or its folder, else any ARCH; or a spec.

    An ARCH has random initial weights by `seed` (0 where None), or those of `initial`: a file under
    torchvision's or timm's names, or of our own. `norm_eps` is then batch norm's eps, where the
    library's usual one is not right.
    Raises: NasError, in one line, for what cannot be found or read, and for contradictions.
    """
    path = _weights_path(text) if isinstance(text, str) else None
    if path is not None:
        if seed is not None or initial is not None:
            option = "--seed" if seed is not None else "--from"
            raise ExportError(f"{option} is for a network without weights; {path} has them")
        return _of_weights(path, sizes)
    if norm_eps is not None and initial is None:
        raise ExportError("--norm-eps is for weights of another library; give them as --from FILE")
    arch = resized(
        find_network(text) if isinstance(text, str) else text,
        **{**vars(sizes), "classes": None if initial else sizes.classes},
    )
    if initial is None:
        return _untrained(arch, 0 if seed is None else seed)
    if seed is not None:
        raise ExportError(f"--seed is for random weights; leave it out with --from {initial}")
    return _of_library(arch, initial, sizes, norm_eps)


def _weights_path(text: str) -> Path | None:
    """The weight file that `text` names, if it names one."""
    path = Path(text)
    if path.is_dir():
        inside = path / WEIGHTS_FILE
        return inside if inside.is_file() else None
    if path.suffix.lower() == ".json":
        return None
    # With a suffix of a weight file a missing one is refused as that, not as an unknown network.
    return path if path.is_file() or path.suffix == ".safetensors" else None


def _of_weights(path: Path, sizes: Sizes) -> Subject:
    from nas.training.weights import load_weights

    weights = load_weights(path)
    for name, value in (("classes", sizes.classes), ("in_channels", sizes.in_channels)):
        if value not in (None, getattr(weights.spec, name)):
            option = f"--{name.replace('_', '-')}"
            raise ExportError(
                f"{option} is {value}, but {path} holds weights for "
                f"{getattr(weights.spec, name)}; leave it out"
            )
    network = build(resized(weights.spec, resolution=sizes.resolution))
    network.load_state_dict(weights.state)
    untrained = weights.extra.get("untrained")
    # Random weights that were exported have their outputs' numbers for names.
    return Subject(
        network.eval(),
        trained=untrained is None,
        weights=untrained or path.name,
        class_names=None if "unnamed" in weights.extra else weights.classes,
        metadata=weights.extra,
    )


def _of_library(arch: ArchSpec, path: Path, sizes: Sizes, norm_eps: float | None) -> Subject:
    from nas.training.initial import read_initial

    initial = read_initial(path, arch, norm_eps=norm_eps)
    if sizes.classes not in (None, initial.spec.classes):
        raise ExportError(
            f"--classes is {sizes.classes}, but {path} holds weights for {initial.spec.classes}; "
            "leave it out"
        )
    network = build(initial.spec)
    network.load_state_dict({**network.state_dict(), **initial.state})
    return Subject(
        network.eval(),
        trained=True,
        weights=initial.source,
        class_names=initial.classes or None,
    )


def _untrained(arch: ArchSpec, seed: int) -> Subject:
    network = build(arch, seed=seed).eval()
    return Subject(network, trained=False, weights=f"random initial weights, seed {seed}")
