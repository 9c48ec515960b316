"""From what a person gives a training to its plan: defaults, and what the images say.

The command and the Python API both go through here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nas.archs import find_network, reference_networks
from nas.data.images import DataSet
from nas.errors import TrainingError
from nas.runs.finding import newest_run
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
    arch: str | ArchSpec | None,
    from_path: Path | None,
    norm_eps: float | None,
    say: Callable[[str], None],
) -> tuple[ArchSpec, InitialWeights | None, bool]:
    """The network to train, its initial weights, and whether its resolution is its own choice.

    say: gets a line for what was decided here.
    Raises: SpecError, RunError, TrainingError, in one line, if one cannot be had.
    """
    if arch is None and from_path is None:
        arch = str(newest_run())
        say(f"training the best network of the newest run, {arch}")
    spec = find_network(arch) if isinstance(arch, str) else arch
    initial = None
    if from_path is not None:
        initial = read_initial(from_path, spec, norm_eps=norm_eps)
    elif norm_eps is not None:
        raise TrainingError("--norm-eps belongs to the weights of --from; give both, or neither")
    if spec is None:
        assert initial is not None
        return initial.spec, initial, True
    return spec, initial, isinstance(arch, ArchSpec) or arch not in reference_networks()


def plan_of_settings(
    spec: ArchSpec,
    initial: InitialWeights | None,
    own_resolution: bool,
    data: DataSet,
    recipe: Recipe,
    say: Callable[[str], None],
    *,
    resolution: int | None,
    on_search_val: bool,
    holdout: float,
    layer_decay: float | None,
    **choices: Any,
) -> Plan:
    """The plan of a training; choices are `plan_training`'s, None is the default.

    say: gets a line of advice. Raises: TrainingError for settings that contradict.
    """
    if on_search_val and holdout:
        raise TrainingError("--val and --holdout both divide the training images; give one of them")
    if resolution is None:
        suggested = reference_resolution(spec, data)
        if not own_resolution:
            resolution = suggested
        elif suggested * 2 <= spec.resolution:
            say(
                f"the network takes {spec.resolution} px and the images have {suggested}; "
                f"--resolution {suggested} would train faster"
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
