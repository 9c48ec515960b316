"""`nas.export_network`: `nas export` as a function."""

from __future__ import annotations

from pathlib import Path

from nas.api.calls import path_or_none
from nas.api.training import TrainingResult
from nas.errors import NasError
from nas.export.exporting import TARGETS, Export, export
from nas.export.subject import Sizes, Subject, find_subject
from nas.model import Network
from nas.registry import did_you_mean
from nas.spec import ArchSpec


def export_network(
    network: str | Path | ArchSpec | Network | TrainingResult,
    *,
    to: str,
    out: str | Path | None = None,
    weights: str | Path | None = None,
    norm_eps: float | None = None,
    seed: int | None = None,
    resolution: int | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
) -> Export:
    """Write a network as files that load without `nas`: `.folder`, `.files`, `.parity`.

    network: what `nas export` takes, a spec, a network that `nas.build` made, with the weights that
    it has now, or what `nas.train` returned. to: pytorch, timm, torchvision, onnx or weights. The
    other settings are those of `nas export`.

    Raises: NasError, in one line, where the target cannot express the network or the written files
    do not compute the same; then nothing is left behind.
    """
    if to not in TARGETS:
        raise NasError(f"nothing exports to '{to}'; {did_you_mean(to, TARGETS)}")
    if isinstance(network, Network):
        settings = (weights, norm_eps, seed, resolution, classes, in_channels)
        if any(setting is not None for setting in settings):
            raise NasError("a built network is exported as it is; set its weights and sizes before")
        subject = Subject(network.eval(), trained=True, weights="given as a network")
    else:
        named = network.weights if isinstance(network, TrainingResult) else network
        subject = find_subject(
            named if isinstance(named, ArchSpec) else str(named),
            sizes=Sizes(resolution=resolution, classes=classes, in_channels=in_channels),
            seed=seed,
            initial=path_or_none(weights),
            norm_eps=norm_eps,
        )
    return export(subject, to, path_or_none(out))
