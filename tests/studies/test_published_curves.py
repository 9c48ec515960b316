"""The paper's points beside a study's: which baseline has which, and that they are said to be."""

from __future__ import annotations

import csv
import json

import pytest

from nas.archs import resized
from nas.references import REFERENCES
from nas.spec import ArchSpec
from nas.studies.config import FIGURE4_STARTS
from nas.studies.curves import width_curve_name
from nas.studies.published_curves import of_figure, published_curves


def small(name: str) -> ArchSpec:
    return resized(REFERENCES[name].build(), resolution=64, classes=10)


def test_b0_has_its_figures_at_any_size() -> None:
    curves = published_curves(small("efficientnet-b0"))
    assert curves == published_curves(REFERENCES["efficientnet-b0"].build())
    assert {c.name: len(c.points) for c in of_figure(curves, "figure3")} == {
        "width": 6,
        "depth": 6,
        "resolution": 7,
    }
    fourth = of_figure(curves, "figure4")
    assert [curve.name for curve in fourth] == [width_curve_name(*at) for at in FIGURE4_STARTS]
    assert [len(curve.points) for curve in fourth] == [11, 6, 7, 7]
    assert {point.width for curve in fourth for point in curve.points} == {None}
    last = fourth[-1].points[-1]
    assert (last.depth, last.resolution, last.flops, last.top1) == (2, 1.3, 19.02e9, 0.8203)
    # Table 7, without the row that is there twice.
    eighth = of_figure(curves, "figure8")
    assert {curve.name: curve.points[-1].top1 for curve in eighth} == {
        "depth": 0.79,
        "width": 0.789,
        "resolution": 0.791,
        "compound": 0.811,
    }
    assert {c.how for c in curves} == {"printed", "read off the figure"}
    assert all(c.how == "printed" for c in eighth)
    assert all(c.source for c in curves)


def test_two_figures_that_were_read_apart_show_the_same_networks() -> None:
    """Figure 3's width curve is Figure 4's at depth 1 and resolution 1."""
    curves = published_curves(small("efficientnet-b0"))
    (width,) = [c for c in of_figure(curves, "figure3") if c.name == "width"]
    same = of_figure(curves, "figure4")[0]
    for point in width.points:
        nearest = min(same.points, key=lambda other: abs(other.flops - point.flops))
        assert nearest.flops == pytest.approx(point.flops, abs=0.06e9)
        assert nearest.top1 == pytest.approx(point.top1, abs=0.001)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("mobilenet-v1", {"width": 0.742, "resolution": 0.727, "compound": 0.756}),
        (
            "mobilenet-v2",
            {"depth": 0.768, "width": 0.764, "resolution": 0.748, "compound": 0.774},
        ),
        ("resnet-50", {"depth": 0.781, "width": 0.777, "resolution": 0.775, "compound": 0.788}),
        ("resnet-18", {}),
    ],
)
def test_the_others_have_table_3_and_nothing_else(name: str, last: dict[str, float]) -> None:
    curves = published_curves(small(name))
    assert {curve.figure for curve in curves} <= {"figure8"}
    assert {curve.name: curve.points[-1].top1 for curve in curves} == last


def test_a_study_shows_them_in_panels_of_their_own_and_leaves_them_as_a_file(nas, tmp_path) -> None:
    words = ("study", "scaling", "--resolution", "64", "--evaluator", "study_toys:Curved")
    few = ("--ratios", "1.5,3", "--seeds", "2", "--json", "--quiet")
    done = nas(*words, "--baseline", "efficientnet-b0", "--widths-at", "2,1", *few)
    assert done.code == 0, done.err
    folder = tmp_path / "study-efficientnet-b0"
    for figure, said in (
        ("figure3", "published, depth"),
        ("figure4", "published: Figure 4, read off the figure"),
        ("figure8", "published: Table 7, printed"),
    ):
        drawn = (folder / f"{figure}.svg").read_text()
        assert said in drawn
        assert "ImageNet top-1" in drawn
    with (folder / "published.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    published = json.loads(done.out)["published"]
    assert len(rows) == len(published) == 19 + 31 + 2 * 4
    assert {row["data"] for row in rows} == {"ImageNet"}
    assert all(row["source"] and row["how"] for row in rows)
    assert "published.csv" in (folder / "summary.md").read_text()


def test_a_baseline_that_the_paper_does_not_scale_has_no_such_panel(nas, tmp_path) -> None:
    words = ("study", "scaling", "--baseline", "resnet-18", "--resolution", "64", "--dimensions")
    few = ("width,compound", "--ratios", "1.5,3", "--seeds", "2", "--json", "--quiet")
    done = nas(*words, *few, "--evaluator", "study_toys:Curved")
    assert done.code == 0, done.err
    assert json.loads(done.out)["published"] == []
    folder = tmp_path / "study-resnet-18"
    assert not (folder / "published.csv").exists()
    assert "published" not in (folder / "figure8.svg").read_text()
