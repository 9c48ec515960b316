"""From a plan to the ordinary commands: each stage's arguments, read by the command's own options.

Everything that a person wrote is parsed here before the first stage begins, so that a slip in the
last stage is told at once and not after days.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from nas.errors import ConfigError, NasError
from nas.pipeline.folder import stage_place
from nas.pipeline.plan import Plan
from nas.registry import did_you_mean

# Stage -> its command, where the names differ.
_COMMANDS = {"retrain": "train"}
# Options that the run sets itself, or that would keep a stage from leaving its result.
_SET_HERE: Mapping[str, tuple[str, ...]] = {
    "search": ("storage",),
    "fit-scaling": ("baseline", "published"),
    "family": ("baseline",),
    "report": ("output", "compare"),
}
_SET_IN_ALL = ("out", "json", "dry-run", "help")
# The rule that [family] names leaves no room for the fit's coefficients.
_OTHER_RULES = ("rule", "published", "alpha", "beta", "gamma", "coefficients")


def stage_commands(plan: Plan, stage: str, folder: Path) -> list[list[str]]:
    """The arguments after `nas` of each command of a stage, for a run in `folder`.

    Raises: ConfigError for an option that the command does not have.
    """
    place = str(folder / stage_place(stage, plan.member))
    search = str(folder / "search") if plan.has("search") else str(plan.network)
    options = list(_arguments(plan, stage))
    if stage == "export":
        return [
            ["export", network, "--to", target, *options, "--out", f"{place}/{name}-{target}"]
            for name, network in _exported(plan, folder, search)
            for target in plan.targets
        ]
    if stage == "trust":
        return [["trust", search, *options]]
    begins = {
        "search": ["search"],
        "retrain": ["train", search],
        "fit-scaling": ["fit-scaling", "--baseline", search],
        "family": ["family", "--baseline", search, *_fitted(plan, folder)],
        "train": ["train", f"{folder}:{plan.member}"],
        "report": ["report", str(folder)],
    }
    return [[*begins[stage], *options, "--output" if stage == "report" else "--out", place]]


def effective_options(plan: Plan, stage: str) -> dict[str, Any]:
    """What the plan decides of a stage, by name: equal ones make the same result."""
    options = {**_shared_options(plan, stage), **plan.stages[stage]}
    wiring: dict[str, Any] = {"network": plan.network} if not plan.has("search") else {}
    if stage == "family" and not _own_rule(plan):
        wiring["coefficients"] = "of the fit" if plan.has("fit-scaling") else None
    if stage == "train":
        wiring["member"] = plan.member
    if stage == "export":
        wiring |= {"to": list(plan.targets), "of": list(plan.exported)}
    return {**options, **wiring}


def parsed_stages(plan: Plan) -> dict[str, dict[str, Any]]:
    """Stage -> what its command reads, by parameter; nothing is done.

    Raises: ConfigError, in one line, naming the stage and the option that cannot be.
    """
    return {stage: _parsed(plan, stage) for stage in plan.stages}


def _parsed(plan: Plan, stage: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for arguments in stage_commands(plan, stage, Path("RUN")):
        command = _command(stage)
        try:
            with command.make_context(f"nas {arguments[0]}", arguments[1:]) as context:
                parameters = dict(context.params)
        except click.ClickException as error:
            reason = " ".join(error.format_message().split()).rstrip(".")
            raise ConfigError(f"{plan.source} [{stage}]: {reason}") from None
        except NasError as error:
            raise ConfigError(f"{plan.source} [{stage}]: {error}") from None
    return parameters


def _command(stage: str) -> click.Command:
    name = _COMMANDS.get(stage, stage).replace("-", "_")
    command: click.Command = importlib.import_module(f"nas.cli.{name}").command
    return command


def _options_of(stage: str) -> dict[str, click.Option]:
    """Long name, without its dashes -> option."""
    return {
        name.removeprefix("--"): parameter
        for parameter in _command(stage).params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
        if name.startswith("--")
    }


def _shared_options(plan: Plan, stage: str) -> dict[str, Any]:
    # An export's seed is of random weights, and it refuses one where there are others.
    known = () if stage == "export" else _options_of(stage)
    return {key: value for key, value in plan.shared.items() if key in known}


def _arguments(plan: Plan, stage: str) -> Iterator[str]:
    known = _options_of(stage)
    hidden = (*_SET_IN_ALL, *_SET_HERE.get(stage, ()))
    place = f"{plan.source} [{stage}]"
    for key, value in {**_shared_options(plan, stage), **plan.stages[stage]}.items():
        if key in hidden:
            raise ConfigError(f"{place}: {key} is set by the run; leave it out")
        if key not in known:
            open_ = [name for name in known if name not in hidden]
            raise ConfigError(f"{place}: unknown option '{key}'; {did_you_mean(key, open_)}")
        yield from _option(place, key, value, known[key])


def _option(place: str, key: str, value: Any, option: click.Option) -> Iterator[str]:
    """A TOML value as arguments: true for a flag, lists for what is repeated or has commas."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise ConfigError(f"{place}: {key} is a switch; write {key} = true or false")
        if value:
            yield f"--{key}"
        return
    if isinstance(value, Mapping):
        value = [f"{name}={_plain(place, key, one)}" for name, one in value.items()]
    texts = [_plain(place, key, one) for one in (value if isinstance(value, list) else [value])]
    for text in texts if option.multiple else [",".join(texts)]:
        # A value that begins with a dash would be taken for an option.
        yield from [f"--{key}={text}"] if text.startswith("-") else [f"--{key}", text]


def _plain(place: str, key: str, value: Any) -> str:
    if isinstance(value, bool):
        # As TOML and JSON write it, for settings given as NAME=VALUE.
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise ConfigError(f"{place}: {key} is {value!r}; write a text, a number or a list of them")
    return str(value)


def _own_rule(plan: Plan) -> bool:
    return any(key in _OTHER_RULES for key in plan.stages.get("family", {}))


def _fitted(plan: Plan, folder: Path) -> list[str]:
    if not plan.has("fit-scaling") or _own_rule(plan):
        return []
    return ["--coefficients", str(folder / "fit" / "coefficients.json")]


def _exported(plan: Plan, folder: Path, search: str) -> list[tuple[str, str]]:
    """(name in the folder's name, what `nas export` takes) of each network that is exported."""
    networks = {
        "search": ("untrained", search),
        "retrain": ("found", str(folder / stage_place("retrain", plan.member))),
        "train": (plan.member, str(folder / stage_place("train", plan.member))),
    }
    return [networks[stage] for stage in plan.exported]
