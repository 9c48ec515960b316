"""What a fit found: the best networks, the surface's optimum, and what cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.errors import ConfigError
from nas.fitting.halving import Key
from nas.fitting.points import Points
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.grid import Grid, GridPoint
from nas.scaling.mixture import coefficients_of, multipliers_of
from nas.scaling.optimum import Optimum, find_optimum, undecided
from nas.scaling.surface import LEAST_NETWORKS, Readings, Surface, fit_surface

LEVEL = 0.9


@dataclass(frozen=True)
class LengthOutcome:
    """A fit at one length of training.

    networks: indices into the points of those that could be read; the other lists follow it.
    argmax: the network with the highest mean. choice: the one with the highest expected accuracy at
    equal cost. undecided: those that cannot be told from the best, the likeliest first.
    """

    epochs: int | None
    networks: tuple[int, ...]
    readings: Readings
    surface: Surface
    optimum: Optimum
    argmax: int
    choice: int
    undecided: tuple[int, ...]

    @property
    def tie(self) -> bool:
        """Whether more than one network may be the best."""
        return len(self.undecided) > 1


@dataclass(frozen=True)
class FitOutcome:
    """The fit at every length of training, the longest last."""

    points: Points
    lengths: tuple[LengthOutcome, ...]

    @property
    def last(self) -> LengthOutcome:
        """The longest training: what the coefficients are taken from."""
        return self.lengths[-1]

    @property
    def coefficients(self) -> ScalingCoefficients:
        """alpha, beta, gamma at the surface's optimum, for growth by the fit's ratio."""
        grid = self.points.grid
        return coefficients_of(self.last.optimum.shares, grid.ratio, grid.constraint.exponents)

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Coefficient -> the range that it has in the region of the optimum."""
        grid, optimum = self.points.grid, self.last.optimum
        low = multipliers_of(optimum.low, grid.ratio, grid.constraint.exponents)
        high = multipliers_of(optimum.high, grid.ratio, grid.constraint.exponents)
        names = ("alpha", "beta", "gamma")
        return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}

    @property
    def settled(self) -> bool | None:
        """Whether the optimum of the last but one length is within the last one's region.

        None where there was one length only, so that nobody knows.
        """
        if len(self.lengths) < 2:
            return None
        before = self.lengths[-2].optimum.shares
        return bool((np.abs(self.last.optimum.region - before).max(axis=1) < 1e-6).any())


def length_outcome(
    points: Points, epochs: int | None, answers: Mapping[Key, float | None], seed: int = 0
) -> LengthOutcome:
    """Fit the surface to what was read. Raises: ConfigError where too little was."""
    failed = {network for (network, _), value in answers.items() if value is None}
    rows: dict[int, list[float]] = {}
    for (network, _), value in sorted(answers.items()):
        # One that fails with some seed cannot be relied on, however lucky the others were.
        if value is not None and network not in failed:
            rows.setdefault(network, []).append(value)
    if len(rows) < LEAST_NETWORKS:
        raise ConfigError(
            f"{len(failed)} of the {len(points.networks)} networks could not be trained, and "
            f"{len(rows)} do not determine a surface; it needs {LEAST_NETWORKS}"
        )
    networks = tuple(sorted(rows))
    chosen = list(networks)
    readings = Readings(
        points.shares[chosen],
        points.log_cost[chosen],
        tuple(tuple(rows[network]) for network in networks),
    )
    surface = fit_surface(readings, seed=seed)
    return LengthOutcome(
        epochs=epochs,
        networks=networks,
        readings=readings,
        surface=surface,
        optimum=find_optimum(surface, level=LEVEL, shares=points.splits),
        argmax=networks[int(readings.means.argmax())],
        choice=networks[int(surface.expected.argmax())],
        undecided=tuple(networks[index] for index in undecided(surface, level=LEVEL)),
    )


def latency_columns(grid: Grid, point: GridPoint) -> dict[str, Any]:
    """What was measured of a network whose cost is a latency; empty where costs are counted."""
    found = point.measured
    if found is None:
        return {}
    return {
        "latency_ms": found.value,
        "ratio_low": found.low,
        "ratio_high": found.high,
        "on_edge": grid.on_edge(point),
        "noise": found.noise,
    }


def grid_rows(outcome: FitOutcome) -> list[dict[str, Any]]:
    """One row for each network and length: what `grid.csv` holds."""
    rows = []
    for length in outcome.lengths:
        expected = dict(zip(length.networks, length.surface.expected, strict=True))
        spread = dict(zip(length.networks, length.surface.networks.std(axis=0), strict=True))
        read = dict(zip(length.networks, length.readings.accuracies, strict=True))
        for index, point in enumerate(outcome.points.networks):
            seen: Sequence[float] = read.get(index, ())
            c = point.coefficients
            rows.append(
                {
                    "epochs": length.epochs,
                    "network": index,
                    "digest": point.arch.digest(),
                    "alpha": c.alpha,
                    "beta": c.beta,
                    "gamma": c.gamma,
                    "alpha_low": point.alpha.low,
                    "alpha_high": point.alpha.high,
                    "beta_low": point.beta.low,
                    "beta_high": point.beta.high,
                    "gamma_low": point.gamma.low,
                    "gamma_high": point.gamma.high,
                    "resolution_px": point.arch.resolution,
                    "params": point.cost.params,
                    "flops": point.cost.flops,
                    "activations": point.cost.activations,
                    "nominal_ratio": point.nominal_ratio,
                    "realised_ratio": point.ratio,
                    **latency_columns(outcome.points.grid, point),
                    "seeds": len(seen),
                    "accuracy": float(np.mean(seen)) if seen else None,
                    "expected": float(expected[index]) if index in expected else None,
                    "expected_sd": float(spread[index]) if index in spread else None,
                    "may_be_best": index in length.undecided,
                }
            )
    return rows
