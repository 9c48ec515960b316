"""The parts of a network's spec: stem, stage, head, squeeze-excite, batch norm.

Each checks itself: an impossible value is refused with the field named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from nas.errors import SpecError

ACTIVATIONS = ("silu", "relu", "relu6", "hard-swish", "none")
GATES = ("sigmoid", "hard-sigmoid")

Scalar = bool | int | float | str
_LARGEST = 1 << 20


def check_whole(where: str, value: Any, low: int = 1, high: int = _LARGEST) -> None:
    """Check a whole number. Raises: SpecError that begins with `where`, as all checks here."""
    if type(value) is not int or not low <= value <= high:
        raise SpecError(f"{where} is {value!r}; it must be a whole number from {low} to {high}")


def check_number(spec: Any, name: str, where: str, low: float, high: float) -> None:
    """Check a number and store it as a float, so that 6 and 6.0 are one network."""
    value = getattr(spec, name)
    if type(value) not in (int, float) or not low <= value <= high or not math.isfinite(value):
        raise SpecError(f"{where} is {value!r}; it must be a number from {low:g} to {high:g}")
    object.__setattr__(spec, name, float(value))


def check_one_of(where: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Check one of a few words."""
    if value not in allowed:
        raise SpecError(f"{where} is {value!r}; it must be one of {', '.join(allowed)}")


def check_odd(where: str, value: Any) -> None:
    """Check the side of a kernel in pixels."""
    check_whole(where, value, 1, 63)
    if value % 2 == 0:
        raise SpecError(f"{where} is {value}; kernels must be odd, so that padding is symmetric")


def strided(size: int, stride: int) -> int:
    """Side length after an odd, symmetrically padded kernel moves by `stride`."""
    return -(-size // stride)


@dataclass(frozen=True)
class SqueezeExcite:
    """Channel attention: global pooling, reduce, activation, expand, gate.

    `ratio` times the block's input channels (`of="input"`, as in EfficientNet) or its expanded
    channels (`of="expanded"`, as in MobileNetV3) gives the squeezed width, rounded down, or to a
    multiple of `divisor` where that is above 1. `activation=None` takes the block's.
    """

    ratio: float = 0.25
    of: Literal["input", "expanded"] = "input"
    divisor: int = 1
    activation: str | None = None
    gate: str = "sigmoid"

    def __post_init__(self) -> None:
        check_number(self, "ratio", "se.ratio", 1e-4, 4)
        check_one_of("se.of", self.of, ("input", "expanded"))
        check_whole("se.divisor", self.divisor, 1, 1024)
        if self.activation is not None:
            check_one_of("se.activation", self.activation, ACTIVATIONS)
        check_one_of("se.gate", self.gate, GATES)


@dataclass(frozen=True)
class NormSpec:
    """Batch normalisation, explicit because the numbers differ between houses.

    The defaults are the reference EfficientNet's (decay 0.99 is momentum 0.01 in torch's terms).
    torchvision's and timm's B0 use 1e-5 and 0.1.
    """

    eps: float = 1e-3
    momentum: float = 0.01

    def __post_init__(self) -> None:
        check_number(self, "eps", "norm.eps", 1e-12, 1)
        check_number(self, "momentum", "norm.momentum", 1e-9, 1)


REFERENCE_NORM = NormSpec()


@dataclass(frozen=True)
class StemSpec:
    """The first convolution, with batch norm and activation.

    `max_pool` puts a 3x3 max pooling of stride 2 after them, as ResNet does.
    """

    channels: int
    kernel: int = 3
    stride: int = 2
    activation: str | None = None
    max_pool: bool = False

    def __post_init__(self) -> None:
        check_whole("stem.channels", self.channels)
        check_odd("stem.kernel", self.kernel)
        check_whole("stem.stride", self.stride, 1, 8)
        if self.activation is not None:
            check_one_of("stem.activation", self.activation, ACTIVATIONS)
        if type(self.max_pool) is not bool:
            raise SpecError(f"stem.max_pool is {self.max_pool!r}; it must be true or false")

    def conv_size(self, resolution: int) -> int:
        """Side length in pixels after the convolution."""
        return strided(resolution, self.stride)

    def out_size(self, resolution: int) -> int:
        """Side length in pixels after the whole stem."""
        size = self.conv_size(resolution)
        return strided(size, 2) if self.max_pool else size


@dataclass(frozen=True)
class HeadSpec:
    """What follows the last stage: 1x1 convolution, pooling, hidden layer, dropout, classifier.

    `channels=None` leaves the convolution out. `hidden` is the width of a linear layer with bias
    between pooling and classifier, as in MobileNetV3; None leaves it out. `activation` follows
    the convolution and the hidden layer.
    """

    channels: int | None = None
    dropout: float = 0.0
    activation: str | None = None
    hidden: int | None = None

    def __post_init__(self) -> None:
        if self.channels is not None:
            check_whole("head.channels", self.channels)
        if self.hidden is not None:
            check_whole("head.hidden", self.hidden)
        check_number(self, "dropout", "head.dropout", 0, 0.95)
        if self.activation is not None:
            check_one_of("head.activation", self.activation, ACTIVATIONS)


@dataclass(frozen=True)
class StageSpec:
    """`layers` like blocks; the first has the stride and changes the channels.

    `block` names a block kind (`nas.blocks`), `options` holds what only that kind knows.
    `activation=None` takes the network's.
    """

    block: str
    channels: int
    layers: int
    stride: int = 1
    kernel: int = 3
    expand_ratio: float = 1
    se: SqueezeExcite | None = None
    activation: str | None = None
    skip: bool = True
    options: tuple[tuple[str, Scalar], ...] = ()

    def __post_init__(self) -> None:
        block: Any = self.block
        if not isinstance(block, str) or not block:
            raise SpecError(f"stage.block is {self.block!r}; it must name a block kind")
        check_whole("stage.channels", self.channels)
        check_whole("stage.layers", self.layers, 1, 1000)
        check_whole("stage.stride", self.stride, 1, 8)
        check_odd("stage.kernel", self.kernel)
        check_number(self, "expand_ratio", "stage.expand_ratio", 0.05, 64)
        if self.activation is not None:
            check_one_of("stage.activation", self.activation, ACTIVATIONS)
        if type(self.skip) is not bool:
            raise SpecError(f"stage.skip is {self.skip!r}; it must be true or false")
        options: Any = self.options
        pairs = options.items() if isinstance(options, Mapping) else options
        object.__setattr__(self, "options", tuple(sorted((str(k), v) for k, v in pairs)))
        stored: Any = self.options
        for key, value in stored:
            if not isinstance(value, (bool, int, float, str)) or value != value:
                raise SpecError(f"stage.options.{key} is {value!r}; it must be a plain value")

    def option(self, name: str, default: Scalar) -> Scalar:
        """The setting `name` of this block kind, or `default`."""
        return dict(self.options).get(name, default)

    def __hash__(self) -> int:
        return self._hash

    def __getstate__(self) -> dict[str, Any]:
        # Hashes of text differ between processes: a pickled one would be wrong in a worker.
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    @cached_property
    def _hash(self) -> int:
        # Stage costs are memoised by stage; a search hashes the same few stages a million times.
        shape = (self.block, self.channels, self.layers, self.stride, self.kernel)
        return hash((shape, self.expand_ratio, self.se, self.activation, self.skip, self.options))
