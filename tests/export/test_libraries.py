"""`--to timm` and `--to torchvision`: the libraries' own classes compute what nas computes."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import torch
from library_networks import TIMM, TORCHVISION, library_network
from tiny_networks import RESOLUTION, drawn, small, trained

from nas.archs import find_network, resized
from nas.errors import NasError
from nas.export.exporting import export
from nas.export.subject import Sizes, find_subject
from nas.model import build
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec, HeadSpec, NormSpec, SqueezeExcite, StageSpec, StemSpec
from nas.training.initial import read_initial

# One for each class of a library, and each way of writing its blocks.
FAST = [
    *(("timm", name) for name in ("efficientnet-b0", "mobilenet-v3-small", "resnet-18")),
    *(("torchvision", name) for name in ("efficientnet-b0", "mobilenet-v2", "resnet-18")),
    ("torchvision", "mobilenet-v3-small"),
]
SLOW = [
    *(("timm", name) for name in ("mobilenet-v1", "mnasnet-a1", "resnext-50-32x4d")),
    *(("timm", name) for name in ("efficientnet-b4", "mobilenet-v3-large", "resnet-50")),
    *(("torchvision", name) for name in ("resnext-50-32x4d", "efficientnet-b4", "resnet-50")),
]
REFERENCES = [*FAST, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW)]


@pytest.mark.parametrize(("library", "name"), REFERENCES)
def test_the_librarys_own_network_has_the_same_tensors_and_logits(
    library, name, tmp_path, images, exported
) -> None:
    theirs = library_network(library, {"timm": TIMM, "torchvision": TORCHVISION}[library][name])
    eps = next(m.eps for m in theirs.modules() if isinstance(m, torch.nn.BatchNorm2d))
    arch = resized(find_network(name), resolution=RESOLUTION)
    subject = trained(dataclasses.replace(arch, norm=NormSpec(eps, 0.1)))
    done = export(subject, library, tmp_path / "out")
    network = exported(done.folder).load()
    theirs.load_state_dict(network.state_dict(), strict=True)
    with torch.inference_mode():
        expected = subject.network(images(arch))
        assert (network(images(arch)) - expected).abs().max() <= 1e-5
        assert (theirs.eval()(images(arch)) - expected).abs().max() <= 1e-5
    assert type(network).__mro__[0].__name__ == type(theirs).__name__
    # The way back, which no state dict alone knows.
    back = read_initial(done.folder / "model.safetensors", arch)
    assert back.spec.norm.eps == eps


@pytest.mark.parametrize("space", ["mbconv", "mbconv-elastic", "mobilenet", "resnet"])
def test_timm_holds_nearly_all_spaces(space, tmp_path, images, exported) -> None:
    pytest.importorskip("timm")
    networks = [
        arch
        for arch in drawn(space, 6)
        # Ours rounds widths to multiples of the groups, and timm cuts them.
        if all(stage.option("groups", 1) == 1 for stage in arch.stages)
    ]
    assert len(networks) > 1
    for number, arch in enumerate(networks[:2]):
        subject = trained(arch, number)
        done = export(subject, "timm", tmp_path / str(number))
        network = exported(done.folder).load()
        with torch.inference_mode():
            expected = subject.network(images(arch))
            assert (network(images(arch)) - expected).abs().max() <= 1e-5


def test_torchvision_holds_the_papers_space(tmp_path, images, exported) -> None:
    pytest.importorskip("torchvision")
    for number, arch in enumerate(drawn("mbconv", 2)):
        subject = trained(arch, number)
        done = export(subject, "torchvision", tmp_path / str(number))
        network = exported(done.folder).load()
        with torch.inference_mode():
            expected = subject.network(images(arch))
            assert (network(images(arch)) - expected).abs().max() <= 1e-5


def fused() -> ArchSpec:
    """EfficientNetV2's kinds of stage, one without squeeze-excite, and a stem that keeps 32 px."""
    stages = (
        StageSpec("fused-mbconv", 16, 2),
        StageSpec("fused-mbconv", 24, 2, stride=2, expand_ratio=4),
        StageSpec("conv", 24, 1),
        StageSpec("mbconv", 32, 2, stride=2, expand_ratio=3.5),
        StageSpec("mbconv", 40, 2, kernel=5, expand_ratio=4, se=SqueezeExcite()),
    )
    stem, head = StemSpec(16, stride=1), HeadSpec(64, dropout=0.1)
    return ArchSpec(stem, stages, head, resolution=32, classes=5, drop_path=0.1, name="fused")


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_fused_blocks_and_a_stem_that_does_not_halve(library, tmp_path, images, exported) -> None:
    pytest.importorskip(library)
    subject = trained(fused())
    network = exported(export(subject, library, tmp_path / "out").folder).load()
    with torch.inference_mode():
        expected = subject.network(images(fused()))
        assert (network(images(fused())) - expected).abs().max() <= 1e-5


