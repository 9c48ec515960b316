"""The blocks of a plain PyTorch network as source: one class for each kind that it uses."""

from __future__ import annotations

from nas.export.plain_layers import chooses_skip
from nas.export.plain_settings import RESNET, Plan, Settings
from nas.export.source_text import Group, laid_out, literal

_WORDS = {
    "MBConv": ("Expand", "depthwise", "project (Sandler et al., 1801.04381)"),
    "FusedMBConv": ("Expanding convolution", "project (Tan & Le, 2104.00298)"),
    "Separable": ("Depthwise", "pointwise (Howard et al., 1704.04861)"),
    "Conv": ("Convolution",),
    "Basic": ("Two convolutions and a skip (He et al., 1512.03385)",),
    "Bottleneck": ("1x1, spatial and 1x1 convolution and a skip (He et al., 1512.03385)",),
}


def blocks(plan: Plan) -> list[str]:
    """The source of every block class."""
    return [_block(plan, name, settings) for name, settings in plan.classes.items()]


def _block(plan: Plan, name: str, settings: Settings) -> str:
    drops = plan.spec.drop_path > 0
    arguments = ["self", "in_channels: int", "out_channels: int", "stride: int"]
    if drops:
        arguments.append("drop_path: float")
    arguments += settings.parameters
    body, chain = _LAYERS[name](plan, settings)
    skips, forward = _skip(plan, name, settings, chain, drops)
    words = list(_WORDS[name])
    if settings.every("se_ratio") - {"0"}:
        words.insert(1 if name in ("Conv", "Separable", "FusedMBConv") else 2, "squeeze-excite")
    lines = [
        f"class {name}(nn.Module):",
        f'    """{", ".join(words)}."""',
        "",
        *laid_out(Group("def __init__(", arguments, ") -> None:"), 4),
        "        super().__init__()",
        *body,
        *skips,
        "",
        "    def forward(self, features: Tensor) -> Tensor:",
        *forward,
    ]
    return "\n".join(lines) + "\n"


def _conv(where: str, indent: int, *items: str, activation: str = "nn.Identity") -> list[str]:
    arguments = list(items)
    if activation != "nn.Identity":
        arguments.append(f"activation={activation}")
    return laid_out(Group(f"{where} = ConvNorm(", arguments, ")"), indent)


def _mbconv(plan: Plan, settings: Settings) -> tuple[list[str], list[str]]:
    activation, kernel = settings.text("activation"), settings.text("kernel")
    lines, inside = _expansion(settings, ("1",), activation)
    chain = ["expand"] if inside == "expanded" else []
    lines += _conv(
        "self.depthwise",
        8,
        inside,
        inside,
        kernel,
        "stride",
        f"groups={inside}",
        activation=activation,
    )
    chain.append("depthwise")
    lines += _gate(plan, settings, inside, chain)
    lines += _conv("self.project", 8, inside, "out_channels", "1")
    return lines, [*chain, "project"]


def _fused_mbconv(plan: Plan, settings: Settings) -> tuple[list[str], list[str]]:
    activation, kernel = settings.text("activation"), settings.text("kernel")
    lines, inside = _expansion(settings, (kernel, "stride"), activation)
    chain = ["expand"]
    lines += _gate(plan, settings, inside, chain)
    lines += _conv("self.project", 8, inside, "out_channels", "1")
    return lines, [*chain, "project"]


def _separable(plan: Plan, settings: Settings) -> tuple[list[str], list[str]]:
    activation, kernel = settings.text("activation"), settings.text("kernel")
    lines = _conv(
        "self.depthwise",
        8,
        "in_channels",
        "in_channels",
        kernel,
        "stride",
        "groups=in_channels",
        activation=activation,
    )
    chain = ["depthwise"]
    lines += _gate(plan, settings, "in_channels", chain)
    lines += _conv("self.pointwise", 8, "in_channels", "out_channels", "1", activation=activation)
    return lines, [*chain, "pointwise"]


def _plain_conv(plan: Plan, settings: Settings) -> tuple[list[str], list[str]]:
    lines = _conv(
        "self.conv",
        8,
        "in_channels",
        "out_channels",
        settings.text("kernel"),
        "stride",
        activation=settings.text("activation"),
    )
    chain = ["conv"]
    lines += _gate(plan, settings, "out_channels", chain)
    return lines, chain


def _basic(plan: Plan, settings: Settings) -> tuple[list[str], list[str]]:
    activation, kernel = settings.text("activation"), settings.text("kernel")
    inner = settings.text("inner")
    lines = _conv("self.first", 8, "in_channels", inner, kernel, "stride", activation=activation)
    lines += _conv("self.second", 8, inner, "out_channels", kernel)
    return lines, ["first", "second"]


def _bottleneck(plan: Plan, settings: Settings) -> tuple[list[str], list[str]]:
    activation, kernel = settings.text("activation"), settings.text("kernel")
    inner, groups = settings.text("inner"), settings.text("groups")
    lines = _conv("self.reduce", 8, "in_channels", inner, "1", activation=activation)
    grouped = [] if groups == "1" else [f"groups={groups}"]
    lines += _conv(
        "self.spatial", 8, inner, inner, kernel, "stride", *grouped, activation=activation
    )
    lines += _conv("self.restore", 8, inner, "out_channels", "1")
    return lines, ["reduce", "spatial", "restore"]


