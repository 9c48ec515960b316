"""What a study measured: accuracies by network, and what they say of each curve."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.errors import ConfigError
from nas.studies.config import StudyConfig
from nas.studies.curves import Curve, CurvePoint, StudyCurves
from nas.studies.gains import Noise, pooled_noise
from nas.studies.saturation import Grown, Saturation, fit_saturation


@dataclass(frozen=True)
class Reading:
    """Accuracies of one network, by seed. standard_error: of the mean, by the pooled spread."""

    accuracies: tuple[float, ...]
    standard_error: float

    @property
    def mean(self) -> float:
        """The mean accuracy, a fraction."""
        return statistics.fmean(self.accuracies)

    @property
    def sd(self) -> float | None:
        """The network's own spread over seeds; None with one."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else None


@dataclass(frozen=True)
class StudyOutcome:
    """A study at its end.

    readings: digest -> accuracies; a network of which a training failed has none. failures:
    digest -> why. noise: seeds' spread, pooled. source: what kind of number the accuracies are.
    saturation: of the curves from the baseline; widths: of Figure 4's.
    remarks: what was known beforehand to limit the study.
    """

    curves: StudyCurves
    readings: Mapping[str, Reading]
    failures: Mapping[str, str]
    noise: Noise
    source: str
    saturation: Saturation | None
    widths: Saturation | None
    remarks: tuple[str, ...] = ()

    def reading(self, point: CurvePoint) -> Reading | None:
        """Of a point's network; None where a training of it failed."""
        return self.readings.get(point.arch.digest())

    def measured(self, curve: Curve) -> list[tuple[CurvePoint, Reading]]:
        """The points of a curve that were measured."""
        found = ((point, self.reading(point)) for point in curve.points)
        return [(point, reading) for point, reading in found if reading is not None]

    def readings_of(self, curves: Sequence[Curve]) -> list[tuple[Curve, CurvePoint, Reading]]:
        """Of several curves, with the curve."""
        return [(curve, *pair) for curve in curves for pair in self.measured(curve)]


def study_outcome(
    config: StudyConfig,
    curves: StudyCurves,
    accuracies: Mapping[str, Sequence[float]],
    failures: Mapping[str, str],
    source: str,
) -> StudyOutcome:
    """Put accuracies (digest -> by seed) to the curves.

    Raises: ConfigError where no network was trained with two seeds.
    """
    whole = {digest: tuple(row) for digest, row in accuracies.items() if digest not in failures}
    if not whole:
        raise ConfigError(
            f"no network of the study could be trained; the last: {list(failures.values())[-1]}"
        )
    noise = pooled_noise(whole.values())
    readings = {digest: Reading(row, noise.sd / len(row) ** 0.5) for digest, row in whole.items()}
    split = max(config.ratios) ** 0.5
    return StudyOutcome(
        curves,
        readings,
        failures,
        noise,
        source,
        _saturation(curves.dimensions, readings, split, noise),
        _saturation(curves.widths, readings, split, noise),
    )


def _saturation(
    curves: Sequence[Curve], readings: Mapping[str, Reading], split: float, noise: Noise
) -> Saturation | None:
    """Of the curves whose start was measured; None where too little was."""
    starts = {}
    grown = {}
    for curve in curves:
        first = curve.points[0]
        digest = first.arch.digest()
        if digest not in readings:
            continue
        starts[digest] = readings[digest].accuracies
        grown[curve.name] = Grown(
            digest,
            [
                (point.cost.flops / first.cost.flops, readings[point.arch.digest()].accuracies)
                for point in curve.points[1:]
                if point.arch.digest() in readings
            ],
        )
    return fit_saturation(starts, grown, split, noise)
