"""Fine-tuning: a new classifier, and learning rates that grow towards it.

Layers are counted as the paper's table does: the stem, each stage, the head. With a layer decay of
0.75, the head learns at the full rate, the last stage at 0.75 of it, the one before at 0.5625.
Source: Howard & Ruder, 1801.06146 (discriminative fine-tuning), in the form of BEiT's layer decay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import TrainingError
from nas.model import Network, build
from nas.spec import ArchSpec
from nas.training.initial import InitialWeights
from nas.training.timm_models import Renormalised

CLASSIFIER = "head.classifier"


def starting_network(
    spec: ArchSpec, initial: InitialWeights, classes: Sequence[str], *, seed: int
) -> tuple[Network, bool]:
    """`spec` with the initial weights, and whether its classifier is new.

    The classifier is kept where the class names are the same, in whatever order; otherwise it is
    drawn with `seed`. spec: of the same body as the initial weights', with len(classes) classes.
    """
    network = build(spec, seed=seed)
    order = class_order(initial.classes, classes)
    state = dict(initial.state)
    if order is None:
        state = {k: v for k, v in state.items() if not k.startswith(f"{CLASSIFIER}.")}
    else:
        for name in (f"{CLASSIFIER}.weight", f"{CLASSIFIER}.bias"):
            state[name] = state[name][order]
    network.load_state_dict(state, strict=False)
    return network, order is None


def class_order(known: Sequence[str], wanted: Sequence[str]) -> Tensor | None:
    """Where each wanted class is among the known outputs; None unless they are the same names."""
    if len(known) != len(wanted) or set(known) != set(wanted):
        return None
    places = {name: index for index, name in enumerate(known)}
    return torch.tensor([places[name] for name in wanted])


def adopted(spec: ArchSpec, initial: InitialWeights) -> ArchSpec:
    """`spec` with the batch norm settings that the initial weights were trained with."""
    return dataclasses.replace(spec, norm=initial.spec.norm)


def check_frozen(spec: ArchSpec, stages: int) -> None:
    """Check how many stages are to stay as they are. Raises: TrainingError."""
    if not 0 <= stages <= len(spec.stages):
        raise TrainingError(
            f"--freeze is {stages}; {spec.name or 'the network'} has {len(spec.stages)} stages "
            "that can stay as they are"
        )


def decayed_groups(network: nn.Module, layer_decay: float) -> list[dict[str, Any]]:
    """Parameters by layer, each group with its `lr_scale` and `name`, in timm's form.

    Parameters that do not learn are in no group. A model of timm is divided by its coarse groups.
    Raises: TrainingError if `layer_decay` is not in (0, 1], or the network has no known layers.
    """
    if not 0 < layer_decay <= 1:
        raise TrainingError(
            f"--layer-decay is {layer_decay:g}; it must be above 0 and at most 1, usually 0.75"
        )
    layers = _layers(network)
    groups = []
    for depth, (name, parameters) in enumerate(layers):
        learning = [parameter for parameter in parameters if parameter.requires_grad]
        if learning:
            scale = layer_decay ** (len(layers) - 1 - depth)
            groups.append({"params": learning, "lr_scale": scale, "name": name})
    return groups


def _layers(network: nn.Module) -> list[tuple[str, list[nn.Parameter]]]:
    """Parameters from the input to the output, layer by layer."""
    if isinstance(network, Renormalised):
        return _layers(network.network)
    if isinstance(network, Network):
        named: list[tuple[str, nn.Module]] = [("stem", network.stem)]
        named += [(f"stage{number}", stage) for number, stage in enumerate(network.stages)]
        named.append(("head", network.head))
        return [(name, list(module.parameters())) for name, module in named]
    matcher = getattr(network, "group_matcher", None)
    if matcher is None:
        raise TrainingError(
            f"a {type(network).__name__} does not say which layers it has; leave --layer-decay out"
        )
    from timm.models import group_parameters

    parameters = dict(network.named_parameters())
    numbers: dict[str, int] = group_parameters(network, matcher(coarse=True), reverse=True)
    layers: dict[int, list[nn.Parameter]] = {}
    for name, number in numbers.items():
        layers.setdefault(int(number), []).append(parameters[name])
    return [(f"layer{number}", layers[number]) for number in sorted(layers)]
