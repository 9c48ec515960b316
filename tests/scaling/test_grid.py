"""The grid of a scaling fit is exactly the set of networks that rounding leaves."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import random

import pytest

from nas.archs import find_network
from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.grid import Grid, feasible_grid, next_tolerance
from nas.scaling.transform import scale
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec

B0 = efficientnet_b0()
B0_AT_64 = dataclasses.replace(B0, resolution=64)

# Baseline, px, settings; networks, digest of their digests.
ENUMERATED = (
    ("efficientnet-b0", 64, {"ratio": 8, "step": 0.05}, 452, "67fa30722730"),
    ("efficientnet-b0", 224, {"step": 0.05}, 48, "2f06922e6e65"),
    ("efficientnet-b0", 64, {"constraint": "activations"}, 759, "ca7b6d19c6b0"),
    ("resnet-18", 64, {"step": 0.05}, 14, "e7346d68239f"),
    (
        "resnet-50",
        64,
        {"ratio": 3, "tolerance": 0.2, "step": 0.1, "constraint": "params"},
        58,
        "6dbf876e107a",
    ),
    ("mobilenet-v3-large", 64, {"ratio": 4, "step": 0.05}, 60, "59235e77830a"),
)


def digests(grid: Grid) -> set[str]:
    return {point.arch.digest() for point in grid.points}


@pytest.mark.parametrize("constraint", ["flops", "activations"])
@pytest.mark.parametrize("baseline", [B0_AT_64, B0], ids=["64px", "224px"])
def test_every_triple_that_meets_the_constraint_lies_in_one_point(
    baseline: ArchSpec, constraint: str
) -> None:
    grid = feasible_grid(baseline, tolerance=0.1, constraint=constraint)  # type: ignore[arg-type]
    by_digest = {point.arch.digest(): point for point in grid.points}
    origin = getattr(network_cost(baseline), constraint)
    source = random.Random(0)
    met = 0
    for _ in range(3000):
        alpha, beta, gamma = (1 + source.random() * reach for reach in (1.2, 0.6, 0.6))
        arch = scale(baseline, depth=alpha, width=beta, resolution=gamma, resolution_multiple=8)
        ratio = getattr(network_cost(arch), constraint) / origin
        assert (arch.digest() in by_digest) == (1.8 <= ratio <= 2.2)
        if arch.digest() in by_digest:
            met += 1
            point = by_digest[arch.digest()]
            assert point.ratio == ratio
            assert point.alpha.low <= alpha <= point.alpha.high
            assert point.beta.low <= beta <= point.beta.high
            assert point.gamma.low <= gamma <= point.gamma.high
    assert met > 20


def test_the_coefficients_of_a_point_build_it_again() -> None:
    grid = feasible_grid(B0_AT_64, step=0.05)
    assert [p.ratio for p in grid.points] == sorted(p.ratio for p in grid.points)
    assert len(digests(grid)) == len(grid.points)
    for point in grid.points:
        c = point.coefficients
        built = scale(
            B0_AT_64, depth=c.alpha, width=c.beta, resolution=c.gamma, resolution_multiple=8
        )
        assert built.digest() == point.arch.digest()
        assert abs(point.ratio / 2 - 1) <= 0.1


def test_a_step_keeps_what_a_grid_of_numbers_would_meet() -> None:
    numbers = [round(1 + 0.05 * step, 12) for step in range(41)]
    expected = set()
    origin = network_cost(B0_AT_64).flops
    for alpha, beta, gamma in itertools.product(numbers, numbers[:17], numbers[:17]):
        arch = scale(B0_AT_64, depth=alpha, width=beta, resolution=gamma, resolution_multiple=8)
        if 1.9 <= network_cost(arch).flops / origin <= 2.1:
            expected.add(arch.digest())
    assert digests(feasible_grid(B0_AT_64, tolerance=0.05, step=0.05)) == expected
    assert len(expected) > 5


def test_the_public_rerun_has_65_networks_for_its_108_points() -> None:
    """microsoft/nni, examples/trials/efficientnet: step 0.05, |alpha beta^2 gamma^2 - 2| < 0.1.

    Its sides are cut to whole pixels, not rounded. The counts and the range of real costs are an
    independent script's, run over its published search space.
    """
    alphas = [1 + 0.05 * step for step in range(21)]
    others = [1 + 0.05 * step for step in range(9)]
    digests, ratios = [], []
    for alpha, beta, gamma in itertools.product(alphas, others, others):
        if abs(alpha * beta**2 * gamma**2 - 2) < 0.1:
            side = int(gamma * 224 + 1e-9)
            arch = scale(B0, depth=alpha, width=beta, resolution_px=side)
            digests.append(arch.digest())
            ratios.append(network_cost(arch).flops / network_cost(B0).flops)
    assert (len(digests), len(set(digests))) == (108, 65)
    assert (round(min(ratios), 2), round(max(ratios), 2)) == (1.93, 3.33)
    assert sum(abs(ratio / 2 - 1) <= 0.1 for ratio in ratios) == 12


def test_b0_at_64_px_has_about_20_networks_within_10_percent() -> None:
    points = feasible_grid(B0_AT_64, tolerance=0.1, step=0.05).points
    assert len(points) == 19
    # Whole layers, channels and multiples of 8 px leave no room for growth in all three.
    for point in points:
        coefficients = point.coefficients
        assert min(coefficients.alpha, coefficients.beta, coefficients.gamma) == 1
    assert len(feasible_grid(B0_AT_64, tolerance=0.03, step=0.05).points) == 4


def test_large_grids_are_what_trying_every_combination_gave() -> None:
    """Counts and digests of digests that an enumeration of all combinations of steps left behind.

    It built and counted each network by itself.
    """
    for name, side, settings, count, digest in ENUMERATED:
        baseline = dataclasses.replace(find_network(name), resolution=side)
        grid = feasible_grid(baseline, **settings)  # type: ignore[arg-type]
        found = ",".join(point.arch.digest() for point in grid.points)
        assert (len(grid.points), hashlib.sha256(found.encode()).hexdigest()[:12]) == (
            count,
            digest,
        )


def test_a_ratio_of_64_is_listed() -> None:
    grid = feasible_grid(B0_AT_64, ratio=64, tolerance=0.02, step=0.5)
    assert len(grid.points) > 20
    for point in grid.points:
        ratio = network_cost(point.arch).flops / network_cost(B0_AT_64).flops
        assert ratio == point.ratio
        assert abs(ratio / 64 - 1) <= 0.02


def test_a_wider_tolerance_is_offered_where_few_networks_are_left() -> None:
    narrow = feasible_grid(B0_AT_64, tolerance=0.01, step=0.05)
    offered = next_tolerance(narrow, 12, step=0.05)
    assert offered is not None
    assert len(narrow.points) < 12
    assert len(feasible_grid(B0_AT_64, tolerance=offered, step=0.05).points) >= 12
    assert next_tolerance(narrow, 10**6, step=0.05) is None


def test_a_baseline_with_odd_widths_stays_itself_at_one() -> None:
    stages = tuple(dataclasses.replace(s, channels=s.channels + 2) for s in B0_AT_64.stages)
    odd = dataclasses.replace(B0_AT_64, stages=stages)
    grid = feasible_grid(odd, step=0.05)
    kept = [point for point in grid.points if point.beta.high == 1]
    assert kept
    assert all([s.channels for s in p.arch.stages] == [s.channels for s in stages] for p in kept)


def test_parameters_leave_the_resolution_alone() -> None:
    grid = feasible_grid(B0_AT_64, constraint="params", step=0.05)
    origin = network_cost(B0_AT_64).params
    assert len(grid.points) > 5
    for point in grid.points:
        assert point.arch.resolution == 64
        assert 1.8 <= network_cost(point.arch).params / origin <= 2.2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ratio": 1.0}, "--ratio is 1"),
        ({"tolerance": 1.5}, "--tolerance is 150%"),
        ({"step": 0.0}, "--step is 0"),
        ({"constraint": "memory"}, "cannot constrain 'memory'"),
        ({"tolerance": 0.5}, "includes the baseline itself"),
    ],
)
def test_bad_settings_are_one_line(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        feasible_grid(B0_AT_64, **settings)  # type: ignore[arg-type]
