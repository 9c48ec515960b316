import re
from pathlib import Path

import pytest

from nas.scaling.coefficients import PAPER, Multipliers, ScalingCoefficients
from nas.scaling.implied import best_phi, compare_with_published, implied_phi

# The phi of (1.2, 1.1, 1.15) that each released member implies, and the parameters (M) and GMACs of
# the formula at the least-squares phi. Source: the project's facts, scaling_consistency.csv,
# computed there with an independent counter; resolutions to the nearest pixel.
IMPLIED = {
    #      depth, width, px,   best, nominal, realised, params, GMACs
    "b1": (0.52, 0.00, 0.49, 0.44, 0.34, 0.83, 8.43, 0.730),
    "b2": (1.00, 1.00, 1.07, 1.02, 0.97, 1.36, 9.11, 0.993),
    "b3": (1.85, 1.91, 2.09, 1.93, 1.85, 2.24, 12.23, 1.808),
    "b4": (3.22, 3.53, 3.78, 3.45, 3.34, 3.51, 18.55, 4.009),
    "b5": (4.32, 4.93, 5.09, 4.65, 4.54, 4.73, 31.22, 9.451),
    "b6": (5.24, 6.17, 6.14, 5.66, 5.55, 5.63, 42.02, 16.781),
    "b7": (6.21, 7.27, 7.05, 6.63, 6.48, 6.61, 61.58, 31.857),
}

ROWS = {row.released.name: row for row in compare_with_published(resolution_multiple=1)}


@pytest.mark.parametrize("member", IMPLIED)
def test_each_released_member_implies_these_phi(member):
    implied = ROWS[member].implied
    found = (
        implied.depth,
        implied.width,
        implied.resolution,
        implied.best,
        implied.nominal,
        implied.realised,
    )
    assert found == pytest.approx(IMPLIED[member][:6], abs=0.006)


@pytest.mark.parametrize("member", IMPLIED)
def test_the_formula_at_the_best_phi_is_this_network(member):
    cost = ROWS[member].at_best.cost
    assert cost.params / 1e6 == pytest.approx(IMPLIED[member][6], abs=0.006)
    assert cost.flops / 1e9 == pytest.approx(IMPLIED[member][7], abs=6e-4)


def test_at_its_best_phi_the_formula_still_misses_b7_by_8_6_and_6_percent():
    row = ROWS["b7"]
    released, formula = row.released.multipliers, row.at_best.multipliers
    assert formula.depth / released.depth - 1 == pytest.approx(0.080, abs=6e-4)
    assert formula.width / released.width - 1 == pytest.approx(-0.060, abs=6e-4)
    assert formula.resolution / released.resolution - 1 == pytest.approx(-0.057, abs=6e-4)


def test_at_phi_of_its_index_b3_would_be_23_percent_deeper():
    row = ROWS["b3"]
    deeper = row.at_index.multipliers.depth / row.released.multipliers.depth
    assert deeper == pytest.approx(1.234, abs=1e-3)
    assert row.at_index.phi == 3


def test_no_released_member_is_the_formula_s_network_beyond_b2():
    for name, row in ROWS.items():
        if name not in ("b1", "b2"):
            assert row.released.arch.resolution != row.at_best.arch.resolution


@pytest.mark.parametrize("phi", [-1.5, 0.0, 0.3, 4.0])
def test_the_formula_implies_its_own_phi(phi):
    made = PAPER.multipliers(phi)
    implied = implied_phi(made, made.nominal_ratio)
    assert (implied.depth, implied.width, implied.resolution, implied.best) == pytest.approx(
        (phi,) * 4
    )


def test_a_coefficient_of_one_implies_nothing():
    implied = implied_phi(Multipliers(1.5, 1.2, 1.1), 3.0, ScalingCoefficients(1.2, 1.0, 1.15))
    assert implied.width is None
    assert implied.depth is not None
    assert best_phi(Multipliers(1.5, 1.2, 1.1), ScalingCoefficients(1, 1, 1)) == 0


def test_the_table_in_the_documentation_is_what_the_code_computes():
    page = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"
    table = [line for line in page.read_text().splitlines() if re.match(r"\| B\d ", line)]
    assert len(table) == len(ROWS)
    for line in table:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        row = ROWS[cells[0].lower()]
        implied, released = row.implied, row.released
        computed = [
            released.multipliers.depth,
            released.multipliers.width,
            released.arch.resolution,
            implied.depth,
            implied.width,
            implied.resolution,
            implied.nominal,
            implied.realised,
            implied.best,
        ]
        printed = [float(number) for cell in cells[1:6] for number in re.split("[,/]", cell)]
        assert printed == pytest.approx(computed, abs=0.006)
        assert float(cells[6]) == pytest.approx(released.realised_ratio, rel=5e-3)
