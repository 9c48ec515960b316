"""What can be measured: a spec, a reference that a library builds, any model of one."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.archs import find_network, resized
from nas.errors import one_line
from nas.latency.errors import LatencyError
from nas.opaque import CLASSES, IN_CHANNELS, OPAQUE_NETWORKS, OpaqueNetwork
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from torch import nn

LIBRARIES = ("timm", "torchvision")
_USUAL_PX = 224


@dataclass(frozen=True)
class Subject:
    """A network to measure.

    build: makes its module, on torch's default device, with any weights. resolution_px: the side
    of the square input.
    """

    name: str
    build: Callable[[], nn.Module]
    in_channels: int
    resolution_px: int


def find_subject(text: str, *, resolution: int | None = None) -> Subject:
    """The network that `text` names: an ARCH, densenet-121, timm:NAME or torchvision:NAME.

    resolution: another side of the input than the network's own, in pixels; a library's model has
    that of the library's own weights. Raises: NasError, in one line, if there is none.
    """
    library, separator, model = text.partition(":")
    if separator and library in LIBRARIES:
        return _library_model(library, model, resolution)
    if text in OPAQUE_NETWORKS:
        return subject_of(OPAQUE_NETWORKS[text], resolution=resolution)
    return subject_of(find_network(text), name=text, resolution=resolution)


def subject_of(
    network: ArchSpec | OpaqueNetwork | Subject,
    *,
    name: str | None = None,
    resolution: int | None = None,
) -> Subject:
    """`network` as a subject; `name` is what a spec without a name is called."""
    if isinstance(network, Subject):
        return network
    if isinstance(network, OpaqueNetwork):
        builder, settings = network.builder, dict(network.settings)
        side = resolution or network.resolution
        return Subject(network.name, lambda: _torchvision(builder, settings), IN_CHANNELS, side)
    arch = resized(network, resolution=resolution)
    return Subject(
        arch.name or name or arch.digest(), lambda: _built(arch), arch.in_channels, arch.resolution
    )


def _built(arch: ArchSpec) -> nn.Module:
    from nas.model import build

    return build(arch)


def _library_model(library: str, model: str, resolution: int | None) -> Subject:
    name = f"{library}:{model}"
    if library == "torchvision":
        models = _imported("torchvision.models", name)
        _check_known(name, model, models.list_models(module=models))
        side = resolution or _torchvision_px(model)
        settings = {"init_weights": False} if model in ("inception_v3", "googlenet") else {}
        return Subject(name, lambda: _torchvision(model, settings), IN_CHANNELS, side)
    timm = _imported("timm", name)
    _check_known(name, model, timm.list_models())
    size = timm.get_pretrained_cfg(model).input_size
    build: Callable[[], nn.Module] = lambda: timm.create_model(model, pretrained=False)  # noqa: E731
    return Subject(name, build, size[0], resolution or size[-1])


def _torchvision_px(model: str) -> int:
    """The side that torchvision's own first weights (IMAGENET1K_V1) are evaluated at."""
    from torchvision import models

    try:
        weights: Any = models.get_model_weights(model)
        size = next(iter(weights)).transforms().crop_size
    except (ValueError, StopIteration, AttributeError):
        return _USUAL_PX
    return int(size[0])


def _check_known(name: str, model: str, known: list[str]) -> None:
    if model not in known:
        near = difflib.get_close_matches(model, known, 1)
        hint = f"did you mean '{near[0]}'?" if near else "see its list_models()"
        raise LatencyError(f"no model '{name}'; {hint}")


def _torchvision(builder: str, settings: dict[str, Any]) -> nn.Module:
    models = _imported("torchvision.models", builder)
    network: nn.Module = getattr(models, builder)(weights=None, num_classes=CLASSES, **settings)
    return network


def _imported(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise LatencyError(
            f"{name} is built by {module.partition('.')[0]}, which cannot be imported "
            f"({one_line(error)}); pip install 'compound-nas[train]'"
        ) from None
