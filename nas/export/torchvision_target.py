"""`--to torchvision`: a network of torchvision's own classes."""

from __future__ import annotations

import importlib
from pathlib import Path

from nas.export.errors import ExportError
from nas.export.keymaps import to_torchvision
from nas.export.plain_network import headline
from nas.export.source_text import Group, laid_out, literal
from nas.export.subject import Subject
from nas.export.torchvision_families import TorchvisionModel, torchvision_model
from nas.export.written import (
    MODEL,
    WEIGHTS,
    Written,
    load_written,
    write_source,
    write_tensors,
)
from nas.spec import ArchSpec

TOLERANCE = 1e-5

_WITHOUT_GATE = """\
# torchvision puts squeeze-excite into every MBConv; these stages have none.
without_gate = partial(MBConv, se_layer=nn.Identity)
"""


def write_torchvision(subject: Subject, folder: Path) -> Written:
    """A file that builds the network from torchvision's class, and weights under its names.

    Raises: NasError, in one line, naming the part that torchvision cannot express.
    """
    try:
        importlib.import_module("torchvision")
    except ImportError:
        raise ExportError(
            "--to torchvision needs torchvision; pip install 'compound-nas[train]'"
        ) from None
    arch = subject.spec
    model = torchvision_model(arch)
    write_source(folder, _source(arch, model))
    state = to_torchvision(arch, subject.network.state_dict())
    write_tensors(folder, state, arch.norm.eps)
    files = {
        MODEL: f"torchvision's {model.name} with its settings; load() for these weights",
        WEIGHTS: "the weights under torchvision's names",
    }
    return Written(files, load_written(folder), TOLERANCE, model.notes)


def _source(arch: ArchSpec, model: TorchvisionModel) -> str:
    lines = [
        f'"""{headline(arch)}',
        "",
        "    from model import load",
        "",
        "    network = load()  # the weights beside this file, evaluation mode",
        "",
        "It needs torchvision, and safetensors to read the weights.",
        '"""',
        "",
        "from functools import partial",
        "from pathlib import Path",
        "",
        "from torch import nn",
        *model.imports,
        "",
        f"CLASSES = {arch.classes}",
        'WEIGHTS = Path(__file__).with_name("model.safetensors")',
    ]
    if model.without_gate:
        lines += ["", *_WITHOUT_GATE.splitlines()]
    if model.rows:
        lines += ["", "SETTING = [", f"    # {model.columns}"]
        for row in model.rows:
            lines += laid_out(row, 4, ",")
        lines.append("]")
    norm = arch.norm
    lines += [
        "",
        "",
        f"def build() -> {model.name}:",
        '    """The network with fresh weights, to train."""',
        *laid_out(
            Group(
                "norm_layer = partial(",
                [
                    "nn.BatchNorm2d",
                    f"eps={literal(norm.eps)}",
                    f"momentum={literal(norm.momentum)}",
                ],
                ")",
            ),
            4,
        ),
    ]
    if model.keeps_size:
        lines += [
            *laid_out(Group(f"network = {model.name}(", model.arguments, ")"), 4),
            "    # torchvision halves the image in the stem; this network does not.",
            "    network.features[0][0].stride = (1, 1)",
            "    return network",
        ]
    else:
        lines += laid_out(Group(f"return {model.name}(", model.arguments, ")"), 4)
    lines += [
        "",
        "",
        f"def load(weights: str | Path = WEIGHTS) -> {model.name}:",
        '    """The network with the weights of a safetensors file, in evaluation mode."""',
        "    from safetensors.torch import load_file",
        "",
        "    network = build()",
        "    network.load_state_dict(load_file(weights))",
        "    return network.eval()",
        "",
    ]
    return "\n".join(lines)
