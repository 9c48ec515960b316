import csv
import json
from pathlib import Path

import pytest

from nas.archs import find_network
from nas.cost import network_cost
from nas.scaling.published import published_member
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec

PAPER = ("--alpha", "1.2", "--beta", "1.1", "--gamma", "1.15")
MEMBERS = [f"b{index}" for index in range(8)]


def table(folder):
    with (folder / "family.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "best.json").write_text(efficientnet_b0().to_json())
    return folder


@pytest.mark.parametrize("flags", [("--published",), ()])
def test_the_published_family_lands_in_files_that_nas_cost_reads(nas, flags):
    done = nas("family", *flags)
    assert done.code == 0
    folder = Path("family-efficientnet-b0")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [f"{name}.json" for name in MEMBERS] + ["family.csv", "record.json"]
    )
    for name in MEMBERS:
        read = ArchSpec.from_json((folder / f"{name}.json").read_text())
        assert read == published_member(name)
        assert read.name == f"efficientnet-{name}"
    cost = json.loads(nas("cost", folder / "b7.json", "--json").out)
    assert (cost["params"], cost["flops"]) == (66_347_960, 37_745_884_192)


def test_the_table_on_disk_has_every_figure(nas):
    nas("family", "--published")
    rows = table(Path("family-efficientnet-b0"))
    assert [row["member"] for row in rows] == MEMBERS
    b3 = rows[3]
    assert b3["rule"] == "published"
    assert (b3["phi"], b3["alpha"]) == ("", "")
    assert (b3["depth"], b3["width"], b3["resolution_px"]) == ("1.4", "1.2", "300")
    assert (b3["params"], b3["flops"], b3["activations"]) == ("12233232", "1827141392", "23830296")
    assert float(b3["nominal_ratio"]) == pytest.approx(3.616, abs=1e-3)
    assert float(b3["realised_ratio"]) == pytest.approx(4.736, abs=1e-3)
    assert b3["digest"] == published_member("b3").digest()


def test_one_page_answers_why_the_coefficients_do_not_follow_the_formula(nas):
    text = nas("family", *PAPER).out
    lines = [line.split() for line in text.splitlines()]
    # The formula's member: nominal and realised side by side.
    b1 = next(line for line in lines if line[:2] == ["b1", "1"])
    assert b1[-2:] == ["1.92x", "2.23x"]
    # The released member, the phi that each of its dimensions implies, and its ratios.
    b7 = next(line for line in lines if line[:2] == ["b7", "released"])
    assert b7 == [
        "b7", "released", "3.100", "2.000", "600", "6.21", "7.27", "7.05", "6.48", "6.61",
        "66.35M", "37.75G", "89.0x", "97.8x",
    ]  # fmt: skip
    # The formula at its index and at its best phi, below it.
    row = lines.index(b7)
    assert lines[row + 1][:2] == ["phi", "7"]
    assert "68.74M" in lines[row + 1]
    assert lines[row + 2][:2] == ["best", "6.63"]
    assert "b7 implies 6.21 by depth, 7.27 by width, 7.05 by px" in text
    assert "multiply-adds" in text
    assert all(len(line) <= 125 for line in text.splitlines() if "Wrote" not in line)


def test_the_formula_s_phi_may_be_fractions_negative_listed_or_repeated(nas):
    done = nas("family", *PAPER, "--phi", "-1,0,0.5", "--phi", "3", "--json")
    document = json.loads(done.out)
    assert [member["member"] for member in document["members"]] == [
        "phi-1", "b0", "phi0.5", "b3",
    ]  # fmt: skip
    assert [member["phi"] for member in document["members"]] == [-1, 0, 0.5, 3]
    flops = [member["flops"] for member in document["members"]]
    assert flops == sorted(flops)
    for member in document["members"]:
        spec = find_network(member["file"])
        assert network_cost(spec).flops == member["flops"]


