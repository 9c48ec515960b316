"""`--to pytorch`: a file that needs torch alone computes what nas computes."""

from __future__ import annotations

import ast
import dataclasses
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from drawn_networks import networks
from hypothesis import HealthCheck, Phase, given, settings
from safetensors.torch import load_file
from tiny_networks import SPACES, drawn, small, trained

from nas.archs import resized
from nas.errors import NasError
from nas.export.exporting import export
from nas.export.plain_network import plain_source
from nas.model import build
from nas.references import REFERENCES
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec
from nas.training.weights import load_weights

RUFF = Path(sys.executable).with_name("ruff")
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def module_of(source: str) -> types.ModuleType:
    module = types.ModuleType("model")
    module.__file__ = "model.py"
    exec(compile(source, "model.py", "exec"), vars(module))
    return module


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(networks)
def test_any_network_of_built_in_blocks_is_the_same_to_the_bit(arch: ArchSpec) -> None:
    arch = resized(arch, resolution=min(arch.resolution, 33))
    try:
        network = build(arch, seed=0)
    except NasError:
        return  # an impossible draw
    other = module_of(plain_source(arch)).build()
    assert list(other.state_dict()) == list(network.state_dict())
    other.load_state_dict(network.state_dict())
    images = torch.randn(2, arch.in_channels, arch.resolution, arch.resolution)
    # In training too: the same stochastic depth, dropout and running statistics.
    for train in (False, True):
        network.train(train), other.train(train)
        outcomes = []
        for each in (network, other):
            torch.manual_seed(1)
            try:
                outcomes.append(each(images).detach())
            except ValueError:  # batch norm of a single value
                return
        assert torch.equal(outcomes[0], outcomes[1]) or outcomes[0].isnan().any()
    assert all(
        torch.equal(a, b) or a.isnan().any()
        for a, b in zip(network.buffers(), other.buffers(), strict=True)
    )


@pytest.mark.parametrize("space", SPACES)
def test_networks_of_every_space_keep_their_logits(space, tmp_path, images, exported) -> None:
    for number, arch in enumerate(drawn(space, 6)):
        subject = trained(arch, number)
        done = export(subject, "pytorch", tmp_path / str(number))
        assert done.parity.passed
        assert done.parity.largest_logit > 0.5
        network = exported(done.folder).load()
        assert not network.training
        with torch.inference_mode():
            expected = subject.network(images(arch))
            assert (network(images(arch)) - expected).abs().max() <= 1e-5


