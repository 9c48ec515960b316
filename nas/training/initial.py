"""Weights to start from: a file of ours, or one under torchvision's or timm's names.

The other libraries' files hold tensors only. Their network is the one that the user names, and
batch norm's eps, which no state dict holds, follows from the library, unless the file's metadata
tell it (`nas export` writes it there).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from nas.errors import NasError
from nas.export.keymaps import (
    Library,
    family_of,
    from_timm,
    from_torchvision,
    key_map,
)
from nas.layout import difference
from nas.spec import ArchSpec
from nas.training.weight_header import NORM_EPS, Header, WeightsError, read_header
from nas.training.weights import check_fit, file_digest, load_tensors, load_weights

_READERS = {"torchvision": from_torchvision, "timm": from_timm}
# torchvision builds these with norm_layer=partial(nn.BatchNorm2d, eps=0.001); timm only its tf_
# models, which a file does not tell.
_EPS_FROM_TENSORFLOW = 1e-3
_EPS = 1e-5
_LAST_OF_B4 = 448
"""Channels of EfficientNet-B4's last stage: from B5 on torchvision keeps TensorFlow's eps."""


@dataclass(frozen=True)
class InitialWeights:
    """What a training starts from.

    spec: the network of the tensors, with as many classes as they have. classes: names of the
    outputs; empty where the file has none. source: where they are from, in a few words. digest:
    of the file, 16 hexadecimal digits.
    """

    spec: ArchSpec
    state: dict[str, Tensor]
    classes: tuple[str, ...]
    source: str
    digest: str


def read_initial(
    path: Path, arch: ArchSpec | None, *, norm_eps: float | None = None
) -> InitialWeights:
    """Read weights to start from; `arch` is the network to train, None for the file's own.

    norm_eps: batch norm's eps that a library's weights were trained with, where its usual one is
    not right (timm's tf_ models: 0.001).
    Raises: WeightsError, in one line, if the file is no safetensors file or of another network.
    """
    header = read_header(path)
    digest = file_digest(path)
    if "spec" in header.metadata:
        weights = load_weights(path)
        if arch is not None:
            _refuse_another_network(path, weights.spec, arch)
        source = f"{path.name} of nas train"
        return InitialWeights(weights.spec, weights.state, weights.classes, source, digest)
    if arch is None:
        raise WeightsError(
            f"{path} holds no network spec; name the network that it belongs to: "
            f"`nas train ARCH --from {path.name}`"
        )
    library = _library_of(path, arch, header.shapes)
    names = key_map(arch, library)
    classes = header.shapes[names["head.classifier.weight"]][0]
    eps = norm_eps or _recorded_eps(path, header) or usual_eps(arch, library)
    norm = dataclasses.replace(arch.norm, eps=eps)
    spec = dataclasses.replace(arch, classes=classes, norm=norm)
    state = _READERS[library](spec, load_tensors(path))
    check_fit(path, spec, {**_counters(spec), **{k: tuple(t.shape) for k, t in state.items()}})
    source = f"{path.name} under {library}'s names, batch norm eps {eps:g}"
    return InitialWeights(spec, state, (), source, digest)


def same_body(first: ArchSpec, second: ArchSpec) -> bool:
    """Whether two networks have the same tensors but for the classifier."""
    return _body(first) == _body(second)


def _body(arch: ArchSpec) -> ArchSpec:
    """The network without what may differ when its weights move: classes, size, regularisation."""
    return dataclasses.replace(
        arch,
        classes=1,
        resolution=224,
        drop_path=0.0,
        head=dataclasses.replace(arch.head, dropout=0.0),
        name="",
    )


def _refuse_another_network(path: Path, theirs: ArchSpec, arch: ArchSpec) -> None:
    norm = dataclasses.replace(arch, norm=theirs.norm)
    if same_body(theirs, norm):
        return
    found = difference(_body(theirs), _body(norm))
    parts = [*found.network, *found.rows, *found.only_first, *found.only_second]
    raise WeightsError(
        f"{path} holds weights of another network ({theirs.name or theirs.digest()}) than "
        f"{arch.name or arch.digest()}: they differ in {', '.join(parts)}; leave ARCH out to train "
        "the file's own"
    )


def _library_of(path: Path, arch: ArchSpec, shapes: dict[str, tuple[int, ...]]) -> Library:
    """Whose names the tensors of a file have."""
    reasons = []
    libraries: tuple[Library, ...] = ("torchvision", "timm")
    for library in libraries:
        try:
            names = set(key_map(arch, library).values())
        except NasError as error:
            reasons.append(str(error))
            continue
        missing = names.difference(shapes)
        # The counter of batches is absent in files from before torch 0.4.1.
        if set(shapes) <= names and all(name.endswith("num_batches_tracked") for name in missing):
            return library
    hint = f" ({reasons[0]})" if len(reasons) == len(libraries) else ""
    first = next(iter(shapes), "no tensor at all")
    raise WeightsError(
        f"the tensors of {path} ('{first}', ...) are not {arch.name or arch.digest()}'s under "
        f"torchvision's or timm's names{hint}; name the network that they belong to"
    )


def _recorded_eps(path: Path, header: Header) -> float | None:
    """Batch norm's eps where the file tells it, as those of `nas export` do."""
    text = header.metadata.get(NORM_EPS)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise WeightsError(f"{path} gives '{text}' as batch norm's eps; see --norm-eps") from None


def usual_eps(arch: ArchSpec, library: Library) -> float:
    """Batch norm's eps of a library's network.

    Source: torchvision/models/efficientnet.py and mobilenetv3.py; timm's layer defaults.
    """
    family = family_of(arch)
    if library == "timm":
        return _EPS
    if family == "mobilenet-v3":
        return _EPS_FROM_TENSORFLOW
    wide = family == "efficientnet" and arch.stages[-1].channels > _LAST_OF_B4
    return _EPS_FROM_TENSORFLOW if wide else _EPS


def _counters(spec: ArchSpec) -> dict[str, tuple[int, ...]]:
    """Batch norm's counters of batches, which old files lack and training does not need."""
    from nas.model import build

    state = build(spec, device="meta").state_dict()
    return {name: () for name in state if name.endswith("num_batches_tracked")}
