"""The response surface of a scaling fit, against truths that are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.grid import GridPoint, feasible_grid
from nas.scaling.surface import (
    Floats,
    Readings,
    coefficients_of,
    find_optimum,
    fit_surface,
    growth_shares,
    mesh,
    undecided,
)
from nas.scaling.transform import scale
from nas.search_spaces.efficientnet import efficientnet_b0

B0 = dataclasses.replace(efficientnet_b0(), resolution=64)
SEED_SD = 0.0035
"""Of B0 on a small image set, as a fraction."""


def alone(point: GridPoint) -> list[float]:
    """The cost ratios of the three dimensions grown one at a time."""
    c, base = point.coefficients, network_cost(B0).flops
    grown = ({"depth": c.alpha}, {"width": c.beta}, {"resolution": c.gamma})
    return [network_cost(scale(B0, **how, resolution_multiple=8)).flops / base for how in grown]


@pytest.fixture(scope="module")
def networks() -> tuple[Floats, Floats]:
    """Shares and log costs of the real grid of B0 at 64 px."""
    grid = feasible_grid(B0, tolerance=0.15, step=0.05)
    shares = growth_shares([alone(point) for point in grid.points])
    return shares, np.log([point.ratio / 2 for point in grid.points])


def quadratic(terms: Floats, shares: Floats) -> Floats:
    d, w, r = shares.T
    return np.asarray(np.column_stack([d, w, r, d * w, d * r, w * r]) @ terms)


def readings(
    networks: tuple[Floats, Floats], accuracy: Floats, rng: np.random.Generator, seeds: int = 4
) -> Readings:
    shares, log_cost = networks
    noise = rng.normal(0, SEED_SD, (len(shares), seeds))
    table = (accuracy + 0.02 * log_cost)[:, None] + noise
    return Readings(shares, log_cost, tuple(tuple(row) for row in table))


def test_the_region_holds_the_optimum_as_often_as_it_says_and_the_choice_beats_the_argmax(
    networks: tuple[Floats, Floats],
) -> None:
    rng = np.random.default_rng(7)
    lattice = mesh()
    covered, told, ours, argmax = [], [], [], []
    for _ in range(80):
        terms = np.concatenate([rng.normal(0.8, 0.01, 3), rng.normal(0, 0.05, 3)])
        true = quadratic(terms, networks[0]) + rng.normal(0, 0.002, len(networks[0]))
        measured = readings(networks, true, rng)
        surface = fit_surface(measured, draws=1000)
        optimum = find_optimum(surface)
        best = lattice[quadratic(terms, lattice).argmax()]
        covered.append(bool((np.abs(optimum.region - best).max(axis=1) < 1e-9).any()))
        told.append(int(true.argmax()) in undecided(surface))
        ours.append(true.max() - true[surface.expected.argmax()])
        argmax.append(true.max() - true[measured.means.argmax()])
    assert 0.85 <= np.mean(covered) <= 0.99
    assert np.mean(told) >= 0.85
    assert np.mean(ours) < np.mean(argmax)


def test_where_nothing_differs_luck_is_not_taken_for_merit(networks: tuple[Floats, Floats]) -> None:
    """Corners are believed to differ by less than the means of their networks do."""
    shares, log_cost = networks
    rng = np.random.default_rng(11)
    parts = []
    for _ in range(12):
        measured = readings(networks, np.full(len(shares), 0.8), rng)
        corners = fit_surface(measured, draws=1000).at(np.eye(3)).mean(axis=0)
        at_cost = measured.means - 0.02 * log_cost
        plain = [at_cost[column > 0.999].mean() for column in shares.T]
        parts.append(np.ptp(corners) / np.ptp(plain))
    # Corners that may be anything give 0.92.
    assert np.mean(parts) < 0.8


def test_what_the_networks_leave_open_stays_open(networks: tuple[Floats, Floats]) -> None:
    """Without a network that grows in all dimensions, the middle is neither in nor out for sure."""
    shares, log_cost = networks
    edges = shares.min(axis=1) < 1e-9
    rng = np.random.default_rng(0)
    true = quadratic(np.array([0.80, 0.80, 0.80, 0.05, 0.0, 0.05]), shares[edges])
    surface = fit_surface(readings((shares[edges], log_cost[edges]), true, rng))
    middle, edge = np.array([[0.34, 0.33, 0.33]]), np.array([[0.5, 0.5, 0.0]])
    assert surface.at(middle).std() > 3 * surface.at(edge).std()
    assert (find_optimum(surface).region.min(axis=1) > 0.2).any()


def test_the_errors_are_learnt(networks: tuple[Floats, Floats]) -> None:
    rng = np.random.default_rng(3)
    smooth = quadratic(np.array([0.8, 0.79, 0.81, 0.02, 0.02, 0.02]), networks[0])
    jumpy = smooth + rng.normal(0, 0.01, len(smooth))
    calm = fit_surface(readings(networks, smooth, rng))
    rough = fit_surface(readings(networks, jumpy, rng))
    assert calm.seed_sd == pytest.approx(SEED_SD, rel=0.25)
    assert calm.network_sd < 0.0025
    assert rough.network_sd == pytest.approx(0.01, rel=0.4)


def test_one_clear_winner_is_named_and_a_tie_is_called_a_tie(
    networks: tuple[Floats, Floats],
) -> None:
    rng = np.random.default_rng(1)
    level = np.full(len(networks[0]), 0.8)
    ahead = level.copy()
    ahead[5] += 0.05
    assert undecided(fit_surface(readings(networks, ahead, rng))) == (5,)
    assert len(undecided(fit_surface(readings(networks, level, rng)))) > len(level) / 3


def test_shares_and_coefficients_say_the_same() -> None:
    coefficients = coefficients_of(np.array([0.28, 0.29, 0.43]), 2.0)
    assert coefficients.nominal_ratio == pytest.approx(2.0)
    growth = [coefficients.alpha, coefficients.beta**2, coefficients.gamma**2]
    assert growth_shares([growth])[0] == pytest.approx([0.28, 0.29, 0.43])


def test_too_little_is_one_line(networks: tuple[Floats, Floats]) -> None:
    shares, log_cost = networks
    count = len(shares)
    with pytest.raises(ConfigError, match="4 networks do not determine"):
        Readings(shares[:4], log_cost[:4], ((0.5, 0.5),) * 4)
    with pytest.raises(ConfigError, match="no accuracy"):
        Readings(shares, log_cost, ((),) * count)
    with pytest.raises(ConfigError, match="two seeds"):
        Readings(shares, log_cost, ((0.5,),) * count)
