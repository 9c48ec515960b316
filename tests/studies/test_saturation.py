"""Gains per doubling: intervals that hold what they claim, and verdicts on known curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from nas.errors import ConfigError
from nas.studies.gains import LEVEL, Noise, pooled_noise
from nas.studies.saturation import Grown, Saturation, fit_saturation
from nas.studies.summary import sentence

RATIOS = (1.5, 2.0, 3.0, 4.0)
START = 0.75
TRUTHS: Mapping[str, Callable[[float], float]] = {
    "depth": lambda ratio: START + 0.05 * (1 - ratio**-3.0),
    "width": lambda ratio: START + 0.15 * (1 - ratio**-0.35),
    "resolution": lambda ratio: START + 0.01 * math.log2(ratio),
    "compound": lambda ratio: START + 0.15 * (1 - ratio**-0.5),
}


Points = Sequence[tuple[float, Sequence[float]]]


def fitted(start: Sequence[float], curves: Mapping[str, Points], noise: Noise) -> Saturation | None:
    """Curves from one start, split at twice the FLOPs."""
    grown = {name: Grown("start", points) for name, points in curves.items()}
    return fit_saturation({"start": start}, grown, 2.0, noise)


def drawn(
    generator: np.random.Generator, sd: float, network_sd: float = 0.0, seeds: int = 3
) -> Saturation:
    """A study of the true curves: luck of seeds, and of each network's rounding."""
    start = START + generator.normal(0, sd, seeds)
    curves = {
        name: [
            (r, truth(r) + generator.normal(0, network_sd) + generator.normal(0, sd, seeds))
            for r in RATIOS
        ]
        for name, truth in TRUTHS.items()
    }
    noise = pooled_noise([start, *(row for points in curves.values() for _, row in points)])
    found = fitted(start, curves, noise)
    assert found is not None
    return found


def true_gains(name: str) -> tuple[float, float]:
    """Per doubling, before and after twice the FLOPs."""
    truth = TRUTHS[name]
    return truth(2.0) - truth(1.0), truth(4.0) - truth(2.0)


@pytest.mark.parametrize("network_sd", [0.0, 0.005])
def test_intervals_hold_the_truth_as_often_as_they_say(network_sd: float) -> None:
    generator = np.random.default_rng(7)
    held = []
    for _ in range(150):
        found = drawn(generator, 0.004, network_sd)
        for name in ("width", "resolution", "compound"):
            early, late = true_gains(name)
            gains = found.gains[name]
            held += [gains.early.low <= early <= gains.early.high]
            held += [gains.late.low <= late <= gains.late.high]
            held += [gains.bend.low <= early - late <= gains.bend.high]
        for other in ("width", "resolution"):
            difference = found.difference("compound", 4.0, other, 4.0)
            true = TRUTHS["compound"](4.0) - TRUTHS[other](4.0)
            held += [difference.low <= true <= difference.high]
    assert LEVEL - 0.02 <= np.mean(held) <= LEVEL + 0.07


def test_verdicts_on_known_curves() -> None:
    generator = np.random.default_rng(3)
    verdicts: dict[str, list[str]] = {name: [] for name in TRUTHS}
    for _ in range(120):
        for name, gains in drawn(generator, 0.004).gains.items():
            verdicts[name].append(gains.verdict)

    def share(name: str, *words: str) -> float:
        return sum(word in words for word in verdicts[name]) / len(verdicts[name])

    assert share("depth", "saturates", "slows down") > 0.9
    assert share("resolution", "saturates", "slows down") < 0.1
    assert share("resolution", "still gains") > 0.7
    assert all(share(name, "loses") < 0.05 for name in TRUTHS)


def test_what_loses_accuracy_is_said_to() -> None:
    points = [
        (1.5, (0.52, 0.521)),
        (2.0, (0.53, 0.531)),
        (3.0, (0.51, 0.511)),
        (4.0, (0.48, 0.481)),
    ]
    found = fitted((0.5, 0.501), {"depth": points}, Noise(0.001, 20))
    assert found is not None
    assert found.gains["depth"].verdict == "loses"


def test_growth_that_speeds_up_is_said_to() -> None:
    points = [(r, (0.5 + 0.05 * math.log2(r) - 0.03 * (1 - r**-2),) * 2) for r in RATIOS]
    found = fitted((0.5, 0.5), {"width": points}, Noise(0.001, 20))
    assert found is not None
    said = sentence("width", found.gains["width"], 2.0)
    assert said.endswith("still gains, and more than at first.")


def test_with_much_luck_nothing_can_be_told() -> None:
    generator = np.random.default_rng(5)
    words = [drawn(generator, 0.2).gains["depth"].verdict for _ in range(50)]
    assert words.count("cannot be told") > 40


def test_the_expected_curve_goes_through_exact_readings() -> None:
    names = ("width", "compound", "resolution")
    curves = {name: [(r, (TRUTHS[name](r),)) for r in RATIOS] for name in names}
    found = fitted((START,), curves, Noise(1e-6, 10))
    assert found is not None
    for name in names:
        for ratio in RATIOS:
            assert found.expected(name, ratio).value == pytest.approx(TRUTHS[name](ratio), abs=1e-3)


def test_curves_with_too_few_networks_are_left_out() -> None:
    points = [(1.5, (0.52, 0.53)), (4.0, (0.54, 0.55))]
    enough = fitted(
        (0.5, 0.51), {"width": points, "depth": points[1:], "compound": []}, Noise(0.01, 5)
    )
    assert enough is not None
    assert list(enough.gains) == ["width"]
    short = [(1.5, (0.52, 0.53)), (2.05, (0.54, 0.55))]
    assert fitted((0.5, 0.51), {"width": short}, Noise(0.01, 5)) is None


def test_the_spread_is_pooled_over_networks_and_needs_two_seeds_of_one() -> None:
    noise = pooled_noise([(0.5, 0.52), (0.7, 0.7, 0.7), (0.9,)])
    assert noise.degrees == 3
    assert noise.sd == pytest.approx(math.sqrt(0.0002 / 3))
    with pytest.raises(ConfigError, match="two seeds"):
        pooled_noise([(0.5,), (0.7,)])


def test_curves_from_several_starts_share_only_the_noise() -> None:
    rows = {
        "flat": Grown("low", [(1.5, (0.51, 0.511)), (2.0, (0.52, 0.52)), (4.0, (0.52, 0.521))]),
        "steep": Grown("high", [(1.5, (0.63, 0.631)), (2.0, (0.65, 0.65)), (4.0, (0.70, 0.701))]),
    }
    starts = {"low": (0.5, 0.501), "high": (0.6, 0.601)}
    together = fit_saturation(starts, rows, 2.0, Noise(0.01, 8))
    assert together is not None
    for name, grown in rows.items():
        alone = fit_saturation(starts, {name: grown}, 2.0, Noise(0.01, 8))
        assert alone is not None
        for ratio in (1.0, 3.0):
            one, other = together.expected(name, ratio), alone.expected(name, ratio)
            assert one.value == pytest.approx(other.value)
            assert one.half == pytest.approx(other.half)
    # Independent, so that the half-widths add as squares.
    difference = together.difference("steep", 2.0, "flat", 4.0)
    halves = together.expected("steep", 2.0).half, together.expected("flat", 4.0).half
    assert difference.half == pytest.approx(math.hypot(*halves))
    assert difference.value == pytest.approx(0.65 - 0.5205, abs=0.002)
