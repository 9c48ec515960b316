"""A plan: which stages a run has, and the options of each by the names of the ordinary commands.

Read from TOML, of which this file knows the shape alone. Whether a command has an option, and what
its value may be, is for the command line to say (nas/cli/run_commands.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.errors import ConfigError
from nas.pipeline.folder import PLAN, STAGES
from nas.registry import did_you_mean

SHARED = ("data", "device", "seed", "workers")
"""Keys above the first table: an option of every stage whose command has it."""

NETWORK = "network"
"""The key that names the network to go on with, in a plan without a search."""

MEMBER = "b1"
TARGETS = ("pytorch", "onnx")

# What a plan may say of a stage beside the options of its command.
_OWN: Mapping[str, tuple[str, ...]] = {"train": ("member",), "export": ("to", "of")}


@dataclass(frozen=True)
class Plan:
    """source: what messages call it. text: the TOML. stages: stage -> options, in their order.

    member: of the family, the one that is trained. targets: of the export. exported: the stages
    whose network is exported.
    """

    source: str
    text: str
    shared: Mapping[str, Any]
    stages: Mapping[str, Mapping[str, Any]]
    network: str | None = None
    member: str = MEMBER
    targets: tuple[str, ...] = TARGETS
    exported: tuple[str, ...] = field(default=())

    def has(self, stage: str) -> bool:
        """Whether the stage is part of the run."""
        return stage in self.stages

    def needs(self, stage: str) -> tuple[str, ...]:
        """The stages of this plan whose results the stage works on."""
        wanted = {
            "search": (),
            "trust": ("search",),
            "retrain": ("search",),
            "fit-scaling": ("search",),
            "family": ("search", "fit-scaling"),
            "train": ("family",),
            "export": self.exported,
            "report": tuple(other for other in STAGES if other != "report"),
        }[stage]
        return tuple(other for other in wanted if self.has(other))

    def built_on(self, stage: str) -> tuple[str, ...]:
        """The stage and all that work on its results, directly or not; in their order."""
        found = [stage]
        for other in self.stages:
            if other not in found and any(one in found for one in self.needs(other)):
                found.append(other)
        return tuple(found)


def read_plan(path: Path) -> Plan:
    """Read a plan's file. Raises: ConfigError, in one line, if it cannot be read or understood."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"cannot read the plan {path}: {reason}") from None
    return parse_plan(text, str(path))


def parse_plan(text: str, source: str = PLAN) -> Plan:
    """A plan from its TOML; `source` is what messages call it.

    Raises: ConfigError, in one line, for what is no plan.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not TOML: {error}") from None
    network = content.pop(NETWORK, None)
    shared = {key: value for key, value in content.items() if key in SHARED}
    tables = {key: value for key, value in content.items() if key not in SHARED}
    for name, table in tables.items():
        if name not in STAGES:
            known = STAGES if isinstance(table, dict) else (*SHARED, NETWORK)
            what = f"stage [{name}]" if isinstance(table, dict) else f"key '{name}'"
            raise ConfigError(f"{source}: unknown {what}; {did_you_mean(name, known)}")
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: {name} is a stage; write its options below [{name}]")
    if network is not None and not isinstance(network, str):
        raise ConfigError(f'{source}: {NETWORK} is {network!r}; write network = "efficientnet-b0"')
    stages = {stage: dict(tables[stage]) for stage in STAGES if stage in tables}
    own = {
        key: stages[stage].pop(key)
        for stage, keys in _OWN.items()
        if stage in stages
        for key in keys
        if key in stages[stage]
    }
    trained = tuple(stage for stage in ("retrain", "train") if stage in stages)
    plan = Plan(
        source,
        text,
        shared,
        stages,
        network,
        _text(source, "train", "member", own.get("member", MEMBER)),
        _texts(source, "to", own.get("to", TARGETS)),
        _texts(source, "of", own.get("of", trained or ("search",))),
    )
    _check_stages(plan)
    return plan


def _check_stages(plan: Plan) -> None:
    """Refuse a stage that has nothing to work on."""
    if not plan.stages:
        raise ConfigError(f"{plan.source} has no stage; write at least [search]")
    if plan.has("search") and plan.network is not None:
        raise ConfigError(
            f"{plan.source} has both [search] and {NETWORK}; {NETWORK} is for a run without search"
        )
    if not plan.has("search"):
        if plan.has("trust"):
            raise ConfigError(f"{plan.source}: [trust] judges a search; add [search]")
        if plan.network is None:
            raise ConfigError(
                f'{plan.source} has no [search]; name the network to go on with: network = "ARCH"'
            )
    if plan.has("train") and not plan.has("family"):
        raise ConfigError(f"{plan.source}: [train] trains a family's member; add [family]")
    for stage in plan.exported:
        if stage not in ("search", "retrain", "train"):
            raise ConfigError(
                f"{plan.source}: [export] of '{stage}' cannot be; choose of search (untrained), "
                "retrain, train"
            )
        if stage != "search" and not plan.has(stage):
            raise ConfigError(f"{plan.source}: [export] of {stage} needs the stage [{stage}]")


def _text(source: str, stage: str, key: str, value: Any) -> str:
    # A member becomes the name of a folder.
    if not isinstance(value, str) or not value or value.startswith(".") or "/" in value:
        raise ConfigError(f"{source} [{stage}]: {key} is {value!r}; write for example 'b1'")
    return value


def _texts(source: str, key: str, value: Any) -> tuple[str, ...]:
    """One name or a list of them, each once."""
    values = [value] if isinstance(value, str) else value
    sound = isinstance(values, list | tuple) and values
    if not sound or not all(isinstance(one, str) for one in values):
        raise ConfigError(f"{source} [export]: {key} is {value!r}; write a list of names")
    return tuple(dict.fromkeys(values))
