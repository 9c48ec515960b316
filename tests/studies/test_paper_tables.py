"""The paper's tables rebuilt: against its printed figures, and against other houses' networks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from nas.counting import count
from nas.references import REFERENCES
from nas.studies.paper import NOTES, TABLES, PaperRow, printed_for, rebuilt

# (model, row) -> FLOPs at the printed coefficients.
GOLDEN = {
    ("mobilenet-v1", "baseline"): 568_740_352,
    ("mobilenet-v1", "width"): 2_216_465_408,
    ("mobilenet-v1", "resolution"): 2_271_889_408,
    ("mobilenet-v1", "compound"): 2_469_723_976,
    ("mobilenet-v2", "baseline"): 300_774_272,
    ("mobilenet-v2", "depth"): 1_219_587_776,
    ("mobilenet-v2", "width"): 1_137_428_224,
    ("mobilenet-v2", "resolution"): 1_199_257_088,
    ("resnet-50", "baseline"): 4_089_184_256,
    ("resnet-50", "depth"): 14_570_749_952,
    ("resnet-50", "width"): 16_116_613_120,
    ("resnet-50", "resolution"): 16_350_593_024,
    ("efficientnet-b0", "baseline"): 385_814_752,
    ("efficientnet-b0", "depth"): 1_575_132_640,
    ("efficientnet-b0", "width"): 1_449_958_848,
    ("efficientnet-b0", "resolution"): 1_537_537_408,
    ("efficientnet-b0", "compound"): 1_800_091_280,
}


def rows_of_tables() -> dict[tuple[str, str], PaperRow]:
    return {(row.model, row.row): row for table in ("table3", "table7") for row in rebuilt(table)}


def test_the_rebuilt_rows_cost_what_they_cost() -> None:
    rows = rows_of_tables()
    counted = {key: row.counted.flops for key, row in rows.items() if row.counted is not None}
    b3 = counted.pop(("efficientnet-b0", "compound, as the released B3"))
    assert counted == GOLDEN
    assert b3 == 1_827_141_392
    assert {key for key, row in rows.items() if row.counted is None} == {
        ("mobilenet-v2", "compound"),
        ("resnet-50", "compound"),
    }


def test_differences_from_the_printed_flops() -> None:
    rows = rows_of_tables()
    # What the printing itself hides: half of the last digit.
    for (model, name), row in rows.items():
        if row.difference is None or model == "efficientnet-b0":
            continue
        if (model, name) in {("resnet-50", "depth"), ("resnet-50", "width")}:
            continue
        assert abs(row.difference) < 0.08, (model, name)
    depth, width = rows["resnet-50", "depth"], rows["resnet-50", "width"]
    assert depth.difference == pytest.approx(-0.1006, abs=1e-4)
    assert width.difference == pytest.approx(0.0964, abs=1e-4)
    # The other way round they agree, as the note says.
    assert depth.counted is not None
    assert width.counted is not None
    assert abs(depth.counted.flops / width.printed_flops - 1) < 0.01
    assert abs(width.counted.flops / depth.printed_flops - 1) < 0.01
    assert "other way round" in NOTES["table3"]
    b0 = [rows["efficientnet-b0", name].difference for name in ("depth", "width", "resolution")]
    assert all(each is not None and -0.195 < each < -0.12 for each in b0)


def _mobilenet_v2(**settings: Any) -> Any:
    return pytest.importorskip("torchvision").models.MobileNetV2(**settings)


def _deeper_mobilenet_v2() -> Any:
    # Sandler et al., Table 2, with four times the layers.
    published = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)]
    published += [(6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    return _mobilenet_v2(inverted_residual_setting=[[t, c, 4 * n, s] for t, c, n, s in published])


def _deeper_resnet() -> Any:
    resnet = pytest.importorskip("torchvision").models.resnet
    return resnet.ResNet(resnet.Bottleneck, [12, 16, 24, 12])


def _b0(width: float, depth: float) -> Any:
    efficientnet = pytest.importorskip("torchvision").models.efficientnet
    blocks, last = efficientnet._efficientnet_conf(
        "efficientnet_b0", width_mult=width, depth_mult=depth
    )
    return efficientnet._efficientnet(blocks, 0.2, last, None, False)


def _mobilenet_v1(width: float, depth: float) -> Any:
    pytest.importorskip("timm")
    from timm.models import efficientnet

    return efficientnet._gen_mobilenet_v1("mobilenetv1_100", width, depth)


@pytest.mark.parametrize(
    ("key", "build", "px"),
    [
        (("resnet-50", "depth"), _deeper_resnet, 224),
        (("mobilenet-v2", "depth"), _deeper_mobilenet_v2, 224),
        (("mobilenet-v2", "width"), lambda: _mobilenet_v2(width_mult=2.0), 224),
        (("mobilenet-v1", "width"), lambda: _mobilenet_v1(2.0, 1.0), 224),
        (("mobilenet-v1", "compound"), lambda: _mobilenet_v1(1.2, 1.4), 291),
        (("efficientnet-b0", "depth"), lambda: _b0(1.0, 4.0), 224),
        (("efficientnet-b0", "width"), lambda: _b0(2.0, 1.0), 224),
        (("efficientnet-b0", "compound"), lambda: _b0(1.2, 1.4), 291),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_torchvision_and_timm_build_the_same_cost(
    key: tuple[str, str], build: Callable[[], Any], px: int
) -> None:
    import torch

    with torch.device("meta"):
        library = count(build(), 3, px)
    row = rows_of_tables()[key]
    assert row.counted is not None
    assert (library.flops, library.params) == (row.counted.flops, row.counted.params)


def test_figure_3_is_rebuilt_from_its_coefficients() -> None:
    rows = rebuilt("figure3")
    assert len(rows) == 19
    deepest = next(row for row in rows if row.coefficients == (8.0, 1.0, 1.0))
    assert deepest.arch is not None
    assert deepest.arch.depth == 8 * 16
    # Its base is about 0.11B dearer than the released B0, for every depth alike.
    extra = [
        row.printed_flops - row.counted.flops
        for row in rows
        if row.row == "depth" and row.counted is not None
    ]
    assert extra[0] == pytest.approx(0.114e9, rel=0.01)


def test_a_baseline_of_the_paper_is_known_whatever_its_size() -> None:
    from nas.archs import resized

    small = resized(REFERENCES["resnet-50"].build(), resolution=64, classes=10)
    assert [row[0] for row in printed_for(small)] == [
        "baseline",
        "depth",
        "width",
        "resolution",
        "compound",
    ]
    assert printed_for(REFERENCES["resnet-18"].build()) == []


def test_the_command_prints_the_rows_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    from nas.cli.main import main

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["study", "tables", *words])
        assert not ended.value.code
        return capsys.readouterr().out

    found = json.loads(run("--json"))
    assert len(found["rows"]) == sum(len(rebuilt(table)) for table in TABLES)
    depth = next(r for r in found["rows"] if (r["model"], r["row"]) == ("resnet-50", "depth"))
    assert (depth["published_flops"], depth["counted_flops"]) == (16_200_000_000, 14_570_749_952)
    assert "not the released B0" in found["notes"]["table7"]
    table = list(csv.DictReader(io.StringIO(run("table3", "--format", "csv"))))
    assert len(table) == 14
    assert table[8]["counted_flops"] == ""
    text = run("table7")
    assert "-12.5 %" in text
    assert "not the released B0" in text
    markdown = run("table7", "--format", "markdown")
    assert markdown.startswith("| table | model |")
