"""A study as a JSON document."""

from __future__ import annotations

import itertools
from typing import Any

from nas.studies.config import StudyConfig
from nas.studies.gains import LEVEL, Estimate, Gains
from nas.studies.outcome import StudyOutcome
from nas.studies.published_curves import published_curves, published_document
from nas.studies.summary import headlines, warnings
from nas.studies.tables import curve_rows


def document(config: StudyConfig, outcome: StudyOutcome, command: str, out: str) -> dict[str, Any]:
    """The study as plain values."""
    fitted = outcome.saturation
    return {
        "baseline": config.baseline.name,
        "baseline_digest": config.baseline.digest(),
        "resolution_px": config.baseline.resolution,
        "data": config.data,
        "epochs": config.epochs,
        "seeds": config.seeds,
        "source": outcome.source,
        "seed_sd": outcome.noise.sd,
        "level": LEVEL,
        "points": curve_rows(outcome),
        "curves": [
            _gains(name, gains, each.split)
            for each in (fitted, outcome.widths)
            if each is not None
            for name, gains in each.gains.items()
        ],
        "differences": []
        if fitted is None
        else [
            {
                "curve": one,
                "minus": other,
                "at_ratio": fitted.common,
                **_estimate(fitted.difference(one, fitted.common, other, fitted.common)),
            }
            for one, other in itertools.permutations(fitted.gains, 2)
        ],
        "published": published_document(published_curves(config.baseline)),
        "headlines": headlines(config, outcome),
        "warnings": warnings(config, outcome),
        "command": command,
        "out": out,
    }


def _gains(name: str, gains: Gains, split: float) -> dict[str, Any]:
    return {
        "curve": name,
        "early_gain_per_doubling": _estimate(gains.early),
        "late_gain_per_doubling": _estimate(gains.late),
        "bend": _estimate(gains.bend),
        "split_ratio": split,
        "last_ratio": gains.last,
        "verdict": gains.verdict,
    }


def _estimate(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