def test_json_is_one_document_with_the_documented_keys(nas):
    document = json.loads(nas("family", *PAPER, "--json").out)
    assert set(document) == {
        "rule", "coefficients", "resolution_multiple", "baseline", "out", "latency", "members",
        "comparison",
    }  # fmt: skip
    assert document["rule"] == "formula"
    assert document["coefficients"]["nominal_ratio"] == pytest.approx(1.9203, abs=1e-4)
    assert document["resolution_multiple"] == 8
    assert document["baseline"]["flops"] == 385_814_752
    b3 = document["comparison"][2]
    assert b3["member"] == "b3"
    assert b3["released"]["params"] == 12_233_232
    assert b3["implied_phi"]["best"] == pytest.approx(1.93, abs=0.006)
    assert b3["formula_at_index"]["phi"] == 3
    assert b3["formula_at_best_phi"]["phi"] == pytest.approx(1.93, abs=0.006)


def test_the_formula_can_be_taken_literally(nas):
    document = json.loads(nas("family", *PAPER, "--resolution-multiple", 1, "--json").out)
    assert document["members"][1]["resolution_px"] == 258
    assert document["members"][1]["realised_ratio"] == pytest.approx(2.573, abs=1e-3)


def test_a_run_s_family_lands_inside_it_and_is_found_as_its_members(nas, run_folder):
    assert nas("family", *PAPER, "--baseline", run_folder).code == 0
    assert sorted(path.name for path in run_folder.iterdir()) == ["best.json", "family"]
    assert find_network(f"{run_folder}:b3") == find_network(str(run_folder / "family" / "b3.json"))


def test_a_file_s_family_is_named_after_it_and_out_goes_anywhere(nas, tmp_path):
    small = tmp_path / "small.json"
    small.write_text(efficientnet_b0().to_json().replace('"resolution": 224', '"resolution": 64'))
    done = nas("family", *PAPER, "--baseline", small)
    assert (tmp_path / "family-small" / "b7.json").is_file()
    # Another baseline is compared only on request.
    assert "released" not in done.out
    done = nas("family", *PAPER, "--published", "--baseline", small, "--out", "deep/er")
    assert (tmp_path / "deep" / "er" / "b7.json").is_file()
    assert "released" in done.out
    assert table(tmp_path / "deep" / "er")[0]["rule"] == "formula"


