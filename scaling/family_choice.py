"""Which family a person gets: the rule, its coefficients, and the sizes of the members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.archs import reference_networks
from nas.cost import network_cost
from nas.errors import ConfigError
from nas.registry import did_you_mean
from nas.scaling.coefficient_files import FILE, read_coefficients
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.family import DEFAULT_PHIS, FORMULA, PUBLISHED, Member, formula_family
from nas.scaling.family import published_family as released
from nas.scaling.rules import RULES, find_rule
from nas.scaling.sized_family import sized_family
from nas.spec import ArchSpec

FITTED = "fitted"
NAMES = (PUBLISHED, FORMULA, FITTED, *RULES)


@dataclass(frozen=True)
class Sizes:
    """How large the members are: by phi, by FLOPs ratio or by FLOPs; at most one is given."""

    phis: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()
    flops: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        given = [f"--{name}" for name in ("phi", "ratios", "flops") if self._of(name)]
        if len(given) > 1:
            raise ConfigError(f"{' and '.join(given)} both give the members' sizes; choose one")

    def _of(self, name: str) -> tuple[float, ...]:
        return {"phi": self.phis, "ratios": self.ratios, "flops": self.flops}[name]

    @property
    def option(self) -> str | None:
        """The option that was given, None where none was."""
        return next((f"--{name}" for name in ("phi", "ratios", "flops") if self._of(name)), None)


@dataclass(frozen=True)
class Family:
    """The members, and the rule that made them; coefficients is None for the released family."""

    rule: str
    coefficients: ScalingCoefficients | None
    members: Sequence[Member]


def choose_rule(
    rule: str | None,
    published: bool,
    given: ScalingCoefficients | None,
    file: Path | None,
    baseline_text: str,
) -> tuple[str, ScalingCoefficients | None]:
    """The rule's name and its coefficients.

    Without `--rule`: coefficients of the command line, of a file, or fitted for the run; else, or
    with `--published` and nothing more, the released family.
    Raises: ConfigError for settings that contradict each other.
    """
    if given is not None and file is not None:
        raise ConfigError("--coefficients and --alpha, --beta, --gamma are two rules; choose one")
    # The folder of `nas run` has its search below, with the coefficients that were fitted for it.
    runs = (Path(baseline_text), Path(baseline_text) / "search")
    fitted = next((run for run in runs if (run / FILE).is_file()), None)
    if published and rule not in (None, PUBLISHED, FORMULA):
        raise ConfigError(f"--published and --rule {rule} are two rules; choose one")
    if rule is None:
        rule = FORMULA if given else FITTED if file or (fitted and not published) else PUBLISHED
    if rule not in NAMES:
        raise ConfigError(f"unknown rule '{rule}'; {did_you_mean(rule, NAMES)}")
    if given is not None and rule != FORMULA:
        raise ConfigError(f"--rule {rule} has its own coefficients; leave out --alpha and the rest")
    if file is not None and rule != FITTED:
        raise ConfigError(f"--coefficients is for --rule {FITTED}; leave one of them out")
    if rule == FITTED:
        place = file or fitted
        if place is None:
            raise ConfigError(
                f"no fitted coefficients: --baseline {baseline_text} has no {FILE}; "
                "name a file with --coefficients"
            )
        return rule, read_coefficients(place)
    if rule == FORMULA:
        return rule, given or PAPER
    return rule, None if rule == PUBLISHED else find_rule(rule).coefficients


def make_family(
    baseline: ArchSpec,
    rule: str,
    coefficients: ScalingCoefficients | None,
    sizes: Sizes,
    resolution_multiple: int,
) -> Family:
    """The family. Raises: ConfigError where a size cannot be met or does not go with the rule."""
    if coefficients is None:
        if sizes.option is not None:
            raise ConfigError(
                f"{sizes.option} belongs to the formula, and the released family has sizes of its "
                "own; give --alpha, --beta and --gamma (the paper's are 1.2, 1.1, 1.15) or a --rule"
            )
        return Family(rule, None, released(baseline, resolution_multiple=resolution_multiple))
    # The paper's own rule counts phi; the others are compared at the released family's sizes.
    if sizes.phis or (rule == FORMULA and sizes.option is None):
        members = formula_family(
            baseline,
            coefficients,
            sizes.phis or DEFAULT_PHIS,
            rule=rule,
            resolution_multiple=resolution_multiple,
        )
        return Family(rule, coefficients, members)
    origin = network_cost(baseline).flops
    ratios = tuple(flops / origin for flops in sizes.flops) or sizes.ratios or None
    members = sized_family(
        baseline, rule, coefficients, ratios, resolution_multiple=resolution_multiple
    )
    return Family(rule, coefficients, members)


def default_folder(baseline_text: str) -> Path:
    """Where a family goes unless told: into its run, or beside the user's work.

    `family-` stands before the name, so that a baseline never shares its folder with its family.
    """
    path = Path(baseline_text)
    if path.is_dir() and baseline_text not in reference_networks():
        return path / "family"
    name = path.stem if path.is_file() else path.name.replace(":", "-")
    return Path(f"family-{name}")
