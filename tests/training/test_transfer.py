"""Models of timm from files on disk, and a comparison as the paper's table."""

from pathlib import Path

import pytest
import torch
from library_networks import library_network
from safetensors.torch import save_file

from nas.errors import TrainingError
from nas.training.timm_models import Renormalised, timm_cost, timm_network
from nas.training.transfer import COMPARED, OURS, Contestant
from nas.training.transfer_tables import geometric_means, markdown, transfer_rows


def test_a_model_of_timm_comes_with_its_weights_and_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    torch.manual_seed(0)
    theirs = library_network("timm", "mobilenetv1_100", num_classes=9).eval()
    save_file(theirs.state_dict(), path)
    network = timm_network("mobilenetv1_100", path, 3, resolution=32, seed=1)
    assert isinstance(network, Renormalised), "timm's MobileNetV1 expects mean 0.5"
    raw = torch.rand(2, 3, 32, 32)
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    ours = (raw - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    inner = network.eval().network
    with torch.inference_mode():
        expected = theirs.forward_features((raw - 0.5) / 0.5)
        scaled = ours * network.scale + network.shift
        found = inner.forward_features(scaled)
    assert torch.allclose(scaled, (raw - 0.5) / 0.5, atol=1e-6)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert network(ours).shape == (2, 3)


def test_a_model_of_fixed_size_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="takes 224 px only, not 64; give --resolution 224"):
        timm_cost("vit_tiny_patch16_224", 10, 64)


def result(top1: float, params: int, flops: int) -> dict:
    accuracy = {"top1": top1, "top5": 1.0, "top1_standard_error": 0.004, "images": 10_000}
    cost = {"params": params, "flops": flops, "activations": 1}
    return {"accuracy": accuracy, "cost": cost, "seconds": 1.0, "toy": False, "resolution": 224}


def test_the_papers_rows_have_the_papers_ratios() -> None:
    """Table 5 of arXiv 1905.11946: CIFAR-10 against NASNet-A, 4M parameters and 85M (21x)."""
    models = [
        Contestant("EfficientNet-B0", OURS),
        Contestant("NASNet-A", COMPARED),
    ]
    results = {
        ("CIFAR-10", "EfficientNet-B0"): [result(0.981, 4_000_000, 390_000_000)],
        ("CIFAR-10", "NASNet-A"): [result(0.980, 85_000_000, 23_800_000_000)],
        ("Cars", "EfficientNet-B0"): [result(0.936, 4_000_000, 390_000_000)],
        ("Cars", "NASNet-A"): [result(0.930, 40_000_000, 390_000_000)],
    }
    rows = transfer_rows(["CIFAR-10", "Cars"], models, results)
    means = geometric_means(rows, models)
    assert [round(row.get("params_ratio", 0)) for row in rows] == [0, 21, 0, 10]
    assert means["NASNet-A"]["params_ratio"] == pytest.approx((21.25 * 10) ** 0.5)
    protocol = {
        "recipe": {
            "name": "finetune", "epochs": 20, "batch_size": 64, "optimizer": "adamw",
            "learning_rate": 1e-3,
        },
        "scratch_recipe": {"name": "short", "epochs": 20},
        "layer_decay": 0.75,
        "resolution": 224,
        "seeds": [0],
    }  # fmt: skip
    text = markdown(
        {
            "ours": "EfficientNet-B0",
            "weights": "w",
            "weights_digest": "d",
            "protocol": protocol,
            "rows": rows,
            "geometric_means": means,
        }
    )
    assert (
        "| CIFAR-10 | 98.00 ± 0.40 | 85.00M | 23.80G | 98.10 ± 0.40 | 4.000M (21.25x) | "
        "390.0M (61.03x) | +0.10 |"
    ) in text
    assert "| geometric mean | | | | | (14.58x) | (7.81x) | |" in text
