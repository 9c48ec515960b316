"""The networks of a lattice whose latency is known, and the lattice that a latency asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

import numpy as np

from nas.cost import network_cost
from nas.fitting.latency_file import Growth, LatencyFile, Reading
from nas.scaling.constraints import CONSTRAINTS
from nas.scaling.lattice import Interval, Lattice, Place, lattice_of
from nas.scaling.mixture import DIMENSIONS, Dimension, Floats
from nas.spec import ArchSpec

MOST_GROWTH = 8.0
"""A network of the grid has at most so many times the FLOPs that the ratio alone would give it: a
device on which they cost next to nothing would else ask for networks that nobody can train."""

LEAST_EXPONENT = 0.1
"""A dimension in which latency grows more slowly is left as it is: nothing would bound it."""

BASELINE = (0, 0, 0)

Say = Callable[[str], None]


class Survey:
    """What is known of a lattice's networks. say: gets a line before each group is measured."""

    def __init__(self, lattice: Lattice, readings: LatencyFile, say: Say) -> None:
        self.lattice, self.readings, self._say = lattice, readings, say
        self._known: dict[Place, str] = dict(self._found())

    @property
    def places(self) -> tuple[Place, ...]:
        """Where networks are measured."""
        return tuple(sorted(self._known))

    def __contains__(self, place: Place) -> bool:
        return place in self._known

    def __getitem__(self, place: Place) -> Reading:
        return self.readings[self._known[place]]

    def ratio(self, place: Place) -> float:
        """Latency over the baseline's."""
        return 1.0 if place == BASELINE else self[place].ratio

    def measure(self, places: Iterable[Place]) -> None:
        """Measure those that are not measured yet."""
        missing = dict.fromkeys(place for place in places if place != BASELINE)
        self.measure_again([place for place in missing if place not in self])

    def measure_again(self, places: list[Place], left: int | None = None) -> None:
        """One more pass of these. left: how many there are to be measured, where that is more."""
        together = self.readings.source.together
        for start in range(0, len(places), together):
            group = places[start : start + together]
            to_go = (len(places) if left is None else left) - start
            self._say(f"latency: {len(self.readings)} networks measured, about {to_go} to go")
            networks = [self.lattice.network(place) for place in group]
            growths = [self._growth(*pair) for pair in zip(group, networks, strict=True)]
            self.readings.measure(list(zip(networks, growths, strict=True)))
            for place, arch in zip(group, networks, strict=True):
                self._known[place] = arch.digest()

    def log_sizes(self) -> tuple[Floats, Floats, Floats]:
        """What each step really multiplies blocks, channels and the side by, in logarithms."""
        lattice = self.lattice
        origin = network_cost(lattice.baseline).flops
        widths = [
            network_cost(lattice.network((0, index, 0))).flops
            for index in range(len(lattice.widths))
        ]
        return (
            np.log(lattice.blocks / lattice.baseline.depth),
            np.log(np.array(widths) / origin) / 2,
            np.log(np.array(self._sides()) / lattice.baseline.resolution),
        )

    def _growth(self, place: Place, arch: ArchSpec) -> Growth:
        asked = self.lattice.at(place)
        return Growth(asked.depth, asked.width, arch.resolution)

    def _sides(self) -> list[int]:
        count = len(self.lattice.resolutions)
        return [self.lattice.network((0, 0, index)).resolution for index in range(count)]

    def _found(self) -> Iterator[tuple[Place, str]]:
        """The networks of the file that are of this lattice."""
        sides = {side: index for index, side in enumerate(self._sides())}
        for digest, growth in self.readings.growths.items():
            depth = _step(self.lattice.depths, growth.depth)
            width = _step(self.lattice.widths, growth.width)
            side = sides.get(growth.resolution_px)
            if depth is None or width is None or side is None:
                continue
            place = (depth, width, side)
            if self.lattice.network(place).digest() == digest:
                yield place, digest


def survey_of(
    baseline: ArchSpec,
    readings: LatencyFile,
    *,
    ratio: float,
    ceiling: float,
    step: float | None,
    resolution_multiple: int,
    say: Say,
) -> Survey:
    """A lattice with each dimension as far as it alone may take `ceiling` times the latency.

    The ends are measured, and where one is not slow enough the dimension goes on, to
    `MOST_GROWTH`. A dimension that hardly takes any time is left as it is.
    """
    flops = CONSTRAINTS["flops"].of
    origin = flops(baseline)

    def within(limit: float) -> Callable[[ArchSpec], bool]:
        return lambda arch: flops(arch) <= limit * origin

    most = MOST_GROWTH * ratio
    tried: dict[Dimension, float] = dict.fromkeys(DIMENSIONS, 1.5 * ceiling)

    def lattice_to(held: Collection[Dimension] = ()) -> Lattice:
        reach = {by: None if by in held else within(limit) for by, limit in tried.items()}
        return lattice_of(baseline, reach, step=step, resolution_multiple=resolution_multiple)

    while True:
        lattice = lattice_to()
        survey = Survey(lattice, readings, say)
        ends = {by: _end(lattice, index) for index, by in enumerate(DIMENSIONS)}
        survey.measure([*ends.values(), *map(_half, ends.values())])
        short = [
            by
            for by, end in ends.items()
            # As far as it takes for noise not to decide.
            if tried[by] < most and survey.ratio(end) < 1.05 * ceiling
        ]
        if not short:
            idle = [by for by in DIMENSIONS if _is_idle(survey, ends[by])]
            return Survey(lattice_to(idle), readings, say) if idle else survey
        for by in short:
            tried[by] = min(2 * tried[by], most)


def _is_idle(survey: Survey, end: Place) -> bool:
    grown = sum(sizes[step] for sizes, step in zip(survey.log_sizes(), end, strict=True))
    return bool(np.log(survey.ratio(end)) < LEAST_EXPONENT * grown)


def _end(lattice: Lattice, index: int) -> Place:
    """The last step of one dimension, the others at the baseline's."""
    place = [0, 0, 0]
    place[index] = len((lattice.depths, lattice.widths, lattice.resolutions)[index]) - 1
    return place[0], place[1], place[2]


def _half(place: Place) -> Place:
    depth, width, resolution = (-(-value // 2) for value in place)
    return depth, width, resolution


def _step(levels: tuple[Interval, ...], multiplier: float) -> int | None:
    """Which step a multiplier is of; None where it is of none that the lattice has."""
    found = (i for i, level in enumerate(levels) if level.low <= multiplier <= level.high)
    return next(found, None)