def test_timm_knows_the_model_by_name(tmp_path, exported) -> None:
    timm = pytest.importorskip("timm")
    done = export(trained(fused()), "timm", tmp_path / "out")
    exported(done.folder)
    assert timm.is_model("nas_fused")
    network = timm.create_model("nas_fused", pretrained=True, num_classes=3)
    assert network.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    config = timm.data.resolve_model_data_config(network)
    assert config["input_size"] == (3, 32, 32)
    assert config["crop_pct"] == 0.875
    features = timm.create_model("nas_fused", features_only=True)
    maps = features(torch.zeros(1, 3, 32, 32))
    assert [32 // each.shape[-1] for each in maps] == features.feature_info.reduction()
    assert features.feature_info.channels() == [16, 24, 40]


def test_training_settings_go_along(tmp_path, exported) -> None:
    """Stochastic depth by block, dropout and batch norm's momentum."""
    pytest.importorskip("timm")
    pytest.importorskip("torchvision")
    arch = dataclasses.replace(fused(), norm=NormSpec(1e-4, 0.05))
    depths = [block.drop_path for block in arch.blocks()]
    for library, attribute in (("timm", "drop_prob"), ("torchvision", "p")):
        network = exported(export(trained(arch), library, tmp_path / library).folder).load()
        names = ("DropPath", "StochasticDepth")
        drops = [m for m in network.modules() if type(m).__name__ in names]
        found = [getattr(each, attribute) for each in drops if getattr(each, attribute)]
        assert found == pytest.approx([depth for depth in depths if depth])
        norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-4, 0.05)}


def changed(name: str, **changes: object) -> ArchSpec:
    return dataclasses.replace(resized(find_network(name), resolution=32), **changes)


def with_stage(name: str, index: int, **changes: object) -> ArchSpec:
    arch = changed(name)
    stages = list(arch.stages)
    stages[index] = dataclasses.replace(stages[index], **changes)
    return dataclasses.replace(arch, stages=tuple(stages))


B0, V2, V3, R18 = "efficientnet-b0", "mobilenet-v2", "mobilenet-v3-small", "resnet-18"
ODD_SE = SqueezeExcite(0.5)


