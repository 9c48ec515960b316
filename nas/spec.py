"""Networks as data: frozen, validated, and equal to what their JSON says.

A network is a stem, stages of like blocks, and a head. `ArchSpec.blocks()` expands it to one
`BlockSpec` per block, with input channels and sizes; cost and builder both walk that expansion.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nas.errors import SpecError
from nas.spec_parts import (
    ACTIVATIONS,
    GATES,
    REFERENCE_NORM,
    HeadSpec,
    NormSpec,
    Scalar,
    SqueezeExcite,
    StageSpec,
    StemSpec,
    check_number,
    check_one_of,
    check_whole,
    strided,
)

__all__ = [
    "ACTIVATIONS",
    "GATES",
    "SCHEMA_VERSION",
    "ArchSpec",
    "BlockSpec",
    "HeadSpec",
    "NormSpec",
    "Scalar",
    "SqueezeExcite",
    "StageSpec",
    "StemSpec",
    "expand_stage",
    "strided",
]

SCHEMA_VERSION = 1
"""Version of the JSON form. A reader refuses a newer one instead of guessing."""

_LATER_FIELDS: dict[str, dict[str, Any]] = {"stem": {"max_pool": False}, "head": {"hidden": None}}
"""Fields that came after the first digests were recorded, with the value that changes nothing.

With that value they are left out of the identity, so that a network keeps its digest.
"""


@dataclass(frozen=True)
class BlockSpec:
    """One block of an expanded network: its stage's settings at one place.

    Sizes are the side lengths of square feature maps, in pixels. `drop_path` is the probability
    with which training leaves the block's residual branch out.
    """

    kind: str
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    stride: int
    kernel: int
    expand_ratio: float
    se: SqueezeExcite | None
    activation: str
    skip: bool
    options: tuple[tuple[str, Scalar], ...] = ()
    stage: int = 0
    layer: int = 0
    drop_path: float = 0.0

    @property
    def has_skip(self) -> bool:
        """Whether input and output can be added: same channels, same size."""
        return self.skip and self.stride == 1 and self.in_channels == self.out_channels

    def option(self, name: str, default: Scalar) -> Scalar:
        """The setting `name` of this block kind, or `default`."""
        return dict(self.options).get(name, default)


def expand_stage(
    stage: StageSpec, in_channels: int, in_size: int, activation: str
) -> Iterator[BlockSpec]:
    """The blocks of one stage, without their place in the network."""
    channels, size = in_channels, in_size
    for layer in range(stage.layers):
        stride = stage.stride if layer == 0 else 1
        yield BlockSpec(
            kind=stage.block,
            in_channels=channels,
            out_channels=stage.channels,
            in_size=size,
            out_size=strided(size, stride),
            stride=stride,
            kernel=stage.kernel,
            expand_ratio=stage.expand_ratio,
            se=stage.se,
            activation=stage.activation or activation,
            skip=stage.skip,
            options=stage.options,
            layer=layer,
        )
        channels, size = stage.channels, strided(size, stride)


@dataclass(frozen=True)
class ArchSpec:
    """A whole network. `name` is a label only: it is not part of the identity.

    `resolution` is the side of the square input in pixels; `drop_path` the stochastic depth of the
    last block (it grows linearly from zero at the first).
    Raises: SpecError naming the field, where a setting is impossible.
    """

    stem: StemSpec
    stages: tuple[StageSpec, ...]
    head: HeadSpec
    resolution: int = 224
    classes: int = 1000
    in_channels: int = 3
    activation: str = "silu"
    norm: NormSpec = REFERENCE_NORM
    drop_path: float = 0.0
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages:
            raise SpecError("stages is empty; a network needs at least one stage")
        check_whole("resolution", self.resolution, 1, 1 << 16)
        check_whole("classes", self.classes)
        check_whole("in_channels", self.in_channels)
        check_one_of("activation", self.activation, ACTIVATIONS)
        check_number(self, "drop_path", "drop_path", 0, 0.95)

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return sum(stage.layers for stage in self.stages)

    def blocks(self) -> tuple[BlockSpec, ...]:
        """Every block in order, with its sizes, its place and its stochastic depth."""
        expanded: list[BlockSpec] = []
        channels, size = self.stem.channels, self.stem.out_size(self.resolution)
        for index, stage in enumerate(self.stages):
            for block in expand_stage(stage, channels, size, self.activation):
                drop_path = self.drop_path * len(expanded) / self.depth
                expanded.append(dataclasses.replace(block, stage=index, drop_path=drop_path))
            channels, size = expanded[-1].out_channels, expanded[-1].out_size
        return tuple(expanded)

    def digest(self) -> str:
        """Identity of the network: 16 hexadecimal digits, the same for equal specs anywhere."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        content = self.to_dict()
        del content["name"]
        for part, fields in _LATER_FIELDS.items():
            for name, value in fields.items():
                if content[part][name] == value:
                    del content[part][name]
        for stage in content["stages"]:
            # 2, 2.0 and True are equal options, so they must make one identity.
            options = stage["options"]
            stage["options"] = {
                k: v if isinstance(v, str) else float(v) for k, v in options.items()
            }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, complete: defaults are written out, so that they may change later."""
        content: dict[str, Any] = {"schema": SCHEMA_VERSION, "name": self.name}
        for name in ("resolution", "classes", "in_channels", "activation", "drop_path"):
            content[name] = getattr(self, name)
        content["norm"] = dataclasses.asdict(self.norm)
        content["stem"] = dataclasses.asdict(self.stem)
        content["stages"] = [_stage_to_dict(stage) for stage in self.stages]
        content["head"] = dataclasses.asdict(self.head)
        return content

    def to_json(self) -> str:
        """The network as an indented JSON document."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, content: Any) -> ArchSpec:
        """Rebuild a network from `to_dict`'s output.

        Raises: SpecError for a newer schema, an unknown or missing field, or an impossible value.
        """
        values = _fields_of(cls, content, "network", extra=("schema",))
        schema = values.pop("schema", SCHEMA_VERSION)
        if type(schema) is not int or schema < 1:
            raise SpecError(f"schema is {schema!r}; it must be a whole number from 1")
        if schema > SCHEMA_VERSION:
            raise SpecError(
                f"this network has schema {schema}, newer than the {SCHEMA_VERSION} that this "
                "version reads; upgrade compound-nas"
            )
        if not isinstance(values["stages"], (list, tuple)):
            raise SpecError("stages must be a list")
        values["stem"] = StemSpec(**_fields_of(StemSpec, values["stem"], "stem"))
        values["head"] = HeadSpec(**_fields_of(HeadSpec, values["head"], "head"))
        values["stages"] = tuple(
            _stage_from_dict(stage, f"stages[{index}]")
            for index, stage in enumerate(values["stages"])
        )
        if "norm" in values:
            values["norm"] = NormSpec(**_fields_of(NormSpec, values["norm"], "norm"))
        if not isinstance(values.get("name", ""), str):
            raise SpecError("name must be text")
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> ArchSpec:
        """Read a JSON document. Raises: SpecError if it is not JSON or not a network."""
        try:
            content = json.loads(text)
        except ValueError as error:
            raise SpecError(f"not a JSON document: {error}") from None
        return cls.from_dict(content)


