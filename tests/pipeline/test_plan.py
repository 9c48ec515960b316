"""What a plan may say, and what of it is refused before anything runs."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from nas.cli.run_checks import check_ahead
from nas.cli.run_commands import effective_options, parsed_stages, stage_commands
from nas.errors import NasError
from nas.pipeline.folder import STAGES
from nas.pipeline.plan import parse_plan
from nas.pipeline.written_plan import written_plan

SAMPLE = "sample:px=16,classes=2,images=16,test=8"
RUN = Path("runs/mine")
SEARCH = '[search]\ntarget-flops = "400M"\n'
TRAINED = f'data = "{SAMPLE}"\n[search]\ntarget-flops = "2M"\n'


def commands(text: str) -> dict[str, list[list[str]]]:
    plan = parse_plan(text)
    return {stage: stage_commands(plan, stage, RUN) for stage in plan.stages}


def check(text: str, *, searching: bool = True) -> None:
    plan = parse_plan(text, "my.toml")
    check_ahead(plan, parsed_stages(plan), searching=searching)


def refusal(text: str, *, searching: bool = True) -> str:
    with pytest.raises(NasError) as refused:
        check(text, searching=searching)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_stages_become_the_ordinary_commands_on_one_folder() -> None:
    text = f"""
        data = "{SAMPLE}"
        seed = 3
        workers = 2
        [search]
        target-flops = "2M"
        max-latency = ["zcu102=4.5", "vck190=3"]
        trust = 0
        [retrain]
        epochs = 5
        set = {{ mixup = 0.2, ema = 0 }}
        [fit-scaling]
        epochs = [20, 60]
        [family]
        phi = [0, 1]
        memory = true
        [train]
        member = "b1"
        seed = 9
        [export]
        to = ["onnx", "pytorch"]
        of = "train"
        [report]
        """
    found = commands(text)
    assert {stage: [shlex.join(words) for words in found[stage]] for stage in found} == {
        "search": [
            f"search --data {SAMPLE} --seed 3 --workers 2 --target-flops 2M --max-latency "
            "zcu102=4.5 --max-latency vck190=3 --trust 0 --out runs/mine/search"
        ],
        "retrain": [
            f"train runs/mine/search --data {SAMPLE} --seed 3 --epochs 5 --set mixup=0.2 "
            "--set ema=0 --out runs/mine/retrained"
        ],
        "fit-scaling": [
            f"fit-scaling --baseline runs/mine/search --data {SAMPLE} --seed 3 --workers 2 "
            "--epochs 20,60 --out runs/mine/fit"
        ],
        "family": [
            "family --baseline runs/mine/search --coefficients runs/mine/fit/coefficients.json "
            "--phi 0 --phi 1 --memory --out runs/mine/family"
        ],
        "train": [f"train runs/mine:b1 --data {SAMPLE} --seed 9 --out runs/mine/trained-b1"],
        "export": [
            "export runs/mine/trained-b1 --to onnx --out runs/mine/exported/b1-onnx",
            "export runs/mine/trained-b1 --to pytorch --out runs/mine/exported/b1-pytorch",
        ],
        "report": ["report runs/mine --output runs/mine/report.html"],
    }


def test_a_rule_of_the_family_goes_before_the_fit() -> None:
    text = f'{TRAINED}[fit-scaling]\n[family]\nrule = "width"\n'
    (family,) = commands(text)["family"]
    assert "--coefficients" not in family


def test_without_a_search_the_named_network_goes_on() -> None:
    text = f'network = "efficientnet-b0"\ndata = "{SAMPLE}"\n[retrain]\n[family]\n'
    assert commands(text)["retrain"][0][1] == "efficientnet-b0"
    assert commands(text)["family"][0][2] == "efficientnet-b0"


@pytest.mark.parametrize(
    ("data", "target", "quick"),
    [("sample", "2M", False), (SAMPLE, "2M", True), (None, None, True), (None, "400M", False)],
)
def test_written_plans_are_accepted_as_they_are(
    data: str | None, target: str | None, quick: bool
) -> None:
    plan = parse_plan(written_plan(data, target, quick=quick))
    check_ahead(plan, parsed_stages(plan))
    trains = quick or data is not None
    assert set(plan.stages) == (set(STAGES) if trains else {"search", "family", "report"})


def test_a_data_folder_may_be_called_anything() -> None:
    name = 'C:\\my "photos" é'
    assert parse_plan(written_plan(name, "50M")).shared["data"] == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[search", "is not TOML"),
        ("", "no stage"),
        ("[serach]", "unknown stage [serach]; did you mean 'search'?"),
        ('dta = "x"\n' + SEARCH, "unknown key 'dta'; did you mean 'data'?"),
        ("search = 3", "write its options below [search]"),
        ("[search]\ntarget_flops = 5", "unknown option 'target_flops'; did you mean 'target-flops"),
        (SEARCH + "trails = 3", "[search]: unknown option 'trails'; did you mean 'trials'?"),
        (SEARCH + 'trials = "four"', "[search]: Invalid value for '--trials'"),
        (SEARCH + "quiet = 1", "[search]: quiet is a switch"),
        (SEARCH + "trials = 2020-01-01", "[search]: trials is datetime.date"),
        (SEARCH + 'sampler = "tpa"', "[search]: unknown sampler 'tpa'"),
        ('[search]\ntarget-flops = "2M"', "[search]: target FLOPs 2.000M is below the smallest"),
        (SEARCH + 'out = "x"', "[search]: out is set by the run"),
        ("[search]", "[search]: Missing option '--target-flops'"),
        (SEARCH + "[retrain]", "[retrain]: Missing option '--data'"),
        (SEARCH + '[retrain]\ndata = "nowhere"', "[retrain]: no file or folder 'nowhere'"),
        (SEARCH + f'[retrain]\ndata = "{SAMPLE}"\nrecipe = "sort"', "[retrain]: no recipe 'sort'"),
        (SEARCH + f'[retrain]\ndata = "{SAMPLE}"\nset = "mixpu=1"', "[retrain]: "),
        (SEARCH + "[fit-scaling]", "[fit-scaling]: a fit trains networks; give it data"),
        (SEARCH + "[family]\nphi = [0, 1]", "[family]: --phi belongs to the formula"),
        (SEARCH + '[family]\nphi = "one"', "[family]: Invalid value for '--phi'"),
        (SEARCH + f'[train]\ndata = "{SAMPLE}"', "[train] trains a family's member"),
        (SEARCH + f'[family]\n[train]\nmember = "b9"\ndata = "{SAMPLE}"', "[train] trains 'b9'"),
        (SEARCH + '[family]\n[train]\nmember = "../x"', "[train]: member is '../x'"),
        (SEARCH + '[export]\nto = "onx"', "[export]: Invalid value for '--to'"),
        (SEARCH + "[export]\nto = []", "[export]: to is []"),
        (SEARCH + '[export]\nof = "train"', "[export] of train needs the stage [train]"),
        (SEARCH + '[export]\nof = "fit"', "[export] of 'fit' cannot be"),
        ("[family]", "has no [search]; name the network"),
        ('network = "b0"\n' + SEARCH, "has both [search] and network"),
        ('network = "efficientnet-b9"\n[family]', "no network 'efficientnet-b9'"),
        ('network = "efficientnet-b0"\n[trust]', "[trust] judges a search"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(text: str, said: str) -> None:
    assert said in refusal(text)


def test_members_are_looked_for_in_the_family_that_the_options_make() -> None:
    for options, names in (
        ("", ("b0", "b7")),
        ('rule = "formula"\nphi = [0, 0.5]', ("b0", "phi0.5")),
        ('rule = "width"\nflops = ["3M", "4M"]', ("b0", "b1", "b2")),
        ('rule = "fast"\nratios = [2, 4]', ("b1", "b2")),
    ):
        family = f"{TRAINED}[family]\n{options}\n[train]\nmember = "
        for name in names:
            check(f'{family}"{name}"\n', searching=False)
        assert "which the family will not have" in refusal(f'{family}"b8"\n', searching=False)


def test_equal_plans_are_equal_whatever_their_form() -> None:
    ours = parse_plan(TRAINED)
    theirs = parse_plan(f'[search]\ntarget-flops = "2M"\ndata = "{SAMPLE}"  # here\n')
    assert effective_options(ours, "search") == effective_options(theirs, "search")


def test_what_builds_on_a_stage_is_what_takes_its_results() -> None:
    plan = parse_plan(written_plan("sample", "2M"))
    assert plan.built_on("search") == STAGES
    assert plan.built_on("trust") == ("trust", "report")
    assert plan.built_on("retrain") == ("retrain", "export", "report")
    assert plan.built_on("fit-scaling") == (
        *("fit-scaling", "family", "train", "export", "report"),
    )
