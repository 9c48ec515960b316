"""The family that a plan will make, before its baseline and its coefficients are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from nas.cli.scaling_options import coefficients_from
from nas.errors import ConfigError
from nas.pipeline.plan import Plan
from nas.registry import did_you_mean
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.family import Member
from nas.scaling.family_choice import FITTED, Sizes, choose_rule, make_family
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec


def expected_members(plan: Plan, family: Mapping[str, Any], baseline: ArchSpec) -> Sequence[Member]:
    """The members for this baseline; where a fit is still to come, by the paper's coefficients.

    family: what `nas family` reads, by parameter.
    Raises: NasError for what `nas family` would refuse.
    """
    given = coefficients_from(family["alpha"], family["beta"], family["gamma"])
    rule, file = family["rule"], family["coefficients_file"]
    sizes = Sizes(family["phis"], family["ratios"], family["flops"])
    fits = plan.has("fit-scaling")
    to_come = fits and not family["published"] and given is None and rule in (None, FITTED)
    name: str = FITTED
    coefficients: ScalingCoefficients | None = PAPER
    if not to_come or "coefficients" in plan.stages["family"]:
        text = "the search" if plan.network is None else plan.network
        name, coefficients = choose_rule(rule, family["published"], given, file, text)
    return make_family(baseline, name, coefficients, sizes, family["resolution_multiple"]).members


def check_family(plan: Plan, family: Mapping[str, Any]) -> None:
    """Refuse what no baseline makes right: rules that contradict, a member that will not be.

    Raises: ConfigError or another NasError, in one line.
    """
    # FLOPs count by how many there are: those asked for may be below this stand-in's own.
    ratios = tuple(2.0 + number for number in range(len(set(family["flops"]))))
    sizes = {"flops": (), "ratios": ratios} if ratios and not family["ratios"] else {}
    stand_in = dataclasses.replace(efficientnet_b0(), name="stand-in")
    names = [member.name for member in expected_members(plan, {**family, **sizes}, stand_in)]
    if plan.has("train") and plan.member not in names:
        raise ConfigError(
            f"[train] trains '{plan.member}', which the family will not have; "
            f"{did_you_mean(plan.member, names)}"
        )
