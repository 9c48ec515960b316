"""From the flags of `nas train` to a job. Imports torch; the command does so when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nas.archs import find_network, reference_networks
from nas.data.images import DataSet
from nas.errors import TrainingError
from nas.runs.records import newest_run
from nas.spec import ArchSpec
from nas.training.initial import InitialWeights, read_initial
from nas.training.plan import (
    FINE_TUNING_LAYER_DECAY,
    Plan,
    plan_training,
    reference_resolution,
)
from nas.training.recipe import Recipe


def network_to_train(
    arch: str | None, from_path: Path | None, norm_eps: float | None
) -> tuple[ArchSpec, InitialWeights | None, bool]:
    """The network to train, its initial weights, and whether its resolution is its own choice.

    Raises: SpecError, RunError, TrainingError, in one line, if one cannot be had.
    """
    if arch is None and from_path is None:
        arch = str(newest_run())
        click.echo(f"nas: training the best network of the newest run, {arch}", err=True)
    spec = None if arch is None else find_network(arch)
    initial = None
    if from_path is not None:
        initial = read_initial(from_path, spec, norm_eps=norm_eps)
    elif norm_eps is not None:
        raise TrainingError("--norm-eps belongs to the weights of --from; give both, or neither")
    if spec is None:
        assert initial is not None
        return initial.spec, initial, True
    return spec, initial, arch not in reference_networks()


def plan_of_flags(
    spec: ArchSpec,
    initial: InitialWeights | None,
    own_resolution: bool,
    data: DataSet,
    recipe: Recipe,
    *,
    resolution: int | None,
    on_search_val: bool,
    holdout: float,
    layer_decay: float | None,
    **choices: Any,
) -> Plan:
    """The job of `nas train`'s flags. Raises: TrainingError for settings that contradict."""
    if on_search_val and holdout:
        raise TrainingError("--val and --holdout both divide the training images; give one of them")
    if resolution is None:
        suggested = reference_resolution(spec, data)
        if not own_resolution:
            resolution = suggested
        elif suggested * 2 <= spec.resolution:
            click.echo(
                f"nas: the network takes {spec.resolution} px and the images have {suggested}; "
                f"--resolution {suggested} would train faster",
                err=True,
            )
    if layer_decay is None:
        layer_decay = 1.0 if initial is None else FINE_TUNING_LAYER_DECAY
    return plan_training(
        spec,
        data,
        recipe,
        resolution=resolution,
        initial=initial,
        measured_on="search-val" if on_search_val else "test",
        holdout=holdout,
        layer_decay=layer_decay,
        **choices,
    )
