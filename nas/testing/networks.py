"""The contract of one network: JSON, cost and module agree."""

from __future__ import annotations

import dataclasses

from nas.blocks import block_kind
from nas.cost import network_cost
from nas.spec import ArchSpec
from nas.testing.blocks import check_block, describe_block
from nas.testing.claims import claim, during
from nas.testing.counting import claim_equal, count


def check_network(arch: ArchSpec, what: str = "") -> None:
    """Check that `arch` survives JSON, builds, and costs exactly what torch counts.

    Built on the meta device: no memory, no weights. `what` begins the message of a failure.
    Raises: AssertionError; where figures differ it names the first block that is to blame.
    """
    from nas.model import build

    what = what or f"network {arch.name or arch.digest()}"
    with during(what):
        check_json(arch)
        cost = network_cost(arch)
        counted = count(build(arch, device="meta"), arch.in_channels, arch.resolution)
        claim(
            counted.shape == (arch.classes,),
            f"output {counted.shape}, promised ({arch.classes},)",
        )
        try:
            claim_equal(cost, counted, "its cost")
        except AssertionError:
            _blame_a_block(arch)
            raise
        claim(cost.peak_activation_bytes > 0, "peak_activation_bytes is 0")


def check_json(arch: ArchSpec) -> None:
    """Check that a network and its identity survive JSON, and that its name is no part of it."""
    again = ArchSpec.from_json(arch.to_json())
    claim(again == arch, f"JSON gives another network back: {again} instead of {arch}")
    claim(again.digest() == arch.digest(), "its digest changes by JSON")
    renamed = dataclasses.replace(arch, name="renamed")
    claim(renamed.digest() == arch.digest(), "its digest changes with its name")


def check_training(arch: ArchSpec, what: str, resolution: int) -> None:
    """Run a network forward and backward once, at batch 2 and a resolution in pixels.

    Raises: AssertionError where the output's shape is wrong or not finite, or where a weight gets
    no gradient: it would be counted and never used.
    """
    import torch

    from nas.model import build

    with during(what), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(arch, seed=0)
        logits = network(torch.randn(2, arch.in_channels, resolution, resolution))
        shape = tuple(logits.shape)
        claim(shape == (2, arch.classes), f"logits {shape}, promised (2, {arch.classes})")
        claim(bool(logits.isfinite().all()), "logits are not finite at initialisation")
        logits.square().mean().backward()
        idle = [name for name, weight in network.named_parameters() if weight.grad is None]
        claim(not idle, f"no gradient reaches {', '.join(idle)}")


def _blame_a_block(arch: ArchSpec) -> None:
    for block in arch.blocks():
        where = f"block {block.layer} of stage {block.stage}, kind '{block.kind}'"
        check_block(block_kind(block.kind), block, f"{where} at {describe_block(block)}")
