"""Counting a built network, independently of the arithmetic that prices it.

Four counters look at the module itself: torch's FlopCounterMode, fvcore, forward hooks, and the
parameters and state dict. `verify` sets each beside what `nas.cost` computed, to the unit.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils.flop_counter import FlopCounterMode

from nas.cost import network_cost
from nas.errors import NasError, one_line
from nas.model import build
from nas.spec import ArchSpec

FVCORE_OPERATORS = ("conv", "linear")
"""What fvcore calls the operators that FLOPs mean here."""


@dataclass(frozen=True)
class Check:
    """One figure by arithmetic beside the same figure counted on the built network."""

    what: str
    counter: str
    by_arithmetic: int
    counted: int

    @property
    def equal(self) -> bool:
        """Whether the two agree to the unit."""
        return self.by_arithmetic == self.counted


@dataclass(frozen=True)
class Verification:
    """Every check of one network; `fvcore_other` is what fvcore counts beyond our FLOPs.

    fvcore's batch norm and pooling are not multiply-adds of convolution or linear layers, so they
    are shown apart and checked against nothing. Operator -> fvcore's own unit.
    """

    checks: tuple[Check, ...]
    fvcore_other: dict[str, int]

    @property
    def matches(self) -> bool:
        """Whether every check agrees to the unit."""
        return all(check.equal for check in self.checks)

    @property
    def mismatches(self) -> tuple[Check, ...]:
        """The checks that disagree."""
        return tuple(check for check in self.checks if not check.equal)


def verify(arch: ArchSpec) -> Verification:
    """Build `arch` and count it by every means.

    Convolutions that a block calls as functions, not as modules, escape the hooks that count
    activations. The CPU pass for fvcore takes as long as one inference.
    Raises: NasError if fvcore cannot count the network.
    """
    cost = network_cost(arch)
    network = build(arch, device="meta").eval()
    by_operator = fvcore_counts(arch)
    fvcore_flops = sum(by_operator.get(operator, 0) for operator in FVCORE_OPERATORS)
    checks = (
        Check("flops", "torch FlopCounterMode / 2", cost.flops, torch_flops(network)),
        Check("flops", "fvcore conv + linear", cost.flops, fvcore_flops),
        Check("params", "module parameters", cost.params, count_params(network)),
        Check("activations", "forward hooks", cost.activations, conv_activations(network)),
        Check("weight_bytes", "float state dict", cost.weight_bytes, state_bytes(network)),
    )
    other = {name: count for name, count in by_operator.items() if name not in FVCORE_OPERATORS}
    return Verification(checks, other)


def example_images(spec: ArchSpec, device: str) -> Tensor:
    """One image of zeros, (1, in_channels, resolution, resolution)."""
    return torch.zeros(1, spec.in_channels, spec.resolution, spec.resolution, device=device)


def torch_flops(network: nn.Module) -> int:
    """Multiply-adds by torch's counter, for a network on the meta device in eval mode.

    torch counts two operations for each multiply-add.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(example_images(_spec_of(network), "meta"))
    operations = int(counter.get_total_flops())
    assert operations % 2 == 0
    return operations // 2


def fvcore_counts(arch: ArchSpec) -> dict[str, int]:
    """What fvcore counts, by operator, largest first: "conv", "linear", "batch_norm" and so on.

    fvcore traces with real tensors (it cannot read meta tensors) and stands on TorchScript, which
    torch has deprecated; both are why it is called from here only. Eval mode matters: in training
    mode it counts batch norm differently.
    Raises: NasError if it is absent or cannot count the network.
    """
    # fvcore reports every operator it does not count (activations, sums) on this logger.
    logger = logging.getLogger("fvcore.nn.jit_analysis")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            from fvcore.nn import FlopCountAnalysis

            network = build(arch, seed=0).eval()
            analysis = FlopCountAnalysis(network, example_images(arch, "cpu"))
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            found = analysis.by_operator()
    except (ImportError, AttributeError, TypeError, RuntimeError) as error:
        raise NasError(
            f"fvcore cannot count this network: {one_line(error)}; "
            "the figures without --verify do not need it"
        ) from error
    finally:
        logger.setLevel(level)
    return {str(name): int(count) for name, count in found.most_common()}


def count_params(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(tensor.numel() for tensor in network.parameters() if tensor.requires_grad)


def conv_activations(network: nn.Module) -> int:
    """Output elements of convolution modules for one image, for a network on the meta device."""
    outputs: list[int] = []

    def note(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(output.numel())

    hooks = [
        module.register_forward_hook(note)
        for module in network.modules()
        if isinstance(module, _ConvNd)
    ]
    try:
        with torch.no_grad():
            network(example_images(_spec_of(network), "meta"))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(outputs)


def state_bytes(network: nn.Module) -> int:
    """Bytes of the floating-point tensors of the state dict: weights and batch-norm statistics.

    Batch norm's counter of batches is a whole number that inference does not need.
    """
    return sum(
        tensor.numel() * tensor.element_size()
        for tensor in network.state_dict().values()
        if tensor.is_floating_point()
    )


def _spec_of(network: nn.Module) -> ArchSpec:
    spec = network.spec
    assert isinstance(spec, ArchSpec)
    return spec
