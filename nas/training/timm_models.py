"""Models of timm with weights that the user has on disk. Nothing is downloaded."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.counting import Counted, count
from nas.errors import TrainingError
from nas.training.augment import MEAN, STD
from nas.training.optional import require_timm
from nas.training.weight_header import WeightsError, read_header
from nas.training.weights import load_tensors

_WHAT = "a model of timm"


class Renormalised(nn.Module):
    """A network that expects other colour means than ImageNet's, behind ImageNet's."""

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        scale = [old / new for old, new in zip(STD, std, strict=True)]
        shift = [(old - new) / s for old, new, s in zip(MEAN, mean, std, strict=True)]
        self.register_buffer("scale", torch.tensor(scale).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", torch.tensor(shift).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) of ImageNet's mean 0 and deviation 1 to logits."""
        logits: Tensor = self.network(images * self.scale + self.shift)
        return logits


def check_timm_name(name: str) -> None:
    """See that timm has a model. Raises: TrainingError with the nearest names."""
    timm = require_timm(f"{_WHAT} ({name})")
    if timm.is_model(name):
        return
    near = difflib.get_close_matches(name, timm.list_models(), 3)
    hint = f"did you mean {' or '.join(near)}?" if near else "see timm.list_models()"
    raise TrainingError(f"timm has no model '{name}'; {hint}")


def timm_network(name: str, path: Path, classes: int, *, resolution: int, seed: int) -> nn.Module:
    """The model with the weights of `path` and a new classifier, drawn with `seed`.

    Raises: TrainingError if it does not take `resolution`, WeightsError if the file is not its.
    """
    timm = require_timm(f"{_WHAT} ({name})")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = timm.create_model(name, pretrained=False, num_classes=classes)
    settings = network.pretrained_cfg
    check_resolution(name, settings, resolution)
    body = _body_in(path, name, network)
    tensors = load_tensors(path)
    network.load_state_dict({k: tensors[k] for k in body if k in tensors}, strict=False)
    mean, std = tuple(settings.get("mean", MEAN)), tuple(settings.get("std", STD))
    if mean == MEAN and std == STD:
        return network  # type: ignore[no-any-return]
    return Renormalised(network, mean, std)


def timm_cost(name: str, classes: int, resolution: int, path: Path | None = None) -> Counted:
    """What the model costs for one image, as torch counts it on the meta device.

    path: a file that is checked to be its weights.
    Raises: TrainingError if it does not take `resolution`, WeightsError if the file is not its.
    """
    timm = require_timm(f"{_WHAT} ({name})")
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False, num_classes=classes)
    check_resolution(name, network.pretrained_cfg, resolution)
    if path is not None:
        _body_in(path, name, network)
    return count(network, 3, resolution)


def _body_in(path: Path, name: str, network: Any) -> list[str]:
    """The tensors of the model but for its classifier, all of which the file holds."""
    shapes = read_header(path).shapes
    heads = network.pretrained_cfg.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    own = network.state_dict()
    body = [key for key in own if not key.startswith(tuple(f"{head}." for head in heads))]
    for key in body:
        if key not in shapes and not key.endswith("num_batches_tracked"):
            raise WeightsError(f"{path} lacks '{key}' of timm's {name}; it is another model's")
        if key in shapes and shapes[key] != tuple(own[key].shape):
            raise WeightsError(
                f"{path}: '{key}' has shape {list(shapes[key])}, timm's {name} needs "
                f"{list(own[key].shape)}; it is another model's"
            )
    unknown = [key for key in shapes if key not in own]
    if unknown:
        raise WeightsError(
            f"{path} has '{unknown[0]}', which timm's {name} has not; it is another model's"
        )
    return body


def check_resolution(name: str, settings: dict[str, Any], resolution: int) -> None:
    """Refuse a resolution that a model of fixed size does not take. Raises: TrainingError."""
    side = settings.get("input_size", (3, resolution, resolution))[-1]
    if settings.get("fixed_input_size") and side != resolution:
        raise TrainingError(
            f"timm's {name} takes {side} px only, not {resolution}; give --resolution {side}"
        )
