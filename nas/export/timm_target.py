"""`--to timm`: a model of timm's own classes, registered under a name."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from nas.export.description import normalisation
from nas.export.errors import ExportError
from nas.export.keymaps import family_of, to_timm
from nas.export.plain_network import headline
from nas.export.source_text import Group, laid_out, literal, mapping
from nas.export.subject import Subject
from nas.export.timm_efficientnet import TimmModel, timm_efficientnet
from nas.export.timm_resnet import timm_resnet
from nas.export.written import (
    MODEL,
    WEIGHTS,
    Written,
    load_written,
    write_source,
    write_tensors,
)

TOLERANCE = 1e-5

_FINE_STEM = '''\
class FineStem({name}):
    """timm's {name} halves the image in its stem; this network does not."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.conv_stem.stride = (1, 1)
        for info in self.feature_info:
            info["reduction"] //= 2
'''


def write_timm(subject: Subject, folder: Path) -> Written:
    """A file that registers the network with timm, and weights under timm's names.

    Raises: NasError, in one line, naming the part that timm cannot express.
    """
    try:
        importlib.import_module("timm")
    except ImportError:
        raise ExportError("--to timm needs timm; pip install 'compound-nas[train]'") from None
    arch = subject.spec
    model = timm_resnet(arch) if family_of(arch) == "resnet" else timm_efficientnet(arch)
    name = model_name(subject)
    write_source(folder, _source(subject, model, name))
    write_tensors(folder, to_timm(arch, subject.network.state_dict()), arch.norm.eps)
    files = {
        MODEL: f"importing it registers '{name}' with timm; load() for these weights",
        WEIGHTS: "the weights under timm's names",
    }
    return Written(files, load_written(folder), TOLERANCE, model.notes)


def model_name(subject: Subject) -> str:
    """The name in timm's registry; `nas_` keeps it apart from timm's own."""
    return "nas_" + re.sub(r"[^a-z0-9]+", "_", subject.name.lower())[:60].strip("_")


def _source(subject: Subject, model: TimmModel, name: str) -> str:
    parts = [_opening(subject, model, name)]
    if model.stages is not None:
        rows = [Group("[", [literal(text) for text in row], "]") for row in model.stages]
        parts[0] += (
            "\n" + "\n".join(laid_out(Group("ARCH_DEF = [", rows, "]"), explode=True)) + "\n"
        )
    if model.keeps_size:
        parts.append(_FINE_STEM.format(name=model.name))
    parts.append(_function(subject, model, name))
    return "\n\n".join(parts)


def _opening(subject: Subject, model: TimmModel, name: str) -> str:
    imports = [
        "from timm.models import build_model_with_cfg, generate_default_cfgs, register_model",
        *model.imports,
    ]
    lines = [
        f'"""{headline(subject.spec)}',
        "",
        "    import timm",
        "",
        "    import model  # this file: registers the name",
        "",
        f'    network = timm.create_model("{name}", pretrained=True)',
        "",
        "`pretrained` takes the weights beside this file; without it they are fresh.",
        '"""',
        "",
        "from functools import partial",
        "from pathlib import Path",
        "",
        *sorted(imports, key=lambda line: line.split()[1]),
        "from torch import nn",
        "",
        "default_cfgs = generate_default_cfgs(",
        "    {",
        f'        "{name}": {{',
        *(f'            "{key}": {value},' for key, value in _config(subject, model).items()),
        "        },",
        "    }",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _config(subject: Subject, model: TimmModel) -> dict[str, str]:
    """What timm knows of a model beside its layers, as source."""
    spec = subject.spec
    config = {
        "num_classes": str(spec.classes),
        "input_size": f"({spec.in_channels}, {spec.resolution}, {spec.resolution})",
        "interpolation": '"bilinear"',
        "first_conv": literal(model.first_conv),
        "classifier": literal(model.classifier),
        "file": 'str(Path(__file__).with_name("model.safetensors"))',
    }
    known = normalisation(subject)
    if known is not None:
        config["mean"] = literal(tuple(known["mean"]))
        config["std"] = literal(tuple(known["std"]))
    return config


def _function(subject: Subject, model: TimmModel, name: str) -> str:
    norm = subject.spec.norm
    norms = [f"eps={literal(norm.eps)}", f"momentum={literal(norm.momentum)}"]
    arguments: list[str | Group] = [
        "FineStem" if model.keeps_size else model.name,
        f'"{name}"',
        "pretrained",
    ]
    if model.stages is not None:
        maps = literal(tuple(range(_feature_maps(model.stages))))
        features = mapping("{", {"flatten_sequential": "True", "out_indices": maps})
        arguments.append(f"feature_cfg={features.flat()}")
    arguments.append("**{**settings, **kwargs}")
    signature = ["pretrained: bool = False", "**kwargs"]
    lines = [
        "@register_model",
        *laid_out(Group(f"def {name}(", signature, f") -> {model.name}:")),
        '    """The network; `kwargs` are those of its class and of timm.create_model."""',
        *laid_out(Group("norm_layer = partial(", ["nn.BatchNorm2d", *norms], ")"), 4),
        *laid_out(mapping("settings = {", model.settings), 4, explode=True),
        *laid_out(Group("return build_model_with_cfg(", arguments, ")"), 4),
        "",
        "",
        f"def load() -> {model.name}:",
        '    """The network with the weights beside this file, in evaluation mode."""',
        f"    return {name}(pretrained=True).eval()",
        "",
    ]
    return "\n".join(lines)


def _feature_maps(stages: list[list[str]]) -> int:
    """How many maps timm's `features_only` gives: the last one of each size."""
    strides = ["_s2_" in f"{stage[0]}_" for stage in stages]
    return sum([strides[0], *strides[1:], True])