def test_it_loads_in_a_fresh_interpreter_where_nas_cannot_be_imported(tmp_path, images) -> None:
    folders = []
    for space in ("mbconv", "mbconv-elastic", "mnasnet", "resnet"):
        (arch,) = drawn(space, 1)
        subject = trained(arch)
        folder = tmp_path / space
        export(subject, "pytorch", folder)
        batch = images(arch)
        with torch.inference_mode():
            expected = subject.network(batch)
        torch.save({"images": batch, "logits": expected}, folder / "expected.pt")
        folders.append(str(folder))
    script = """
import importlib, sys
sys.modules["nas"] = None  # any import of it raises
import torch
worst = 0.0
for folder in sys.argv[1:]:
    sys.path.insert(0, folder)
    sys.modules.pop("model", None)
    network = importlib.import_module("model").load()
    saved = torch.load(folder + "/expected.pt")
    with torch.inference_mode():
        worst = max(worst, (network(saved["images"]) - saved["logits"]).abs().max().item())
    sys.path.pop(0)
assert not any(name.startswith("nas.") for name in sys.modules)
assert not {"timm", "torchvision"} & set(sys.modules)
print(worst)
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, *folders],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert float(done.stdout) <= 1e-5


@pytest.mark.parametrize("name", ["efficientnet-b0", "resnet-50", "mobilenet-v3-large"])
def test_the_file_imports_torch_and_nothing_else(name: str) -> None:
    tree = ast.parse(plain_source(REFERENCES[name].build()))
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module))
    assert {each.partition(".")[0] for each in modules} <= {
        "__future__",
        "pathlib",
        "torch",
        "safetensors",
    }


def test_b0_reads_as_the_papers_table() -> None:
    source = plain_source(efficientnet_b0())
    table = source[source.index("STAGES = (") : source.index("class Head")]
    assert table.strip().splitlines() == [
        "STAGES = (",
        "    # block, channels, layers, stride, kernel, expand_ratio",
        "    (MBConv, 16, 1, 1, 3, 1),",
        "    (MBConv, 24, 2, 2, 3, 6),",
        "    (MBConv, 40, 2, 2, 5, 6),",
        "    (MBConv, 80, 3, 2, 3, 6),",
        "    (MBConv, 112, 3, 1, 5, 6),",
        "    (MBConv, 192, 4, 2, 5, 6),",
        "    (MBConv, 320, 1, 1, 3, 6),",
        ")",
    ]
    assert "squeezed = max(1, int(in_channels * 0.25))" in source
    # Nothing that B0 does not use.
    assert not any(
        word in source for word in ("Pooled", "Hardswish", "projection", "skip_connection")
    )


@pytest.mark.skipif(not RUFF.is_file(), reason="ruff is not installed beside this Python")
def test_the_source_passes_the_linter_and_the_formatter(tmp_path: Path) -> None:
    specs = [reference.build() for reference in REFERENCES.values()]
    for space in SPACES:
        specs += drawn(space, 8)
    mixed = SqueezeExcite(0.3, of="expanded", divisor=8, activation="relu", gate="hard-sigmoid")
    stages = (
        StageSpec("mbconv", 16, 2, se=SqueezeExcite(), expand_ratio=3),
        StageSpec("mbconv", 16, 1, se=mixed, expand_ratio=1, activation="relu6", skip=False),
        StageSpec("fused-mbconv", 24, 2, expand_ratio=4, options=(("skip", "pool"),)),
        StageSpec("separable", 24, 2, se=mixed),
        StageSpec("basic", 24, 1, expand_ratio=0.5),
        StageSpec("basic", 32, 1, stride=2, skip=False),
        StageSpec("bottleneck", 32, 1, expand_ratio=0.25, options=(("groups", 2),)),
    )
    head = HeadSpec(64, 0.1, hidden=32)
    mixture = ArchSpec(StemSpec(8, max_pool=True), stages, head, drop_path=0.1, name='"""\n\\ x')
    for number, spec in enumerate([*specs, mixture]):
        (tmp_path / f"model_{number}.py").write_text(plain_source(spec))
    module_of(plain_source(mixture)).build()
    for arguments in (
        ("check", "--isolated"),
        ("check", "--config", PYPROJECT),
        ("format", "--check", "--isolated"),
        ("format", "--check", "--config", PYPROJECT),
    ):
        done = subprocess.run(
            [RUFF, *arguments, "--no-cache", tmp_path], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[:2000]


def test_the_weights_are_read_by_nas_too(tmp_path: Path) -> None:
    (arch,) = drawn("mbconv", 1)
    subject = trained(arch)
    for target, file in (("pytorch", "model.safetensors"), ("weights", "weights.safetensors")):
        done = export(subject, target, tmp_path / target)
        weights = load_weights(done.folder / file)
        assert weights.spec == arch
        assert weights.classes == subject.class_names
        state = subject.network.state_dict()
        assert all(torch.equal(t, state[k]) for k, t in load_file(done.folder / file).items())


def test_the_description_says_what_the_weights_do_not(tmp_path: Path) -> None:
    (arch,) = drawn("mbconv", 1)
    subject = dataclasses.replace(
        trained(arch), metadata={"accuracy": json.dumps({"top1": 0.5}), "note": "not JSON"}
    )
    done = export(subject, "pytorch", tmp_path / "out")
    config = json.loads((done.folder / "config.json").read_text())
    assert config["class_names"] == list(subject.class_names or ())
    assert config["normalisation"]["mean"] == [0.485, 0.456, 0.406]
    assert (config["resolution"], config["classes"], config["digest"]) == (32, 7, arch.digest())
    assert config["accuracy"] == {"top1": 0.5}
    assert config["trained"] is True
    assert ArchSpec.from_dict(config["spec"]) == arch
    assert sorted([*config["files"], "config.json"]) == sorted(
        path.name for path in done.folder.iterdir()
    )


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_it_compiles(backend: str, tmp_path, images, exported) -> None:
    subject = trained(arch := small())
    done = export(subject, "pytorch", tmp_path / "out")
    network = torch.compile(exported(done.folder).load(), backend=backend, fullgraph=True)
    with torch.inference_mode():
        difference = (network(images(arch)) - subject.network(images(arch))).abs().max()
    assert difference <= 1e-4


def test_a_plug_ins_block_is_named(tmp_path: Path) -> None:
    arch = resized(efficientnet_b0(), resolution=32)
    foreign = StageSpec("wrong_block:WRONG", 16, 1)
    arch = dataclasses.replace(arch, stages=(foreign, *arch.stages[1:]))
    with pytest.raises(NasError, match=r"stages\[0\]\.block is 'wrong_block:WRONG'.*--to onnx"):
        export(trained(arch), "pytorch", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
