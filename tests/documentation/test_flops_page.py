"""docs/flops.md: each figure, counted again by the library that it is said to be from."""

from __future__ import annotations

import re

import pytest
import torch
from documentation_pages import DOCS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nas.archs import find_network
from nas.cost import network_cost
from nas.published.tables import published_rows

timm = pytest.importorskip("timm", reason="the extra `train` is not installed")
models = pytest.importorskip("torchvision.models", reason="the extra `train` is not installed")

PAGE = (DOCS / "flops.md").read_text(encoding="utf-8")
FAMILY = {
    cells[0]: cells[1:]
    for line in PAGE.splitlines()
    if re.match(r"\| B\d \|", line)
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}


def number(text: str) -> int:
    return int(text.replace(",", ""))


def fvcore(network: nn.Module, px: int) -> dict[str, int]:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(network.eval(), torch.zeros(1, 3, px, px))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return dict(analysis.by_operator())


@pytest.fixture(scope="module")
def b0() -> nn.Module:
    """torchvision's B0 without numbers in it: shapes are enough to count."""
    with torch.device("meta"):
        network: nn.Module = models.efficientnet_b0(weights=None)
    return network.eval()


IMAGE = torch.zeros(1, 3, 224, 224, device="meta")


def test_the_family_has_eight_members() -> None:
    assert list(FAMILY) == [f"B{index}" for index in range(8)]


@pytest.mark.parametrize("name", FAMILY)
def test_our_count_and_what_the_paper_prints(name: str) -> None:
    px, ours, paper, difference, *_ = FAMILY[name]
    arch = find_network(f"efficientnet-{name.lower()}")
    assert (arch.resolution, network_cost(arch).flops) == (int(px), number(ours))
    printed = next(
        row
        for row in published_rows("table2_comparisons")
        if row["model"] == f"EfficientNet-{name}"
    )
    assert float(paper.removesuffix(" B")) == float(printed["flops_B"])
    off = network_cost(arch).flops / (float(printed["flops_B"]) * 1e9) - 1
    assert float(difference.replace("\N{MINUS SIGN}", "-").removesuffix(" %")) == pytest.approx(
        off * 100, abs=0.06
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAMILY if name != "B0"])
def test_fvcore_s_totals_of_the_larger(name: str) -> None:
    px, _, _, _, of_torchvision, of_timm = FAMILY[name]
    lower = name.lower()
    theirs = getattr(models, f"efficientnet_{lower}")(weights=None)
    assert sum(fvcore(theirs, int(px)).values()) == number(of_torchvision)
    theirs = timm.create_model(f"efficientnet_{lower}")
    assert sum(fvcore(theirs, int(px)).values()) == number(of_timm)


def test_what_fvcore_counts_of_b0() -> None:
    counted = fvcore(models.efficientnet_b0(weights=None), 224)
    of_timm = fvcore(timm.create_model("efficientnet_b0"), 224)
    assert sum(counted.values()) == number(FAMILY["B0"][4])
    assert sum(of_timm.values()) == number(FAMILY["B0"][5])
    ours = network_cost(find_network("efficientnet-b0")).flops
    assert counted["conv"] + counted["linear"] == ours
    added = counted["batch_norm"], counted["adaptive_avg_pool2d"], of_timm["adaptive_avg_pool2d"]
    for figure in added:
        assert f"({figure:,})" in PAGE


def test_torch_counts_two_for_a_multiply_add(b0: nn.Module) -> None:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        b0(IMAGE)
    assert f"| {counter.get_total_flops():,} |" in PAGE


def test_the_parts_of_b0(b0: nn.Module) -> None:
    parts: dict[str, int] = {}

    def count(layer: nn.Module, _: object, out: torch.Tensor) -> None:
        if isinstance(layer, nn.Linear):
            part = "classifier"
        elif out.shape[-1] == 1:
            part = "squeeze-excite"
        elif isinstance(layer, nn.Conv2d) and layer.groups > 1:
            part = "depthwise convolutions"
        else:
            part = "stem, 3x3" if out.shape[-1] == 112 and out.shape[1] == 32 else "1x1"
        positions = out.shape[-1] * out.shape[-2] if out.ndim == 4 else 1
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        parts[part] = parts.get(part, 0) + weight.numel() * positions

    for layer in b0.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        b0(IMAGE)
    for part, flops in parts.items():
        share = 100 * flops / sum(parts.values())
        assert re.search(rf"\| {part}[^|]*\| {flops:,} \| {share:.1f} % \|", PAGE), part


def test_the_libraries_own_figures_and_sizes() -> None:
    for name, figure in (("b0", 0.386), ("b2", 1.088)):
        (weights,) = models.get_model_weights(f"efficientnet_{name}")
        assert weights.meta["_ops"] == figure
    assert weights.transforms().crop_size == [288]
    sizes = [
        (timm.get_pretrained_cfg(f"efficientnet_b{index}").input_size[-1],
         timm.get_pretrained_cfg(f"efficientnet_b{index}").test_input_size[-1])
        for index in (1, 2, 3, 4)
    ]  # fmt: skip
    assert ", ".join(f"{train} and {test}" for train, test in sizes) in PAGE


def test_other_sizes_and_classes() -> None:
    from nas.archs import resized

    b0 = find_network("efficientnet-b0")
    whole = network_cost(b0).flops
    ten_classes = network_cost(resized(b0, classes=10)).flops
    assert f"B0 with 10 classes is {ten_classes:,}." in PAGE
    for px in (256, 257):
        ratio = network_cost(resized(b0, resolution=px)).flops / whole
        assert re.search(rf"{px} px costs [^,]*{ratio:.3f}|{px} px {ratio:.3f}", PAGE)


def test_the_shown_verification_is_what_is_printed() -> None:
    from click.testing import CliRunner

    from nas.cli.main import cli

    shown = re.search(r"^```text\n(Verified.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert shown is not None
    printed = CliRunner().invoke(cli, ["cost", "efficientnet-b0", "--verify"]).stdout
    assert shown[1].strip() in printed
