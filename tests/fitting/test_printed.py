"""What the paper's printed accuracies determine, by the surface of a fit."""

from __future__ import annotations

import numpy as np
import pytest

from nas.errors import ConfigError
from nas.fitting.printed import SEED_SD, PrintedFit, paper_shares, printed_fit, statements
from nas.scaling.surface import Readings


@pytest.fixture(scope="module")
def fit() -> PrintedFit:
    return printed_fit()


def test_the_readings_are_the_printed_ones(fit: PrintedFit) -> None:
    """Table 7 of arXiv 1905.11946v5, and Figure 3 near its cost."""
    printed = dict(zip(fit.names, fit.readings.accuracies, strict=True))
    assert printed["depth 4"] == (0.79,)
    assert printed["width 2"] == (0.789,)
    assert printed["compound 1.4/1.2/1.3"] == pytest.approx((0.811,))
    inside = fit.readings.shares.min(axis=1) > 0.05
    assert [name for name, mixed in zip(fit.names, inside, strict=True) if mixed] == [
        "compound 1.4/1.2/1.3"
    ]


def test_single_dimensions_are_ruled_out_and_the_mixture_is_left_open(fit: PrintedFit) -> None:
    assert fit.optimum.region.max() < 1
    assert fit.region_part > 0.3
    assert fit.paper_inside
    # A third of the growth in each, which the paper does not propose, is as possible.
    assert (np.abs(fit.optimum.region - 1 / 3).max(axis=1) < 0.03).any()
    assert fit.surface.at(paper_shares()[None]).std() > 3 * SEED_SD


def test_the_statements_name_both_ratios_of_the_published_point(fit: PrintedFit) -> None:
    text = " ".join(statements(fit))
    assert "1.92 times" in text
    assert "2.23 (256 px) to 2.57" in text
    assert "4 networks do not determine a surface" in text


def test_one_training_each_is_refused_unless_the_error_of_a_seed_is_given(fit: PrintedFit) -> None:
    readings = fit.readings
    with pytest.raises(ConfigError, match="two seeds"):
        Readings(readings.shares, readings.log_cost, readings.accuracies)