def _stage_to_dict(stage: StageSpec) -> dict[str, Any]:
    content = dataclasses.asdict(stage)
    content["options"] = dict(stage.options)
    return content


def _stage_from_dict(content: Any, where: str) -> StageSpec:
    values = _fields_of(StageSpec, content, where)
    try:
        if values.get("se") is not None:
            values["se"] = _squeeze_excite_from_dict(values["se"])
        if not isinstance(values.get("options", {}), dict):
            raise SpecError("stage.options must be an object")
        return StageSpec(**values)
    except SpecError as error:
        raise SpecError(str(error).replace("stage.", f"{where}.", 1)) from None


def _squeeze_excite_from_dict(content: Any) -> SqueezeExcite:
    values = _fields_of(SqueezeExcite, content, "stage.se")
    try:
        return SqueezeExcite(**values)
    except SpecError as error:
        raise SpecError(f"stage.{error}") from None


def _fields_of(kind: type, content: Any, where: str, extra: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a JSON object, checked by name; values are checked by the class itself."""
    if not isinstance(content, dict):
        raise SpecError(f"{where} must be an object with fields, not {type(content).__name__}")
    known = {f.name: f for f in dataclasses.fields(kind)}
    unknown = sorted(set(content) - set(known) - set(extra))
    if unknown:
        raise SpecError(f"{where} has an unknown field '{unknown[0]}'")
    for name, spec_field in known.items():
        required = (
            spec_field.default is dataclasses.MISSING
            and spec_field.default_factory is dataclasses.MISSING
        )
        if required and name not in content:
            raise SpecError(f"{where} lacks the field '{name}'")
    return dict(content)
