"""The Python API: the commands as functions, lazily imported, typed, and documented by example."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_training import SAMPLE, TINY

import nas

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
FUNCTIONS = [name for name in nas.__all__ if inspect.isfunction(getattr(nas, name))]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_importing_nas_imports_nothing_heavy() -> None:
    code = (
        "import sys, nas; dir(nas); print(nas.cost_of('efficientnet-b0').flops);"
        "nas.load('resnet-50'), nas.scale('efficientnet-b0', to_flops='200M');"
        "nas.cost_of('densenet-121');"
        "print(sorted({'torch', 'pandas', 'optuna', 'matplotlib', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["385814752", "[]"], done.stderr


def test_no_function_takes_the_name_of_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(nas.__path__)}
    assert not set(nas.__all__) & modules
    assert set(nas.__all__) <= set(dir(nas))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = nas.serach  # type: ignore[attr-defined]


def test_every_function_is_documented_and_says_what_it_raises() -> None:
    assert len(FUNCTIONS) == 11
    for name in FUNCTIONS:
        assert f"`nas.{name}(" in PAGE
        assert "Raises: NasError" in (inspect.getdoc(getattr(nas, name)) or "")


COMMANDS = {
    "search": {
        "--target-flops",
        "--dry-run",
        "--json",
        "--trust",
        "--w",
        "--option",
        "--filter",
        "--help",
    },
    "fit-scaling": {"--published", "--dry-run", "--json", "--option", "--help"},
    "train": {"--json", "--from", "--val", "--set", "--lr", "--help"},
    "compare": {"--json", "--csv", "--markdown", "--help"},
}
"""Options that have another name as an argument, or make no sense as one."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_function_takes_what_its_command_takes(command: str) -> None:
    from nas.cli.main import cli

    found = cli.get_command(None, command)  # type: ignore[arg-type]
    assert found is not None
    options = {option for each in found.params for option in each.opts if option.startswith("--")}
    function = getattr(nas, command.replace("-", "_"))
    arguments = {f"--{name.replace('_', '-')}" for name in inspect.signature(function).parameters}
    assert options - COMMANDS[command] <= arguments


@pytest.mark.slow
def test_mypy_understands_the_calls(tmp_path: Path) -> None:
    mypy = pytest.importorskip("mypy.api")
    (tmp_path / "mine.py").write_text(
        "import nas\n"
        'found: nas.SearchResult = nas.search(target_flops="400M", trials=3)\n'
        "reveal_type(found.best.cost.flops)\n"
        'reveal_type(nas.load("efficientnet-b0").resolution)\n'
        "nas.search(target=3)\n"
        "nas.serach()\n"
    )
    arguments = ["--strict", "--follow-imports=silent", "--no-incremental", "mine.py"]
    report, _, _ = mypy.run([*arguments, "--python-executable", sys.executable])
    assert report.count('Revealed type is "int"') == 2 or report.count('"builtins.int"') == 2, (
        report
    )
    assert 'Unexpected keyword argument "target"' in report
    assert 'Module has no attribute "serach"' in report


def run_command(*arguments: object) -> str:
    from nas.cli.main import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 0
    return out.getvalue()


def test_a_search_is_the_commands_search() -> None:
    settings = {"trials": 12, "seed": 3, "max_params": "7M", "quiet": True}
    result = nas.search(target_flops="300M", **settings, out="mine")  # type: ignore[arg-type]
    command = ("search", "-t", "300M", "--trials", 12, "--seed", 3, "--max-params", "7M")
    theirs = json.loads(run_command(*command, "--quiet", "--json", "--out", "theirs"))
    assert result.found.to_dict() == {name: theirs[name] for name in result.found.to_dict()}
    assert result.best.source.startswith("predicted ImageNet top-1")
    assert len(result.trials) == len((result.run / "trials.csv").read_text().splitlines()) - 1
    # Either goes on with the other's folder, and a finished search is only read.
    same = json.loads(run_command(*command, "--quiet", "--json", "--out", "mine"))
    assert same["best"]["digest"] == result.spec.digest()
    again = nas.search(target_flops=300_000_000, **settings, out="theirs")  # type: ignore[arg-type]
    assert again.best == result.best
    recorded = json.loads((result.run / "run.json").read_text())["command"]
    assert recorded == (
        "nas.search(target_flops='300M', max_params='7M', trials=12, seed=3, out='mine', "
        "quiet=True)"
    )
    with pytest.raises(nas.NasError, match="seed 3 -> 4"):
        nas.search(target_flops="300M", **settings | {"seed": 4}, out="mine")  # type: ignore[arg-type]


