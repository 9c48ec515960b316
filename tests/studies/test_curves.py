"""The networks of a study: as near to the asked FLOPs as rounding lets, each once."""

from __future__ import annotations

import dataclasses

import pytest

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.references import REFERENCES
from nas.scaling.coefficients import PAPER
from nas.scaling.steps import By
from nas.scaling.transform import scale
from nas.spec import ArchSpec
from nas.studies.config import FIGURE4_STARTS, StudyConfig
from nas.studies.curves import StudyCurves, dimension_curves, width_curves

RATIOS = (1.5, 2.0, 3.0, 4.0)
BASELINES = ("efficientnet-b0", "mobilenet-v1", "resnet-18")


def at_64(name: str) -> ArchSpec:
    return dataclasses.replace(REFERENCES[name].build(), resolution=64)


def by_trying(baseline: ArchSpec, by: By) -> list[int]:
    """FLOPs of every network that fine steps of the multiplier come across, up to past 4 times."""
    found = {network_cost(baseline).flops}
    for step in range(1, 600):
        factor = 1 + step / 150
        if by == "compound":
            phi = step / 125
            arch = scale(
                baseline,
                depth=1.2**phi,
                width=1.1**phi,
                resolution=1.15**phi,
                resolution_multiple=8,
            )
        else:
            arch = scale(baseline, **{by: factor}, resolution_multiple=8)  # type: ignore[arg-type]
        found.add(network_cost(arch).flops)
        if max(found) > 6 * network_cost(baseline).flops:
            break
    return sorted(found)


@pytest.mark.parametrize("name", BASELINES)
def test_no_network_is_nearer_to_an_asked_ratio(name: str) -> None:
    baseline = at_64(name)
    origin = network_cost(baseline).flops
    dimensions: tuple[By, ...] = ("depth", "width", "resolution", "compound")
    curves = dimension_curves(baseline, dimensions, RATIOS, PAPER, resolution_multiple=8)
    for curve in curves:
        known = by_trying(baseline, curve.by)
        assert [point.asked for point in curve.points[1:]] or curve.notes
        for point in curve.points[1:]:
            nearest = min(abs(flops - point.asked * origin) for flops in known)
            assert abs(point.cost.flops - point.asked * origin) <= nearest
            assert point.ratio == point.cost.flops / origin


def test_a_point_is_what_its_multipliers_build() -> None:
    baseline = at_64("efficientnet-b0")
    curves = dimension_curves(
        baseline, ("depth", "width", "resolution", "compound"), RATIOS, PAPER, resolution_multiple=8
    ) + width_curves(baseline, FIGURE4_STARTS, RATIOS, resolution_multiple=8)
    for curve in curves:
        for point in curve.points:
            built = scale(baseline, **vars(point.multipliers), resolution_multiple=8)
            assert built.digest() == point.arch.digest()


def test_figure_4_shares_its_first_curve_with_the_width_of_figure_3() -> None:
    baseline = at_64("efficientnet-b0")
    (width,) = dimension_curves(baseline, ("width",), RATIOS, PAPER, resolution_multiple=8)
    first, *others = width_curves(baseline, FIGURE4_STARTS, RATIOS, resolution_multiple=8)
    assert [p.arch.digest() for p in first.points] == [p.arch.digest() for p in width.points]
    assert [curve.points[0].arch.resolution for curve in others] == [80, 64, 80]
    assert [curve.points[0].arch.depth for curve in others] == [16, 32, 32]
    together = StudyCurves((width,), (first, *others))
    assert len(together.networks) == len({arch.digest() for arch in together.networks}) == 20


def test_ratios_that_round_to_one_network_make_one_point_and_a_note() -> None:
    baseline = at_64("efficientnet-b0")
    (depth,) = dimension_curves(
        baseline, ("depth",), (1.05, 1.5, 1.52), PAPER, resolution_multiple=8
    )
    assert len(depth.points) == 2
    assert depth.notes == (
        "depth: 1.05 times the FLOPs rounds to the network it starts from",
        "depth: 1.52 times the FLOPs rounds to 1.5 times",
    )


def test_a_ratio_that_is_far_from_what_rounding_gives_is_remarked_on() -> None:
    baseline = at_64("efficientnet-b0")
    (compound,) = dimension_curves(baseline, ("compound",), (2.0,), PAPER, resolution_multiple=8)
    assert compound.notes == (
        "compound: the network nearest to 2 times the FLOPs costs 1.56 times as much",
    )


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ((0.5,), "--ratios has 0.5"),
        ((1.0,), "--ratios has 1"),
        ((float("nan"),), "--ratios has nan"),
        ((), "--ratios is empty"),
        ((1.02,), "the next network costs 1.46 times"),
    ],
)
def test_ratios_that_make_no_network_are_refused(ratios: tuple[float, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dimension_curves(at_64("efficientnet-b0"), ("depth",), ratios, PAPER, resolution_multiple=8)


def test_settings_are_read_back_as_they_were_written() -> None:
    config = StudyConfig(
        at_64("resnet-18"), "DIR", widths_at=FIGURE4_STARTS, evaluator_options=(("batch", 64),)
    )
    assert StudyConfig.from_dict(config.to_dict()) == config
    assert config.difference(dataclasses.replace(config, seeds=5, ratios=(2.0,))) is None
    assert config.difference(dataclasses.replace(config, seed=1)) == "seed 0 -> 1"