_LAYERS = {
    "MBConv": _mbconv,
    "FusedMBConv": _fused_mbconv,
    "Separable": _separable,
    "Conv": _plain_conv,
    "Basic": _basic,
    "Bottleneck": _bottleneck,
}


def _expansion(
    settings: Settings, shape: tuple[str, ...], activation: str
) -> tuple[list[str], str]:
    """The expanding convolution, and the name of the width inside."""
    ratios, ratio = settings.every("expand_ratio"), settings.text("expand_ratio")
    if ratios == {"1"}:
        return [], "in_channels"
    width = f"expanded = round_channels(in_channels * {ratio})"
    items = ("in_channels", "expanded", *shape)
    if "1" not in ratios:
        return [f"        {width}", *_conv("self.expand", 8, *items, activation=activation)], (
            "expanded"
        )
    lines = [
        "        expanded = in_channels",
        "        self.expand: nn.Module = nn.Identity()",
        f"        if {ratio} != 1:",
        f"            {width}",
        *_conv("self.expand", 12, *items, activation=activation),
    ]
    return lines, "expanded"


def _gate(plan: Plan, settings: Settings, inside: str, chain: list[str]) -> list[str]:
    """The squeeze-excite where there is one; `chain` is told."""
    ratios, ratio = settings.every("se_ratio"), settings.text("se_ratio")
    if ratios == {"0"}:
        return []
    chain.append("se")
    of_expanded = settings.text("se_of_expanded")
    base = {"True": inside, "False": "in_channels"}.get(of_expanded, "squeezed")
    divisor = settings.text("se_divisor")
    rounded = f"round_channels({base} * {ratio}, {divisor})"
    # Without a divisor the width is cut, not rounded, as in the reference EfficientNet.
    cut = f"max(1, int({base} * {ratio}))"
    items = [inside, "squeezed"]
    items += [settings.text("se_activation")] if plan.se_activation is None else []
    items += [settings.text("se_gate")] if plan.se_gate is None else []
    always = "0" not in ratios
    indent = 8 if always else 12
    margin = " " * indent
    lines = []
    if base == "squeezed":
        lines.append(f"{margin}squeezed = {inside} if se_of_expanded else in_channels")
    if divisor == "1":
        lines += [f"{margin}squeezed = {cut}"]
    elif "1" not in settings.every("se_divisor"):
        lines.append(f"{margin}squeezed = {rounded}")
    else:
        lines += [
            f"{margin}if {divisor} == 1:",
            f"{margin}    squeezed = {cut}",
            f"{margin}else:",
            f"{margin}    squeezed = {rounded}",
        ]
    lines += laid_out(Group("self.se = SqueezeExcite(", items, ")"), indent)
    if always:
        return lines
    return ["        self.se: nn.Module = nn.Identity()", f"        if {ratio} > 0:", *lines]


def _skip(
    plan: Plan, name: str, settings: Settings, chain: list[str], drops: bool
) -> tuple[list[str], list[str]]:
    """What the end of `__init__` says of the skip, and the body of `forward`."""
    branch = "features"
    for layer in chain:
        branch = f"self.{layer}({branch})"
    kept = "self.drop_path(branch)" if drops else "branch"
    lines = ["        self.drop_path = StochasticDepth(drop_path)"] if drops else []
    if name in RESNET:
        return _resnet_skip(settings, branch, kept, lines)
    if chooses_skip(plan, name):
        call = Group(
            "self.skip = skip_connection(",
            ["in_channels", "out_channels", "stride", settings.text("skip")],
            ")",
        )
        return [*laid_out(call, 8), *lines], [
            f"        branch = {branch}",
            "        if self.skip is None:",
            "            return branch",
            f"        return self.skip(features) + {kept}",
        ]
    if settings.every("skip") == {literal("none")}:
        return [], [f"        return {branch}"]
    return ["        self.has_skip = stride == 1 and in_channels == out_channels", *lines], [
        f"        branch = {branch}",
        f"        return features + {kept} if self.has_skip else branch",
    ]


def _resnet_skip(
    settings: Settings, branch: str, kept: str, drops: list[str]
) -> tuple[list[str], list[str]]:
    activation = [f"        self.activation = {settings.text('activation')}(inplace=True)"]
    skips, skip = settings.every("skip"), settings.text("skip")
    if skips == {literal("none")}:
        return activation, [f"        return self.activation({branch})"]
    lines = ["        self.projection: nn.Module = nn.Identity()"]
    condition = "stride != 1 or in_channels != out_channels"
    if len(skips) > 1:
        lines.append(f'        self.has_skip = {skip} == "identity"')
        condition = f"self.has_skip and ({condition})"
    lines += [
        f"        if {condition}:",
        *_conv("self.projection", 12, "in_channels", "out_channels", "1", "stride"),
        *drops,
        *activation,
    ]
    added = f"self.activation(self.projection(features) + {kept})"
    forward = [f"        branch = {branch}"]
    if len(skips) > 1:
        forward += ["        if not self.has_skip:", "            return self.activation(branch)"]
    return lines, [*forward, f"        return {added}"]
