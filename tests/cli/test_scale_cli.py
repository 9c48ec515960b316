import json
import subprocess
import sys
from pathlib import Path

import pytest

from nas.archs import find_network
from nas.cost import network_cost

B0_FLOPS = 385_814_752


def scaled(nas, *arguments):
    done = nas("scale", "efficientnet-b0", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize("by", ["compound", "width", "depth", "resolution"])
@pytest.mark.parametrize("target", ["200M", "400M", "1.8G"])
def test_the_best_network_is_within_the_target_and_the_next_is_not(nas, by, target):
    document = scaled(nas, "--to-flops", target, "--by", by)
    assert document["by"] == by
    assert document["best"]["cost"]["flops"] <= document["target_flops"]
    assert document["above"]["cost"]["flops"] > document["target_flops"]
    assert document["best"]["gap_flops"] <= 0 < document["above"]["gap_flops"]
    nearest = abs(document["nearest"]["gap_flops"])
    assert nearest == min(abs(document[key]["gap_flops"]) for key in ("best", "above"))
    assert document["best"]["low"] is None or document["best"]["low"] <= document["best"]["high"]


def test_text_shows_intervals_neighbours_and_gaps(nas):
    text = nas("scale", "efficientnet-b0", "--to-flops", "400M", "--by", "depth").out
    within = next(line for line in text.splitlines() if line.startswith("best within"))
    above = next(line for line in text.splitlines() if line.startswith("next above"))
    assert within.split()[2:] == [
        "1", "0.750000", "1.000000", "16", "32-1280", "224", "5.289M", "385.8M", "-3.55", "%",
    ]  # fmt: skip
    assert "569.7M" in above
    assert above.endswith("+42.41 %")
    assert "Nearest on either side: the same network" in text
    assert "multiply-adds" in text


def test_compound_takes_the_paper_s_coefficients_unless_told(nas):
    assert scaled(nas, "--to-flops", "1G")["coefficients"] == {
        "alpha": 1.2, "beta": 1.1, "gamma": 1.15,
    }  # fmt: skip
    told = scaled(nas, "--to-flops", "1G", "--alpha", 1, "--beta", 1.3, "--gamma", 1)
    assert told["best"]["spec"]["resolution"] == 224
    assert told["best"]["spec"]["stem"]["channels"] > 32


def test_out_holds_the_network_within_the_target_or_the_nearest(nas, tmp_path):
    arguments = ("scale", "efficientnet-b0", "--by", "width", "--to-flops", "200M")
    assert nas(*arguments, "--out", "sub/within.json").code == 0
    assert nas(*arguments, "--nearest", "--out", "nearest.json").code == 0
    within, nearest = find_network("sub/within.json"), find_network("nearest.json")
    assert network_cost(within).flops == 195_251_152
    assert network_cost(nearest).flops == 203_730_448
    assert within.name.startswith("efficientnet-b0-width-0.66")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nearest.json", "sub"]


def test_without_out_nothing_is_written(nas, tmp_path):
    assert scaled(nas, "--to-flops", "1G")["out"] is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to-flops", "400"), "did you mean 400M?"),
        (("--to-flops", "50M", "--by", "depth"), "below the smallest network that depth"),
        (("--to-flops", "999T", "--by", "depth"), "above the largest network that depth"),
        (("--to-flops", "400X"), "'400X' is not a number"),
        (("--to-flops", "400M", "--by", "wdith"), "'wdith' is not one of"),
        (("--to-flops", "1G", "--alpha", "0.9", "--beta", "1", "--gamma", "1"), "alpha is 0.9"),
        (("--to-flops", "1G", "--alpha", "1", "--beta", "1", "--gamma", "1"), "all 1"),
        (("--to-flops", "1G", "--beta", "1.1"), "--alpha and --gamma missing"),
        (
            ("--to-flops", "1G", "--by", "width", "--alpha", "1", "--beta", "2", "--gamma", "1"),
            "no part in scaling by width",
        ),
        (("--by", "width"), "--to-flops"),
        (("--to-flops", "1G", "--out", "blocker/net.json"), "cannot write blocker/net.json"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(nas, tmp_path, arguments, message):
    (tmp_path / "blocker").write_text("in the way")
    done = nas("scale", "efficientnet-b0", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["blocker"]


@pytest.mark.parametrize(
    "arguments", [["family", "--published"], ["scale", "efficientnet-b0", "--to-flops", "1G"]]
)
def test_scaling_imports_no_heavy_library(tmp_path, arguments):
    code = (
        "import sys\n"
        "from nas.cli.main import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code\n"
        "heavy = {'torch', 'optuna', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": root, "PATH": ""},
        check=True,
        capture_output=True,
    )
