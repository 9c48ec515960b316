"""A whole network as plain PyTorch: one file that needs torch alone, written for this network."""

from __future__ import annotations

import re
import textwrap

from nas import __version__
from nas.cost import network_cost
from nas.export.plain_blocks import blocks
from nas.export.plain_layers import layers
from nas.export.plain_settings import ACTIVATIONS, Plan, plan
from nas.export.source_text import WIDTH, Group, laid_out, literal
from nas.spec import ArchSpec
from nas.units import format_count

_INITIALISE = '''\
def initialise(network: nn.Module) -> None:
    """The reference EfficientNet's initialisation, in place; for training from scratch."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.weight[0, 0].numel() * module.out_channels // module.groups
            nn.init.normal_(module.weight, 0.0, (2.0 / fan_out) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            bound = module.out_features**-0.5
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)


def build(classes: int = CLASSES) -> Network:
    """The network with fresh weights, to train; `classes` may be another number."""
    network = Network(classes)
    initialise(network)
    return network


def load(weights: str | Path = WEIGHTS) -> Network:
    """The network with the weights of a safetensors file, in evaluation mode."""
    from safetensors.torch import load_file

    network = Network()
    network.load_state_dict(load_file(weights))
    return network.eval()
'''


def plain_source(spec: ArchSpec) -> str:
    """The text of `model.py`. Raises: ExportError naming a block kind that is a plug-in's."""
    planned = plan(spec)
    parts = [
        _opening(planned),
        *layers(planned),
        *blocks(planned),
        _table(planned),
        _head(spec),
        _network(planned),
        _INITIALISE,
    ]
    return "\n\n".join(parts)


def headline(spec: ArchSpec) -> str:
    """What a network is, for the first line of a file."""
    cost = network_cost(spec)
    # A name is anybody's text, and this one stands in source code.
    name = re.sub(r"[^\w .:+-]", "_", spec.name)[:40] or f"Network {spec.digest()}"
    return (
        f"{name}: {format_count(cost.params)} parameters, {format_count(cost.flops)} "
        f"multiply-adds at {spec.resolution} px."
    )


def _opening(planned: Plan) -> str:
    spec = planned.spec
    shape = f"(N, {spec.in_channels}, {spec.resolution}, {spec.resolution})"
    needs_functional = planned.any("skip", literal("pool"))
    lines = [
        f'"""{headline(spec)}',
        "",
        "    from model import load",
        "",
        "    network = load()          # the weights beside this file, evaluation mode",
        f"    logits = network(images)  # float {shape}, to (N, {spec.classes})",
        "",
        "It needs torch, and safetensors to read the weights. config.json says how images are",
        "normalised and what the classes are called.",
        f"Written by compound-nas {__version__} for network {spec.digest()}.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from pathlib import Path",
        "",
        "from torch import Tensor, nn",
        *(["from torch.nn import functional"] if needs_functional else []),
        "",
        f"CLASSES = {spec.classes}",
        *([f"DROP_PATH = {literal(spec.drop_path)}"] if spec.drop_path > 0 else []),
        'WEIGHTS = Path(__file__).with_name("model.safetensors")',
    ]
    return "\n".join(lines) + "\n"


def _table(planned: Plan) -> str:
    """The stages, a row each."""
    told = {name: settings.varying for name, settings in planned.classes.items()}
    columns = "block, channels, layers, stride"
    notes = []
    if len(set(told.values())) == 1:
        columns = ", ".join((columns, *next(iter(told.values()))))
    else:
        columns += ", and what the block's class asks for besides:"
        notes = [f"{name}: {', '.join(names)}" for name, names in told.items() if names]
    wrapped = [line for note in (columns, *notes) for line in textwrap.wrap(note, WIDTH - 6)]
    lines = ["STAGES = (", *(f"    # {line}" for line in wrapped)]
    for stage, (name, entries) in zip(planned.spec.stages, planned.rows, strict=True):
        numbers = (str(stage.channels), str(stage.layers), str(stage.stride))
        lines += laid_out(Group("(", [name, *numbers, *entries.values()], ")"), 4, ",")
    return "\n".join([*lines, ")"]) + "\n"