@pytest.mark.parametrize(
    ("library", "arch", "message"),
    [
        ("timm", changed(B0, stem=StemSpec(32, max_pool=True)), r"stem\.max_pool is True"),
        ("timm", changed(B0, stem=StemSpec(32, stride=4)), r"stem\.stride is 4"),
        ("timm", changed(B0, stem=StemSpec(32, activation="relu")), r"head\.activation is 'silu'"),
        ("timm", changed(B0, stem=StemSpec(32, activation="none")), r"stem\.activation is 'none'"),
        ("timm", with_stage(B0, 2, stride=3), r"stages\[2\]\.stride is 3"),
        ("timm", with_stage(B0, 2, activation="none"), r"stages\[2\]\.activation is 'none'"),
        (
            "timm",
            with_stage(B0, 2, se=SqueezeExcite(gate="hard-sigmoid")),
            r"stages\[\d\]\.se\.gate is .* one gate",
        ),
        ("timm", with_stage(B0, 2, options=(("skip", "pool"),)), r"stages\[2\]\.options\.skip"),
        ("timm", with_stage(B0, 1, block="basic", se=None), r"stages\[1\]\.block is 'basic'"),
        ("timm", with_stage("mobilenet-v1", 3, skip=True), r"stages\[3\]\.skip is True"),
        ("timm", with_stage(R18, 3, stride=1), r"stages\[3\]\.stride is 1"),
        ("timm", with_stage(R18, 1, expand_ratio=0.5), r"stages\[1\]\.expand_ratio is 0\.5"),
        ("timm", with_stage("resnet-50", 1, expand_ratio=0.5), r"stages\[.\]\.expand_ratio"),
        ("torchvision", changed("mobilenet-v1"), "torchvision has no MobileNetV1"),
        ("torchvision", changed(B0, in_channels=1), "in_channels is 1; torchvision takes 3"),
        ("torchvision", changed(B0, activation="relu"), r"stem\.activation is 'relu'"),
        ("torchvision", with_stage(B0, 2, se=ODD_SE), r"stages\[2\]\.se has 12 channels.* has 6"),
        ("torchvision", with_stage(B0, 2, channels=44), r"stages\[2\]\.channels is 44"),
        ("torchvision", with_stage(B0, 2, skip=False), r"stages\[2\]\.skip is False"),
        ("torchvision", with_stage(V2, 2, kernel=5), r"stages\[2\]\.kernel is 5"),
        ("torchvision", changed(V2, stem=StemSpec(24)), r"stem\.channels is 24"),
        ("torchvision", changed(V3, head=HeadSpec(512, hidden=64)), r"head\.channels is 512"),
        ("torchvision", with_stage(R18, 1, channels=160), r"stages\[1\]\.channels is 160"),
        ("torchvision", changed(R18, activation="silu"), r"stem\.activation is 'silu'"),
    ],
)
def test_what_a_library_cannot_express_is_named_in_one_line(
    library, arch, message, tmp_path: Path
) -> None:
    pytest.importorskip(library)
    subject = dataclasses.replace(trained(small()), network=build(arch, device="meta"))
    with pytest.raises(NasError, match=message) as caught:
        export(subject, library, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("--to pytorch or --to onnx can express it")
    assert list(tmp_path.iterdir()) == []


def test_what_acts_in_training_only_is_left_out_and_said(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    arch = changed(R18, drop_path=0.1, head=HeadSpec(dropout=0.2))
    done = export(trained(arch), "torchvision", tmp_path / "out")
    assert done.notes == (
        "torchvision's ResNet has no stochastic depth (0.1) and no dropout (0.2); "
        "it matters in training only",
    )


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_an_absent_library_is_one_line(library, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(NasError, match=rf"needs {library}; pip install 'compound-nas\[train\]'"):
        export(trained(small()), library, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_weights_come_back_from_the_library(library, tmp_path, images) -> None:
    """There and back: a library's file becomes ours, and the logits stay."""
    pytest.importorskip(library)
    arch = dataclasses.replace(
        resized(efficientnet_b0(), resolution=32, classes=7), norm=NormSpec(1e-5, 0.1)
    )
    subject = trained(arch)
    there = export(subject, library, tmp_path / "there")
    spec = tmp_path / "arch.json"
    spec.write_text(json.dumps(arch.to_dict()))
    initial = there.folder / "model.safetensors"
    back = find_subject(str(spec), sizes=Sizes(), initial=initial)
    assert back.trained
    assert library in back.weights
    done = export(back, "weights", tmp_path / "back")
    again = find_subject(str(done.folder), sizes=Sizes())
    with torch.inference_mode():
        assert torch.equal(again.network(images(arch)), subject.network(images(arch)))