def test_files_of_another_family_in_the_folder_are_kept_and_named(nas):
    nas("family", "--published")
    done = nas("family", *PAPER, "--phi", "0.5")
    folder = Path("family-efficientnet-b0")
    assert done.code == 0
    assert "b0.json, b1.json" in done.err
    assert (folder / "b7.json").is_file()
    assert [row["member"] for row in table(folder)] == ["phi0.5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--alpha", "0.9", "--beta", "1.1", "--gamma", "1.15"), "alpha is 0.9"),
        (("--alpha", "nan", "--beta", "1.1", "--gamma", "1.15"), "alpha is nan"),
        (("--alpha", "1.2"), "--beta and --gamma missing"),
        (("--phi", "1"), "--phi belongs to the formula"),
        ((*PAPER, "--phi", "one"), "'one' is not a list of numbers"),
        ((*PAPER, "--phi", "0,nan"), "phi is nan"),
        ((*PAPER, "--phi", "0,1000"), "phi 1000"),
        ((*PAPER, "--phi", "0,60"), "phi 60"),
        (("--baseline", "efficientnet-b9"), "did you mean"),
        (("--resolution-multiple", "0"), "resolution-multiple"),
        (("--rule", "fats"), "unknown rule 'fats'"),
        (("--rule", "fast", "--published"), "two rules"),
        (("--rule", "fast", "--ratios", "1e305"), "ratio of 1e+305"),
        (("--rule", "fitted"), "no fitted coefficients"),
        (("--rule", "fast", *PAPER), "--rule fast has its own coefficients"),
        (("--rule", "fast", "--coefficients", "x.json"), "--coefficients is for --rule fitted"),
        ((*PAPER, "--coefficients", "x.json"), "two rules"),
        (("--coefficients", "x.json"), "cannot read coefficients from x.json"),
        (("--rule", "fast", "--phi", "1", "--ratios", "2"), "--phi and --ratios both"),
        (("--ratios", "2"), "--ratios belongs to the formula"),
        (("--rule", "fast", "--ratios", "0"), "ratio of 0 makes no network"),
        (("--rule", "width", "--flops", "7x"), "7x"),
        (("--out", "blocker"), "cannot write blocker"),
        (("--out", "blocker/family"), "cannot write blocker"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(nas, tmp_path, arguments, message):
    (tmp_path / "blocker").write_text("in the way")
    done = nas("family", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["blocker"]
    assert (tmp_path / "blocker").read_text() == "in the way"


def test_rules_meet_the_released_sizes(nas):
    done = nas("family", "--rule", "fast", "--json")
    document = json.loads(done.out)
    assert document["rule"] == "fast"
    assert document["comparison"] == []
    released = json.loads(nas("family", "--published", "--json").out)["members"]
    for ours, theirs in zip(document["members"], released, strict=True):
        assert ours["member"] == theirs["member"]
        assert ours["realised_ratio"] == pytest.approx(theirs["realised_ratio"], rel=0.04)


def test_flops_and_ratios_choose_the_sizes(nas):
    rows = json.loads(nas("family", "--rule", "width", "--flops", "700M,1G", "--json").out)
    assert [row["member"] for row in rows["members"]] == ["b0", "b1", "b2"]
    assert rows["members"][2]["flops"] == pytest.approx(1e9, rel=0.02)
    rows = json.loads(nas("family", "--rule", "uniform", "--ratios", "0.5,2", "--json").out)
    assert [row["member"] for row in rows["members"]] == ["x0.5", "b0", "b1"]
    rows = json.loads(nas("family", *PAPER, "--ratios", "2", "--json").out)
    assert rows["members"][1]["realised_ratio"] == pytest.approx(2, rel=0.15)


def test_memory_is_told_when_asked_for(nas):
    done = nas("family", "--rule", "depth", "--ratios", "2", "--memory")
    assert "MiB" in done.out.splitlines()[2]
    kept = [int(row["training_bytes_per_image"]) for row in table(Path("family-efficientnet-b0"))]
    assert 80e6 < kept[0] < 95e6
    assert kept[1] > 1.5 * kept[0]
    nas("family", "--rule", "depth", "--ratios", "2")
    rows = table(Path("family-efficientnet-b0"))
    assert {row["training_bytes_per_image"] for row in rows} == {""}


def test_a_run_with_fitted_coefficients_makes_its_own_family(nas, run_folder):
    (run_folder / "coefficients.json").write_text('{"alpha": 1.3, "beta": 1.1, "gamma": 1.1}')
    document = json.loads(nas("family", "--baseline", run_folder, "--json").out)
    assert document["rule"] == "fitted"
    assert document["coefficients"]["alpha"] == 1.3
    assert find_network(f"{run_folder}:b7").name == "efficientnet-b0-fitted-b7"
    for flags in (("--rule", "published"), ("--published",)):
        other = nas("family", "--baseline", run_folder, *flags, "--json")
        assert json.loads(other.out)["rule"] == "published"


def test_a_failure_midway_leaves_no_half_written_file(nas, monkeypatch):
    from nas.scaling import family_files

    write = family_files.write_text_atomic

    def fail_at_b4(path, text):
        if path.name == "b4.json":
            path.parent.joinpath("b4.json").mkdir()
        write(path, text)

    monkeypatch.setattr(family_files, "write_text_atomic", fail_at_b4)
    done = nas("family", "--published")
    assert done.code == 2
    folder = Path("family-efficientnet-b0")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["b0.json", "b1.json", "b2.json", "b3.json", "b4.json"]
    for name in names[:4]:
        ArchSpec.from_json((folder / name).read_text())


def test_help_is_enough_to_use_it(nas):
    text = nas("family", "--help").out
    for word in ("--published", "--alpha 1.2 --beta 1.1 --gamma 1.15", "phi0.5.json", "realised"):
        assert word in text