def _head(spec: ArchSpec) -> str:
    head, width = spec.head, spec.stages[-1].channels
    activation = ACTIVATIONS[head.activation or spec.activation]
    words, lines, features, result = [], [], "features", "pooled"
    if head.channels is not None:
        conv = [str(width), str(head.channels), "1", f"activation={activation}"]
        lines += laid_out(Group("self.conv = ConvNorm(", conv, ")"), 8)
        words.append("convolution")
        features, width = "self.conv(features)", head.channels
    words.append("pooling")
    if head.hidden is not None:
        hidden = [f"nn.Linear({width}, {head.hidden})", f"{activation}(inplace=True)"]
        lines += laid_out(Group("self.hidden = nn.Sequential(", hidden, ")"), 8)
        words.append("hidden layer")
        result, width = f"self.hidden({result})", head.hidden
    if head.dropout > 0:
        lines.append(f"        self.dropout = nn.Dropout({literal(head.dropout)})")
        words.append("dropout")
        result = f"self.dropout({result})"
    lines.append(f"        self.classifier = nn.Linear({width}, classes)")
    title = ", ".join([*words, "classifier"])
    return "\n".join(
        [
            "class Head(nn.Module):",
            f'    """{title[0].upper()}{title[1:]}."""',
            "",
            "    def __init__(self, classes: int) -> None:",
            "        super().__init__()",
            *lines,
            "",
            "    def forward(self, features: Tensor) -> Tensor:",
            f"        pooled = {features}.mean((2, 3))",
            f"        return self.classifier({result})",
            "",
        ]
    )


def _network(planned: Plan) -> str:
    spec = planned.spec
    stem = [str(spec.in_channels), str(spec.stem.channels), str(spec.stem.kernel)]
    if spec.stem.stride != 1:
        stem.append(f"stride={spec.stem.stride}")
    activation = ACTIVATIONS[spec.stem.activation or spec.activation]
    if activation != "nn.Identity":
        stem.append(f"activation={activation}")
    drops = spec.drop_path > 0
    settled = ["*settings"] if any(entries for _, entries in planned.rows) else []
    columns = ", ".join(["block", "out_channels", "layers", "stride", *settled])
    call = ", ".join(
        ["channels", "out_channels", "step", *(["drop_path"] if drops else []), *settled]
    )
    pool = spec.stem.max_pool
    features = "self.stem_pool(self.stem(images))" if pool else "self.stem(images)"
    lines = [
        "class Network(nn.Module):",
        f'    """Images (N, {spec.in_channels}, H, W) to logits (N, classes)."""',
        "",
        "    def __init__(self, classes: int = CLASSES) -> None:",
        "        super().__init__()",
        *laid_out(Group("self.stem = ConvNorm(", stem, ")"), 8),
        *(["        self.stem_pool = nn.MaxPool2d(3, stride=2, padding=1)"] if pool else []),
        "        self.stages = nn.Sequential()",
        f"        channels = {spec.stem.channels}",
        *(["        built, depth = 0, sum(row[2] for row in STAGES)"] if drops else []),
        f"        for {columns} in STAGES:",
        "            stage = nn.Sequential()",
        "            for layer in range(layers):",
        "                step = stride if layer == 0 else 1",
        *(["                drop_path = DROP_PATH * built / depth"] if drops else []),
        f"                stage.append(block({call}))",
        "                channels = out_channels",
        *(["                built += 1"] if drops else []),
        "            self.stages.append(stage)",
        "        self.head = Head(classes)",
        "",
        "    def forward(self, images: Tensor) -> Tensor:",
        f"        return self.head(self.stages({features}))",
        "",
    ]
    return "\n".join(lines)
