"""Which block classes a network needs as plain PyTorch, and what each is told by the stage table.

A setting that all stages of a class share is written into the class; one that varies becomes an
argument of the class and an entry of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.blocks import BUILT_IN
from nas.blocks.resnet import groups_of, inner_channels
from nas.blocks.skip import POOL
from nas.export.errors import ExportError
from nas.export.source_text import literal
from nas.spec import ArchSpec, BlockSpec, SqueezeExcite

ACTIVATIONS = {
    "silu": "nn.SiLU",
    "relu": "nn.ReLU",
    "relu6": "nn.ReLU6",
    "hard-swish": "nn.Hardswish",
    "none": "nn.Identity",
}
GATES = {"sigmoid": "nn.Sigmoid", "hard-sigmoid": "nn.Hardsigmoid"}
CLASSES = {
    "mbconv": "MBConv",
    "fused-mbconv": "FusedMBConv",
    "separable": "Separable",
    "conv": "Conv",
    "basic": "Basic",
    "bottleneck": "Bottleneck",
}
RESNET = ("Basic", "Bottleneck")
_TYPES = {
    "kernel": "int",
    "expand_ratio": "float",
    "inner": "int",
    "groups": "int",
    "se_ratio": "float",
    "se_of_expanded": "bool",
    "se_divisor": "int",
    "se_activation": "type[nn.Module]",
    "se_gate": "type[nn.Module]",
    "activation": "type[nn.Module]",
    "skip": "str",
}


@dataclass(frozen=True)
class Settings:
    """The settings of one class: name -> source text for each stage that is of the class."""

    values: dict[str, tuple[str, ...]]

    def has(self, name: str) -> bool:
        """Whether the class knows the setting at all."""
        return name in self.values

    def every(self, name: str) -> set[str]:
        """The values that occur."""
        return set(self.values.get(name, ()))

    def text(self, name: str) -> str:
        """The value as source: itself where all stages share it, else the argument's name."""
        values = self.every(name)
        return next(iter(values)) if len(values) == 1 else name

    @property
    def varying(self) -> tuple[str, ...]:
        """The names that are arguments of the class."""
        return tuple(name for name, values in self.values.items() if len(set(values)) > 1)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The arguments as a signature has them."""
        return tuple(f"{name}: {_TYPES[name]}" for name in self.varying)


@dataclass(frozen=True)
class Plan:
    """A network as plain PyTorch: class -> its settings, and a class and entries for each stage.

    se_activation, se_gate: those of every squeeze-excite as source; None where they differ, and
    "" where there is no squeeze-excite.
    """

    spec: ArchSpec
    classes: dict[str, Settings]
    rows: tuple[tuple[str, dict[str, str]], ...]
    se_activation: str | None
    se_gate: str | None

    def any(self, name: str, value: str | None = None) -> bool:
        """Whether a class has the setting; given a value, whether some stage has that value."""
        return any(
            each.has(name) and (value is None or value in each.every(name))
            for each in self.classes.values()
        )


def plan(spec: ArchSpec) -> Plan:
    """What to write for `spec`.

    Raises: ExportError naming a block kind that is a plug-in's.
    """
    firsts = [block for block in spec.blocks() if block.layer == 0]
    for block in firsts:
        if block.kind not in BUILT_IN:
            raise ExportError(
                f"stages[{block.stage}].block is '{block.kind}', a plug-in's block kind, which "
                "cannot be written as plain PyTorch; --to onnx can"
            )
    activations = {_se_activation(block) for block in firsts if block.se is not None}
    gates = {GATES[block.se.gate] for block in firsts if block.se is not None}
    names = [_class_of(block) for block in firsts]
    described = [
        _settings(block, name, own_activation=len(activations) > 1, own_gate=len(gates) > 1)
        for block, name in zip(firsts, names, strict=True)
    ]
    for name in set(names).intersection(RESNET):
        blocks = [block for block, each in zip(firsts, names, strict=True) if each == name]
        if all(inner_channels(block) == block.out_channels for block in blocks):
            for settings, each in zip(described, names, strict=True):
                if each == name:
                    settings["inner"] = "out_channels"
    classes = {
        name: Settings(_columns([d for d, n in zip(described, names, strict=True) if n == name]))
        for name in CLASSES.values()
        if name in names
    }
    rows = tuple(
        (name, {key: columns[key] for key in classes[name].varying if key in columns})
        for name, columns in zip(names, described, strict=True)
    )
    return Plan(spec, classes, _complete(rows, classes), _one(activations), _one(gates))


def _class_of(block: BlockSpec) -> str:
    # At expand ratio 1 a fused MBConv is a single convolution.
    if block.kind == "fused-mbconv" and block.expand_ratio == 1:
        return CLASSES["conv"]
    return CLASSES[block.kind]


def _settings(
    block: BlockSpec, name: str, *, own_activation: bool, own_gate: bool
) -> dict[str, str]:
    """Setting -> source of one stage, in the order that a signature has them."""
    settings = {"kernel": str(block.kernel)}
    if name in RESNET:
        settings["inner"] = str(inner_channels(block))
        if name == "Bottleneck":
            settings["groups"] = str(groups_of(block))
        settings["skip"] = literal("identity" if block.skip else "none")
    else:
        if name in ("MBConv", "FusedMBConv"):
            settings["expand_ratio"] = literal(block.expand_ratio)
        settings["se_ratio"] = "0" if block.se is None else literal(block.se.ratio)
        if block.se is not None:
            settings |= _squeeze_excite(block, block.se, own_activation, own_gate)
        settings["skip"] = literal(_skip(block))
    settings["activation"] = ACTIVATIONS[block.activation]
    return settings


def _squeeze_excite(
    block: BlockSpec, se: SqueezeExcite, own_activation: bool, own_gate: bool
) -> dict[str, str]:
    settings = {
        "se_of_expanded": str(se.of == "expanded"),
        "se_divisor": str(se.divisor),
    }
    if own_activation:
        settings["se_activation"] = _se_activation(block)
    if own_gate:
        settings["se_gate"] = GATES[se.gate]
    return settings


def _se_activation(block: BlockSpec) -> str:
    assert block.se is not None
    return ACTIVATIONS[block.se.activation or block.activation]


def _skip(block: BlockSpec) -> str:
    if not block.skip:
        return "none"
    return "pool" if block.option("skip", "") == POOL else "identity"


def _columns(described: Sequence[dict[str, str]]) -> dict[str, tuple[str, ...]]:
    """Setting -> its values over the stages of one class.

    Stages without squeeze-excite say nothing of its settings.
    """
    order = [name for name in _TYPES if any(name in each for each in described)]
    return {name: tuple(each[name] for each in described if name in each) for name in order}


def _complete(
    rows: Sequence[tuple[str, dict[str, str]]], classes: dict[str, Settings]
) -> tuple[tuple[str, dict[str, str]], ...]:
    """The same rows with an entry for every argument; where it has no meaning, any value does."""
    return tuple(
        (
            name,
            {key: row.get(key, classes[name].values[key][0]) for key in classes[name].varying},
        )
        for name, row in rows
    )


def _one(values: set[str]) -> str | None:
    if not values:
        return ""
    return next(iter(values)) if len(values) == 1 else None
