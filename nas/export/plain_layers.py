"""The small layers of a plain PyTorch network as source; only those that it uses."""

from __future__ import annotations

from nas.export.plain_settings import Plan
from nas.export.source_text import Group, laid_out, literal

ROUND_CHANNELS = '''\
def round_channels(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never losing more than 10 %."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
'''

CONV_NORM = '''\
class ConvNorm(nn.Module):
    """Convolution without bias, batch norm, activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] = nn.Identity,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(out_channels, eps={eps}, momentum={momentum})
        self.activation = activation(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(features)))
'''

STOCHASTIC_DEPTH = '''\
class StochasticDepth(nn.Module):
    """Drops the branch of whole samples in training, and scales the others up."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return branch
        survival = 1.0 - self.probability
        shape = (branch.shape[0], 1, 1, 1)
        return branch * branch.new_empty(shape).bernoulli_(survival).div_(survival)
'''

POOLED_SKIP = '''\
class PooledSkip(nn.Module):
    """Averages over `stride` pixels a side and appends `added` channels of zeros."""

    def __init__(self, stride: int, added: int) -> None:
        super().__init__()
        self.stride, self.added = stride, added

    def forward(self, features: Tensor) -> Tensor:
        if self.stride > 1:
            # What lies beyond the edge is left out of the mean, not taken as zero.
            features = functional.avg_pool2d(
                features, self.stride, ceil_mode=True, count_include_pad=False
            )
        return functional.pad(features, (0, 0, 0, 0, 0, self.added))


def skip_connection(
    in_channels: int, out_channels: int, stride: int, kind: str
) -> nn.Module | None:
    """What a block adds to its output: its input, its pooled input, or nothing."""
    if kind == "none":
        return None
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if kind == "pool" and out_channels >= in_channels:
        return PooledSkip(stride, out_channels - in_channels)
    return None
'''

SKIP_CONNECTION = '''\
def skip_connection(
    in_channels: int, out_channels: int, stride: int, kind: str
) -> nn.Module | None:
    """What a block adds to its output: its input where shapes allow it, or nothing."""
    if kind == "identity" and stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return None
'''


def layers(plan: Plan) -> list[str]:
    """The layers' source, one text for each class or function, in the order of their use."""
    norm = plan.spec.norm
    texts = []
    if needs_rounding(plan):
        texts.append(ROUND_CHANNELS)
    texts.append(CONV_NORM.format(eps=literal(norm.eps), momentum=literal(norm.momentum)))
    if plan.se_gate != "":
        texts.append(_squeeze_excite(plan))
    if plan.spec.drop_path > 0:
        texts.append(STOCHASTIC_DEPTH)
    if plan.any("skip", literal("pool")):
        texts.append(POOLED_SKIP)
    elif any(chooses_skip(plan, name) for name in plan.classes):
        texts.append(SKIP_CONNECTION)
    return texts


def needs_rounding(plan: Plan) -> bool:
    """Whether a width inside a block follows from rounding."""
    expands = any(each.every("expand_ratio") - {"1"} for each in plan.classes.values())
    rounds = any(each.every("se_divisor") - {"1"} for each in plan.classes.values())
    return expands or rounds


def chooses_skip(plan: Plan, name: str) -> bool:
    """Whether blocks of a class do not all have the same kind of skip, or pool it."""
    skips = plan.classes[name].every("skip")
    return name not in ("Basic", "Bottleneck") and (len(skips) > 1 or literal("pool") in skips)


def _squeeze_excite(plan: Plan) -> str:
    arguments = ["self", "channels: int", "squeezed: int"]
    if plan.se_activation is None:
        arguments.append("activation: type[nn.Module]")
    if plan.se_gate is None:
        arguments.append("gate: type[nn.Module]")
    signature = laid_out(Group("def __init__(", arguments, ") -> None:"), 4)
    lines = [
        "class SqueezeExcite(nn.Module):",
        '    """Scales each channel by a gate computed from all pooled channels."""',
        "",
        *signature,
        "        super().__init__()",
        "        self.reduce = nn.Conv2d(channels, squeezed, 1)",
        f"        self.activation = {plan.se_activation or 'activation'}(inplace=True)",
        "        self.expand = nn.Conv2d(squeezed, channels, 1)",
        f"        self.gate = {plan.se_gate or 'gate'}()",
        "",
        "    def forward(self, features: Tensor) -> Tensor:",
        "        pooled = features.mean((2, 3), keepdim=True)",
        "        gate = self.gate(self.expand(self.activation(self.reduce(pooled))))",
        "        return features * gate",
    ]
    return "\n".join(lines) + "\n"
