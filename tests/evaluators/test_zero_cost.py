"""`zero-cost`: the same figure as an independent computation, and as useful as it says."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import random
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.errors import ConfigError
from nas.evaluators.base import EvaluationContext, Score
from nas.evaluators.zero_cost import TAU, ZeroCost, log_synflow
from nas.model import build
from nas.network_list import network_of
from nas.search_spaces.mbconv import MBConvSpace
from nas.search_spaces.mbconv_elastic import MBConvElasticSpace
from nas.space import random_network
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.testing import check_evaluator


def three_layers() -> ArchSpec:
    """Stem, one separable block without expansion, classifier: small enough to write out."""
    return ArchSpec(
        StemSpec(8),
        (StageSpec("mbconv", 12, 1, stride=2, kernel=3, expand_ratio=1),),
        HeadSpec(16, dropout=0.0),
        resolution=16,
        classes=3,
        activation="relu",
    )


def by_hand(network: nn.Module) -> float:
    """log-synflow of `three_layers` written out, on a copy of the weights without any norm.

    As the published codes have it (Tanaka et al.; zero-cost-nas; FreeREA): weights by magnitude,
    batch norms left out of the computation, an image of ones, doubles; |w log(1 + g)| over the
    weights of convolutions and linear layers, not over biases or norms.
    """
    state = {name: value.double().abs() for name, value in network.state_dict().items()}
    names = (
        "stem.conv.weight",
        "stages.0.0.depthwise.conv.weight",
        "stages.0.0.project.conv.weight",
        "head.conv.conv.weight",
        "head.classifier.weight",
    )
    stem, depthwise, project, head, classifier = (state[n].requires_grad_() for n in names)
    features: Tensor = torch.ones(1, 3, 16, 16, dtype=torch.float64)
    features = functional.conv2d(features, stem, stride=2, padding=1).relu()
    features = functional.conv2d(features, depthwise, stride=2, padding=1, groups=8).relu()
    features = functional.conv2d(features, project)
    features = functional.conv2d(features, head).relu().mean((2, 3))
    (features @ classifier.T + state["head.classifier.bias"]).sum().backward()
    total = 0.0
    for weight in (stem, depthwise, project, head, classifier):
        assert weight.grad is not None
        total += float((weight * torch.log(weight.grad + 1)).detach().abs().sum())
    return total


def test_log_synflow_is_what_an_independent_computation_gives() -> None:
    network = build(three_layers(), seed=3)
    assert log_synflow(network, 16) == pytest.approx(by_hand(network), rel=1e-12)


def test_batch_norms_have_no_say_and_the_network_is_left_alone() -> None:
    arch, _ = random_network(MBConvElasticSpace(32), 5)
    network = build(arch, seed=0)
    before = log_synflow(network, 32)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    assert log_synflow(network, 32) == before
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.running_var, 9.0)
            nn.init.constant_(module.weight, 0.0)
    assert log_synflow(network, 32) == before


def test_it_holds_to_the_contract_and_says_how_far_it_goes() -> None:
    networks = [random_network(MBConvElasticSpace(32), seed)[0] for seed in range(3)]
    check_evaluator(ZeroCost(), networks, space=MBConvElasticSpace(32))
    params = ZeroCost()
    params.prepare(EvaluationContext(None, 0, options={"metric": "params"}))
    score = params.evaluate(networks[0], seed=0)
    assert isinstance(score, Score)
    assert score.value == sum(p.numel() for p in build(networks[0]).parameters())
    for evaluator, tau in ((ZeroCost(), "0.62"), (params, "0.58")):
        assert tau in evaluator.source
        assert "no accuracy" in evaluator.source


def test_other_metrics_are_refused() -> None:
    assert set(TAU) == {"log-synflow", "params"}
    with pytest.raises(ConfigError, match="did you mean 'log-synflow'"):
        ZeroCost().prepare(EvaluationContext(None, 0, options={"metric": "synflow"}))


@pytest.mark.slow
def test_it_ranks_really_trained_networks_of_equal_flops(data_folder: Path) -> None:
    """Kendall's tau on 60 networks of 350-450M; 0.62 and 0.58 were measured on 200 others."""
    from scipy.stats import kendalltau

    with gzip.open(data_folder / "accel_nasbench.csv.gz", "rt") as file:
        rows = [r for r in csv.DictReader(file) if 350 <= float(r["macs_conv_linear_M"]) <= 450]
    rows = random.Random(1).sample(rows, 60)
    archs = [dataclasses.replace(network_of(row, MBConvSpace()), activation="relu") for row in rows]
    truth = [float(row["top1"]) for row in rows]
    scores = [log_synflow(build(arch, seed=0), 64) for arch in archs]
    params = [float(row["params_M"]) for row in rows]
    assert 0.4 < kendalltau(scores, truth).statistic < 0.8
    assert 0.4 < kendalltau(params, truth).statistic < 0.8
