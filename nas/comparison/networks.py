"""A network to compare: what a person named, what it costs, and the accuracy that is known."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.archs import find_network, reference_networks, resized
from nas.cost import network_cost
from nas.errors import SpecError
from nas.latency.subjects import LIBRARIES
from nas.opaque import OPAQUE_NETWORKS, OpaqueNetwork
from nas.registry import did_you_mean
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from nas.latency.subjects import Subject

PREDICTED = "predicted"
IN_SEARCH = "measured in the search"
IN_TRAINING = "measured in training"
HERE = "measured here"

_BEST, _WEIGHTS = "best.json", "weights.safetensors"


@dataclass(frozen=True)
class KnownAccuracy:
    """An accuracy with what kind of number it is.

    top1 and top5 are fractions; sd is that of top-1, None where nobody knows. kind is one of this
    module's words; source says on what, or by what.
    """

    top1: float
    top5: float | None
    sd: float | None
    kind: str
    source: str


@dataclass(frozen=True)
class ComparedNetwork:
    """A network with its counted costs for one image at `resolution_px`.

    network: what can be built and measured. weights: the file of its weights, where one was named.
    """

    name: str
    resolution_px: int
    flops: int
    params: int
    activations: int
    counted_by: str
    network: ArchSpec | OpaqueNetwork | Subject
    accuracy: KnownAccuracy | None = None
    weights: Path | None = None
    note: str = ""

    @property
    def spec(self) -> ArchSpec | None:
        """The network as a spec, where it is one."""
        return self.network if isinstance(self.network, ArchSpec) else None


def find_compared(text: str | ArchSpec, *, resolution: int | None = None) -> ComparedNetwork:
    """The network that `text` is, or names: an ARCH, a weight file, a model of timm or torchvision.

    resolution: another side of the input than the network's own, in px.
    Raises: NasError, in one line, if there is none.
    """
    if isinstance(text, ArchSpec):
        return _of_arch(resized(text, resolution=resolution), text.name or text.digest())
    if text in OPAQUE_NETWORKS:
        return _of_opaque(OPAQUE_NETWORKS[text], resolution)
    if _is_ours(text):
        return _of_spec(text, resolution)
    from nas.comparison.library_models import library_model, near_models

    subject = library_model(text, resolution=resolution)
    if subject is not None:
        return _of_library(subject)
    known = [*reference_networks(), *OPAQUE_NETWORKS]
    near = near_models(text)
    hint = f"did you mean {' or '.join(near)}?" if near else did_you_mean(text, known)
    raise SpecError(
        f"no network '{text}': it is neither a reference name, a file, a run, nor a model of timm "
        f"or torchvision; {hint}"
    )


def _is_ours(text: str) -> bool:
    run, separator, _ = text.rpartition(":")
    if run in LIBRARIES:
        # Even beside a folder of that name.
        return False
    return (
        text in reference_networks()
        or Path(text).exists()
        or Path(text).suffix in (".json", ".safetensors")
        or bool(separator and Path(run).is_dir())
    )


def _of_spec(text: str, resolution: int | None) -> ComparedNetwork:
    path = Path(text)
    if path.is_dir() and not (path / _BEST).is_file() and (path / _WEIGHTS).is_file():
        path = path / _WEIGHTS
    weights = path if path.suffix == ".safetensors" else None
    arch = resized(find_network(str(path) if weights else text), resolution=resolution)
    accuracy = None
    # An accuracy is of the resolution that it was measured at.
    if resolution is None and text not in reference_networks():
        accuracy = _of_weights(path) if weights else _of_result(path)
    return dataclasses.replace(_of_arch(arch, text), accuracy=accuracy, weights=weights)


def _of_arch(arch: ArchSpec, name: str) -> ComparedNetwork:
    cost = network_cost(arch)
    return ComparedNetwork(
        name=name,
        resolution_px=arch.resolution,
        flops=cost.flops,
        params=cost.params,
        activations=cost.activations,
        counted_by="arithmetic",
        network=arch,
    )


def _of_opaque(network: OpaqueNetwork, resolution: int | None) -> ComparedNetwork:
    """At its own size by the kept count; at another, the library's network is counted."""
    figures: Any = network
    by = "kept count of torchvision's network"
    measured: OpaqueNetwork | Subject = network
    if resolution not in (None, network.resolution):
        from nas.latency.subjects import subject_of

        figures = network.count(resolution=resolution)
        by = "torch's counter on torchvision's network"
        measured = subject_of(network, resolution=resolution)
    return ComparedNetwork(
        name=network.name,
        resolution_px=resolution or network.resolution,
        flops=figures.flops,
        params=figures.params,
        activations=figures.activations,
        counted_by=by,
        network=measured,
    )


def _of_library(subject: Subject) -> ComparedNetwork:
    from nas.comparison.library_models import AUXILIARY, count_subject

    counted = count_subject(subject)
    library = subject.name.partition(":")[0]
    return ComparedNetwork(
        name=subject.name,
        resolution_px=subject.resolution_px,
        flops=counted.flops,
        params=counted.params,
        activations=counted.activations,
        counted_by=f"torch's counter on {library}'s network",
        network=subject,
        note="parameters with the auxiliary classifiers, which only training uses"
        if subject.name in AUXILIARY
        else "",
    )


def _of_result(path: Path) -> KnownAccuracy | None:
    """The accuracy that a run's best.json, or a file like it, records."""
    file = path / _BEST if path.is_dir() else path
    try:
        best: Any = json.loads(file.read_text(encoding="utf-8"))["best"]
        accuracy, source = best["accuracy"], str(best["source"])
        sd = best.get("accuracy_sd")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(accuracy, float):
        return None
    kind = PREDICTED if source.startswith("predicted") else IN_SEARCH
    return KnownAccuracy(accuracy, None, sd, kind, source)


def _of_weights(path: Path) -> KnownAccuracy | None:
    """The accuracy that a weight file of `nas train` records."""
    from nas.training.weight_header import read_header

    try:
        record: Any = json.loads(read_header(path).metadata["accuracy"])
    except (KeyError, ValueError):
        return None
    return None if record is None else accuracy_of_record(record, IN_TRAINING)


def accuracy_of_record(record: dict[str, Any], kind: str) -> KnownAccuracy:
    """An accuracy as `nas train` and `nas eval` record it."""
    return KnownAccuracy(
        top1=record["top1"],
        top5=record["top5"],
        sd=record["top1_standard_error"],
        kind=kind,
        source=record["measured_on"],
    )
