"""What a fit found: the best networks, the surface's optimum, and what cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.fitting.halving import Key
from nas.fitting.points import Points
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.surface import (
    Optimum,
    Readings,
    Surface,
    coefficients_of,
    find_optimum,
    fit_surface,
    undecided,
)

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
        return coefficients_of(self.last.optimum.shares, self.points.grid.ratio)

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Coefficient -> the range that it has in the region of the optimum."""
        ratio, optimum = self.points.grid.ratio, self.last.optimum
        growth = np.log(ratio) / np.array([1.0, 2.0, 2.0])
        low, high = np.exp(growth * optimum.low), np.exp(growth * optimum.high)
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
    rows: dict[int, list[float]] = {}
    for (network, _), value in sorted(answers.items()):
        if value is not None:
            rows.setdefault(network, []).append(value)
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
        optimum=find_optimum(surface, level=LEVEL),
        argmax=networks[int(readings.means.argmax())],
        choice=networks[int(surface.expected.argmax())],
        undecided=tuple(networks[index] for index in undecided(surface, level=LEVEL)),
    )


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
                    "seeds": len(seen),
                    "accuracy": float(np.mean(seen)) if seen else None,
                    "expected": float(expected[index]) if index in expected else None,
                    "expected_sd": float(spread[index]) if index in spread else None,
                    "may_be_best": index in length.undecided,
                }
            )
    return rows