def test_a_training_is_the_commands_training(tmp_path: Path) -> None:
    network = TINY.to_json()
    (tmp_path / "tiny.json").write_text(network)
    trained = nas.train(TINY, data=SAMPLE, epochs=2, batch=16, device="cpu", quiet=True, out="mine")
    command = ("train", "tiny.json", "--data", SAMPLE, "--epochs", 2, "--batch", 16)
    theirs = json.loads(run_command(*command, "--device", "cpu", "--quiet", "--json"))
    assert trained.document["weights_digest"] == theirs["weights_digest"]
    measured = nas.evaluate(trained, data=SAMPLE, device="cpu")
    assert measured == trained.accuracy == nas.evaluate(trained.folder, data=SAMPLE, device="cpu")
    assert list(trained.log["epoch"]) == [1, 2]
    built = nas.build(trained.weights).state_dict()
    assert all(
        (built[name] == value).all() for name, value in trained.network().state_dict().items()
    )
    exported = nas.export_network(trained.network(), to="pytorch", out="exported")
    assert exported.parity.passed
    assert (exported.folder / "model.py").is_file()
    with pytest.raises(nas.NasError, match="did you mean 'onnx'"):
        nas.export_network(trained, to="onx")


def test_a_fit_is_the_commands_fit(tmp_path: Path) -> None:
    settings = {"evaluator": "fit_toys:Wide", "seeds": 2, "resolution": 64, "quiet": True}
    fit = nas.fit_scaling("efficientnet-b0", **settings, out="mine")  # type: ignore[arg-type]
    command = ("fit-scaling", "--baseline", "efficientnet-b0", "--evaluator", "fit_toys:Wide")
    size = ("--seeds", 2, "--resolution", 64)
    theirs = json.loads(run_command(*command, *size, "--quiet", "--json", "--out", "theirs"))
    assert vars(fit.coefficients) == {name: theirs[name] for name in ("alpha", "beta", "gamma")}
    assert {name: list(pair) for name, pair in fit.intervals.items()} == theirs["intervals"]
    assert len(fit.grid) == len((fit.folder / "grid.csv").read_text().splitlines()) - 1
    assert "nas.fit_scaling(baseline='efficientnet-b0'" in fit.summary


def test_a_family_is_the_commands_family() -> None:
    made = nas.family(coefficients=(1.2, 1.1, 1.15), phis=(0, 0.5, 2), out="mine")
    options = ("--alpha", 1.2, "--beta", 1.1, "--gamma", 1.15, "--phi", "0,0.5,2")
    run_command("family", *options, "--out", "theirs")
    for name in ("b0.json", "phi0.5.json", "b2.json", "family.csv"):
        assert Path("mine", name).read_text() == Path("theirs", name).read_text()
    assert made["phi0.5"].phi == 0.5
    assert nas.load(made.path("b2")) == made["b2"].arch
    with pytest.raises(nas.NasError, match="has no member 'b9'"):
        _ = made["b9"]


def test_networks_are_loaded_counted_and_scaled() -> None:
    assert nas.load("efficientnet-b0", classes=10).classes == 10
    assert nas.cost_of(Path("efficientnet-b0")).params == 5_288_548
    assert nas.cost_of("densenet-121").flops == 2_834_161_664
    step = nas.scale("efficientnet-b0", to_flops="200M", by="width")
    document = json.loads(run_command("scale", "efficientnet-b0", "--to-flops", "200M",
                                      "--by", "width", "--json"))  # fmt: skip
    assert step.arch.digest() == document["best"]["digest"]
    assert step.arch.name.startswith("efficientnet-b0-width-0.")
    for call in (
        lambda: nas.scale("efficientnet-b0", to_flops="4OOM"),
        lambda: nas.load("efficientnet-b9"),
        lambda: nas.compare("efficientnet-b0", baseline="b1"),
        lambda: nas.search(target_flops="400M", gpus_per_candidate=1),
    ):
        with pytest.raises(nas.NasError) as raised:
            call()
        assert "\n" not in str(raised.value)


def test_a_comparison_is_the_commands_comparison() -> None:
    compared = nas.compare("efficientnet-b0", TINY, published=True)
    Path("tiny.json").write_text(TINY.to_json())
    arguments = ("compare", "efficientnet-b0", "tiny.json", "--published")
    assert compared.markdown().replace("tiny", "tiny.json") == run_command(*arguments, "--markdown")
    assert list(compared.frame["network"]) == ["efficientnet-b0", "EfficientNet-B0", "tiny"]


def without_digits(text: str) -> list[str]:
    """The words of a text, with every number as one sign: what no processor changes."""
    return re.sub(r"-?\d[\d,]*(\.\d+)?(e-?\d+)?", "#", text).split()


def run_page(examples: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    for source, expected in examples:
        exec(compile(source, "docs/python.md", "exec"), namespace)
        assert without_digits(capsys.readouterr().out) == without_digits(expected), source


def test_every_block_of_the_page_is_an_example_with_its_output() -> None:
    assert PAGE.count("```python\n") == PAGE.count("```text\n") == len(EXAMPLE.findall(PAGE))


def test_the_page_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    # The fit takes a minute; it has a test of its own.
    blocks = EXAMPLE.findall(PAGE)
    run_page([block for block in blocks if "nas.fit_scaling" not in block[0]], capsys)


@pytest.mark.slow
def test_the_pages_fit_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = EXAMPLE.findall(PAGE)
    run_page([block for block in blocks if "nas.export_network" not in block[0]], capsys)
