"""docs/faq.md: the figures in its answers, computed again."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from documentation_pages import DOCS

from nas.archs import find_network, resized
from nas.cost import network_cost
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.grid import feasible_grid
from nas.scaling.transform import scale
from nas.search_spaces.mbconv_elastic import fitted_b0
from nas.spec import ArchSpec

PAGE = " ".join((DOCS / "faq.md").read_text(encoding="utf-8").split())
B0 = find_network("efficientnet-b0")
MINUS = "\N{MINUS SIGN}"
PAPER = ScalingCoefficients(1.2, 1.1, 1.15)


def says(text: str) -> None:
    assert text in PAGE, f"the page does not say: {text}"


def test_no_single_phi_gives_b7() -> None:
    from nas.scaling.implied import compare_with_published

    row = next(
        row for row in compare_with_published(resolution_multiple=1) if row.released.name == "b7"
    )
    implied = row.implied
    says(
        f"depth implies {implied.depth:.2f}, width {implied.width:.2f}, "
        f"resolution {implied.resolution:.2f}"
    )
    says(
        f"the best single phi, {implied.best:.2f}, builds {row.at_best.cost.params / 1e6:.1f}M "
        f"parameters instead of {row.released.cost.params / 1e6:.1f}M"
    )
    says(f"With phi = 7 it is {row.at_index.cost.params / 1e6:.1f}M")
    six = formula_network(6, round(224 * 1.15**6))
    says(f"with the phi = 6 of many tutorials, {network_cost(six).params / 1e6:.1f}M")


def formula_network(phi: float, px: int) -> ArchSpec:
    grown = PAPER.multipliers(phi)
    return scale(B0, depth=grown.depth, width=grown.width, resolution_px=px)


def test_nni_s_combinations_and_their_networks() -> None:
    steps = [1 + index * 0.05 for index in range(21)]
    combinations = [
        (alpha, beta, gamma)
        for alpha in steps
        for beta in steps[:11]
        for gamma in steps[:11]
        if abs(alpha * beta**2 * gamma**2 - 2) < 0.1
    ]
    says(f"has {len(combinations)} combinations")
    built = {
        network.digest(): network_cost(network).flops
        for alpha, beta, gamma in combinations
        for network in [scale(B0, depth=alpha, width=beta, resolution_px=int(gamma * 224 + 1e-9))]
    }
    ratios = [flops / network_cost(B0).flops for flops in built.values()]
    says(f"They are {len(built)} distinct networks")
    says(f"cost from {min(ratios):.2f} to {max(ratios):.2f} times B0")


def test_the_networks_that_fit_scaling_would_choose_from() -> None:
    within_10, within_3 = (
        len(feasible_grid(B0, tolerance=tolerance, step=0.05).points) for tolerance in (0.1, 0.03)
    )
    says(f"that is {within_10} networks, {within_3} of them within 3 %")


def test_nominal_and_realised() -> None:
    base = network_cost(B0).flops
    literal, multiple_of_8, b2 = (
        network_cost(network).flops / base
        for network in (
            formula_network(1, 257),
            formula_network(1, 256),
            find_network("efficientnet-b2"),
        )
    )
    says(f"promises {PAPER.nominal_ratio:.2f} times B0")
    says(f"costs {literal:.2f} times (257 px), or {multiple_of_8:.2f} times at 256 px")
    says(f"B2 is {b2:.2f} times its B0")


def test_where_layers_go() -> None:
    layers = [stage.layers for stage in B0.stages]
    for depth in (1.01, 1.2, 1.25):
        deeper = scale(B0, depth=depth)
        after = [stage.layers for stage in deeper.stages]
        says(f"turns {', '.join(map(str, layers))} layers into {', '.join(map(str, after))}")
        ratio = network_cost(deeper).flops / network_cost(B0).flops
        says(f"{sum(after)} blocks instead of {sum(layers)}, at {ratio:.2f} times the FLOPs")
    assert [stage.layers for stage in scale(B0, depth=1.26).stages] != after


def test_b0_and_resnet_50_in_memory() -> None:
    b0, resnet = (network_cost(find_network(name)) for name in ("efficientnet-b0", "resnet-50"))
    says(f"B0 does {b0.flops / b0.activations:.0f} multiply-adds for each activation")
    says(f"ResNet-50 {resnet.flops / resnet.activations:.0f}:")
    says(f"B0 has {100 * b0.flops / resnet.flops:.1f} % of ResNet-50's FLOPs")
    says(
        f"{100 * b0.activations / resnet.activations:.0f} % of its activations "
        f"({b0.activations / 1e6:.1f}M and {resnet.activations / 1e6:.1f}M)"
    )


def test_training_memory() -> None:
    from nas.training_memory import training_memory

    b0, b7 = (
        training_memory(find_network(f"efficientnet-{name}")).per_image for name in ("b0", "b7")
    )
    says(f"{b0 / 2**20:.0f} MiB for each image with B0, {b7 / 2**30:.1f} GiB with B7")


@pytest.mark.parametrize(
    ("by", "words"),
    [("width", "by width, 200M can be met to"), ("compound", "from below, by compound scaling to")],
)
def test_how_closely_200m_can_be_met(by: str, words: str) -> None:
    from click.testing import CliRunner

    from nas.cli.main import cli

    told = CliRunner().invoke(
        cli, ["scale", "efficientnet-b0", "--to-flops", "200M", "--by", by, "--json"]
    )
    gap = json.loads(told.stdout)["best"]["gap_ratio"]
    says(f"{words} {100 * gap:.1f} %".replace("-", MINUS))


def test_the_stages_that_halve() -> None:
    # Counted from 1, the stem, as in the paper's table.
    strides = [B0.stem.stride, *(stage.stride for stage in B0.stages)]
    halving = [str(stage) for stage, stride in enumerate(strides, 1) if stride == 2]
    says(f"Stages {', '.join(halving[:-1])} and {halving[-1]} halve")
    assert stage_input(B0, 6) == 14


def stage_input(arch: ArchSpec, stage: int) -> int:
    """Side of the input of a stage in px; stages are counted from 1, the stem."""
    size = arch.resolution
    for stride in (arch.stem.stride, *(part.stride for part in arch.stages))[: stage - 1]:
        size = math.ceil(size / stride)
    return size


def test_a_cifar_image() -> None:
    assert stage_input(replace(B0, resolution=32), 9) == 1
    elastic = resized(fitted_b0(32), classes=10)
    assert stage_input(elastic, 9) == 4
    says(f"costs {network_cost(elastic).flops / 1e6:.1f}M FLOPs with 10 classes")


def test_the_weights_figures_are_torchvision_s() -> None:
    models = pytest.importorskip("torchvision.models")
    (weights,) = models.get_model_weights("efficientnet_b0")
    top1 = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    says(f"torchvision's B0 weights are timm's ({top1:.2f} %)")


def test_what_a_search_trains() -> None:
    from nas.searching.settings import DEFAULT_TRAINED_TRIALS
    from nas.training.recipe import load_recipe

    epochs = load_recipe("short").epochs
    says(f"it trains {DEFAULT_TRAINED_TRIALS} candidates for {epochs} epochs each")


def test_the_recipe_s_learning_rate() -> None:
    from nas.training.recipe import load_recipe

    recipe = load_recipe("paper")
    says(f"({recipe.learning_rate} is for {recipe.batch_size})")
    says(f"{recipe.epochs} epochs or more")


def test_every_question_of_the_collected_threads_is_answered() -> None:
    # The threads that the project collected before it began, one of each group.
    for thread in (
        "tensorflow/tpu#390",
        "mingxingtan/efficientnet#1",
        "tensorflow/tpu#932",
        "qubvel/efficientnet#90",
        "lukemelas/EfficientNet-PyTorch#1",
        "tensorflow/tpu#640",
        "qubvel/efficientnet#26",
        "tensorflow/tpu#383",
        "lukemelas/EfficientNet-PyTorch#17",
        "lukemelas/EfficientNet-PyTorch#147",
        "lukemelas/EfficientNet-PyTorch#21",
        "kuangliu/pytorch-cifar#115",
        "pytorch/vision#829",
        "lukemelas/EfficientNet-PyTorch#45",
    ):
        assert thread in PAGE, thread
