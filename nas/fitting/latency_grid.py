"""The grid of a fit whose constraint is a latency: scouted, modelled, measured.

Nobody can count a latency, and to measure every network that depth, width and resolution make takes
hours. So a few networks are measured: each dimension alone as far as the latency asks for it, and
others spread over the rest. A coarse model of them tells which networks may lie within the
tolerance; those are measured, the model learns from them, and so on until it expects no other. What
decides is the measured ratio; a network whose readings leave its side of the tolerance open is
measured again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nas.errors import ConfigError
from nas.fitting.latency_file import LatencyFile
from nas.fitting.latency_model import (
    Candidates,
    GrowthModel,
    Places,
    fit_growth,
    lattice_candidates,
)
from nas.fitting.latency_survey import BASELINE, LEAST_EXPONENT, MOST_GROWTH, Say, Survey, survey_of
from nas.scaling.constraints import Constraint
from nas.scaling.grid import TOLERANCES, Grid, Measured, cheapest_first, check_grid, grid_point
from nas.scaling.lattice import Place
from nas.scaling.mixture import DIMENSIONS
from nas.spec import ArchSpec

SPREAD = 8
"""Networks that are measured first, beside those that grow in one dimension alone."""

# Fewer networks do not tell how many more there are.
_TELLING = 64


@dataclass(frozen=True)
class LatencyGrid:
    """wider: the next tolerance that would leave at least so many networks, as the model expects;
    None where none does.
    """

    grid: Grid
    wider: Callable[[int], float | None]


def latency_grid(
    baseline: ArchSpec,
    readings: LatencyFile,
    *,
    name: str,
    ratio: float,
    tolerance: float,
    step: float | None,
    resolution_multiple: int,
    say: Say = lambda line: None,
) -> LatencyGrid:
    """Every network whose measured latency is within `tolerance` of `ratio` times the baseline's.

    name: of the constraint. readings: hold what is measured, before and after. say: gets a line now
    and then. Raises: NasError where networks cannot be measured, or too many would have to be.
    """
    check_grid(ratio, tolerance, step)
    survey = survey_of(
        baseline,
        readings,
        ratio=ratio,
        ceiling=ratio * (1 + tolerance),
        step=step,
        resolution_multiple=resolution_multiple,
        say=say,
    )
    networks = lattice_candidates(survey.lattice, MOST_GROWTH * ratio)
    survey.measure(_spread(survey, networks, ratio))
    model = _settle(survey, networks, ratio, tolerance)
    constraint = _constraint(survey, networks, model, name)
    origin = readings.baseline_ms
    points = []
    for place in survey.places:
        found = survey[place]
        held = any(
            step and not power for step, power in zip(place, constraint.exponents, strict=True)
        )
        if not held and ratio * (1 - tolerance) <= found.ratio <= ratio * (1 + tolerance):
            measured = Measured(found.ratio * origin, found.low, found.high, found.noise)
            points.append(grid_point(survey.lattice, place, found.ratio, measured))
    grid = Grid(baseline, constraint, ratio, tolerance, cheapest_first(points))
    return LatencyGrid(grid, _wider(grid, np.exp(model.predict(networks)[0])))


def _settle(survey: Survey, networks: Candidates, ratio: float, tolerance: float) -> GrowthModel:
    """Measure until no other network is expected within the tolerance, nor one on its edge."""
    floor, ceiling = ratio * (1 - tolerance), ratio * (1 + tolerance)
    source = survey.readings.source
    while True:
        model = _model(survey, networks)
        wanted = _expected(survey, networks, model, floor, ceiling)
        count = len(survey.readings)
        if count >= _TELLING and count + len(wanted) > source.most:
            raise ConfigError(
                f"{len(wanted)} more networks may be within {100 * tolerance:g} % of {ratio:g} "
                f"times the baseline's latency, after {count} that were measured; a coarser --step "
                "or a smaller --tolerance needs fewer"
            )
        if wanted:
            survey.measure_again(wanted[: source.together], left=len(wanted))
            continue
        again = [place for place in survey.places if _open(survey, place, floor, ceiling)]
        if not again:
            return model
        survey.measure_again(again)


def _model(survey: Survey, networks: Candidates) -> GrowthModel:
    known = np.array([BASELINE, *survey.places])
    rows = networks.rows(known)
    ratios = [survey.ratio((int(d), int(w), int(r))) for d, w, r in networks.places[rows]]
    ranges = [np.log(survey[place].high / survey[place].low) / 2 for place in survey.places]
    reading_sd = float(np.median(ranges)) if ranges else 0.0
    return fit_growth(networks.at(rows), np.log(ratios), reading_sd)


def _expected(
    survey: Survey, networks: Candidates, model: GrowthModel, floor: float, ceiling: float
) -> list[Place]:
    """Places not measured that may be within the tolerance, the likeliest first."""
    mean, sd = model.predict(networks)
    reach = survey.readings.source.sure * sd
    possible = np.flatnonzero((mean + reach >= np.log(floor)) & (mean - reach <= np.log(ceiling)))
    middle = np.log(floor * ceiling) / 2
    order = possible[np.argsort(np.abs(mean[possible] - middle), kind="stable")]
    found = (_place(networks.places[index]) for index in order)
    return [place for place in found if place not in survey and place != BASELINE]


def _open(survey: Survey, place: Place, floor: float, ceiling: float) -> bool:
    """Whether the readings leave it open on which side of an edge a network lies."""
    reading = survey[place]
    if len(reading.passes) >= survey.readings.source.passes:
        return False
    near = 0.9 * floor < reading.ratio < 1.1 * ceiling
    crossed = any(reading.low < edge < reading.high for edge in (floor, ceiling))
    return crossed or (near and bool(reading.noise))


def _constraint(survey: Survey, networks: Candidates, model: GrowthModel, name: str) -> Constraint:
    """Latency as a constraint: how it grows, and what each step alone costs by the model.

    Not what it measured alone: a step of a few percent would drown in the noise of a reading.
    """
    readings = survey.readings
    origin = readings.baseline_ms
    known = {survey.lattice.baseline.digest(): origin}
    alone = networks.at(np.flatnonzero((networks.places > 0).sum(axis=1) == 1))
    for row, log_ratio in zip(alone.places, model.predict(alone)[0], strict=True):
        known[survey.lattice.network(_place(row)).digest()] = float(np.exp(log_ratio)) * origin
    device = readings.device
    on = f" on {device.describe()}" if device else ""
    return Constraint(
        name=name,
        exponents=_exponents(survey),
        of=lambda arch: known[arch.digest()],
        text=lambda ms: f"{ms:.3g} ms",
        about=f"Latencies are {readings.source.about()}{on}; {len(readings)} networks in all.",
    )


def _exponents(survey: Survey) -> tuple[float, float, float]:
    """With what power of depth, width and resolution the measured latencies grow."""
    places = np.array([BASELINE, *survey.places])
    growth = np.column_stack(
        [sizes[places[:, index]] for index, sizes in enumerate(survey.log_sizes())]
    )
    ratios = np.log([survey.ratio(_place(row)) for row in places])
    powers = np.zeros(len(DIMENSIONS))
    moved = [index for index in range(len(DIMENSIONS)) if np.ptp(growth[:, index]) > 0]
    while moved:
        held = [index for index in range(len(DIMENSIONS)) if index not in moved]
        rows = (growth[:, held] == 0).all(axis=1)
        found = np.linalg.lstsq(growth[np.ix_(rows, moved)], ratios[rows], rcond=None)[0]
        if found.min() >= LEAST_EXPONENT:
            powers[moved] = found
            break
        del moved[int(found.argmin())]
    depth, width, resolution = powers.tolist()
    return depth, width, resolution


def _spread(survey: Survey, networks: Candidates, ratio: float) -> list[Place]:
    """Networks far from each other, of about the cost that is looked for."""
    flops = networks.work[:, 2]
    near = networks.places[(flops > 1.2) & (flops < 1.6 * ratio)]
    if not len(near):
        return []
    sizes = np.column_stack([s[near[:, index]] for index, s in enumerate(survey.log_sizes())])
    chosen: list[int] = []
    distance = np.linalg.norm(sizes, axis=1)
    for _ in range(min(SPREAD, len(near))):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(sizes - sizes[chosen[-1]], axis=1))
    return [_place(near[index]) for index in chosen]


def _wider(
    grid: Grid, ratios: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> Callable[[int], float | None]:
    def wider(least: int) -> float | None:
        for tolerance in TOLERANCES:
            if tolerance <= grid.tolerance or grid.ratio * (1 - tolerance) <= 1:
                continue
            if int((np.abs(ratios / grid.ratio - 1) <= tolerance).sum()) >= least:
                return tolerance
        return None

    return wider


def _place(row: Places) -> Place:
    depth, width, resolution = (int(value) for value in row)
    return depth, width, resolution
