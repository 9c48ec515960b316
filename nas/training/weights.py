"""Weight files: a network's tensors with its spec, its class names and where they come from.

One safetensors file is enough to predict with: the spec builds the network, the class names read
its output, and the metadata say at which resolution it was trained and what accuracy was measured
on which images. All metadata are text; everything but names is JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas import __version__
from nas.errors import NasError
from nas.files import write_bytes_atomic
from nas.model import Network, build
from nas.spec import ArchSpec
from nas.training.weight_header import Header, WeightsError, in_one_order, read_header

__all__ = [
    "WEIGHTS_SCHEMA",
    "Weights",
    "WeightsError",
    "check_fit",
    "file_digest",
    "load_tensors",
    "load_weights",
    "read_weights_header",
    "save_weights",
]

WEIGHTS_SCHEMA = 1
"""Version of the metadata. A reader refuses a newer one instead of guessing."""

_FORMAT = "compound-nas"
_OURS = ("format", "schema", "spec", "classes", "version")


@dataclass(frozen=True)
class Weights:
    """A loaded weight file.

    state: tensor name -> tensor on the CPU. classes: the name of each output, in order.
    extra: the other metadata as text (`record` reads one that is JSON).
    """

    spec: ArchSpec
    state: dict[str, Tensor]
    classes: tuple[str, ...]
    extra: dict[str, str]

    def network(self, device: str | None = None) -> Network:
        """The network with these weights, in evaluation mode."""
        network = build(self.spec)
        network.load_state_dict(self.state)
        return network.eval() if device is None else network.to(device).eval()

    def record(self, name: str) -> Any:
        """A metadata value that was saved as JSON; None where it is absent or no JSON."""
        try:
            return json.loads(self.extra[name])
        except (KeyError, ValueError):
            return None


def save_weights(
    path: Path,
    network: Network,
    classes: Sequence[str],
    *,
    extra: Mapping[str, str] | None = None,
) -> None:
    """Write a network's tensors, spec and class names to `path`; equal content is equal bytes.

    Raises: WeightsError if there are not as many classes as outputs, WriteError if the file cannot
    be written.
    """
    from safetensors.torch import save

    if len(classes) != network.spec.classes:
        raise WeightsError(
            f"{len(classes)} class names for a network of {network.spec.classes} outputs; "
            "they must be as many"
        )
    metadata = {
        **(extra or {}),
        "format": _FORMAT,
        "schema": str(WEIGHTS_SCHEMA),
        "spec": json.dumps(network.spec.to_dict()),
        "classes": json.dumps(list(classes), ensure_ascii=False),
        "version": __version__,
    }
    # Channels-last tensors are stored in the usual order, so that any reader takes them.
    state = {
        name: tensor.detach().to("cpu").contiguous(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }
    write_bytes_atomic(path, in_one_order(save(state, metadata=metadata)))


def read_weights_header(path: Path) -> tuple[ArchSpec, tuple[str, ...], Header]:
    """The spec, class names and head of a weight file of ours, without its tensors.

    Raises: WeightsError, in one line, if it is not one.
    """
    header = read_header(path)
    if "spec" not in header.metadata:
        raise WeightsError(
            f"{path} holds no network spec, so it was not written by `nas train`; weights of "
            "torchvision or timm can start a training: `nas train ARCH --from FILE`"
        )
    try:
        schema = int(header.metadata.get("schema", "1"))
    except ValueError:
        raise WeightsError(f"{path}: schema is no number; its metadata are damaged") from None
    if schema > WEIGHTS_SCHEMA:
        raise WeightsError(
            f"{path} has schema {schema}, newer than the {WEIGHTS_SCHEMA} that this version "
            "reads; upgrade compound-nas"
        )
    try:
        spec = ArchSpec.from_json(header.metadata["spec"])
        classes = tuple(str(name) for name in json.loads(header.metadata["classes"]))
    except (NasError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{path}: its metadata are damaged ({error})") from None
    if len(classes) != spec.classes:
        raise WeightsError(
            f"{path}: {len(classes)} class names for a network of {spec.classes} outputs; its "
            "metadata are damaged"
        )
    return spec, classes, header


def load_weights(path: Path) -> Weights:
    """Read a weight file of ours.

    Raises: WeightsError, in one line, if it is no safetensors file, is cut short, has no spec in
    it, is newer than this version, or holds tensors that do not fit its spec.
    """
    spec, classes, header = read_weights_header(path)
    check_fit(path, spec, header.shapes)
    extra = {name: text for name, text in header.metadata.items() if name not in _OURS}
    return Weights(spec, load_tensors(path), classes, extra)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file. Raises: WeightsError if the library refuses it."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        # Read whole, not mapped: a file that is replaced meanwhile must not change the tensors.
        return load(path.read_bytes())
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read weights from {path}: {error}") from None


def check_fit(path: Path, spec: ArchSpec, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Compare a file's tensors with a network's, by name and shape.

    Raises: WeightsError naming the first that is missing, too many or of another shape.
    """
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in build(spec, device="meta").state_dict().items()
    }
    name = spec.name or spec.digest()
    for tensor, shape in expected.items():
        if tensor not in shapes:
            raise WeightsError(f"{path} lacks the tensor '{tensor}' of its network {name}")
        if shapes[tensor] != shape:
            raise WeightsError(
                f"{path}: tensor '{tensor}' has shape {list(shapes[tensor])}; its network {name} "
                f"needs {list(shape)}"
            )
    unknown = [tensor for tensor in shapes if tensor not in expected]
    if unknown:
        raise WeightsError(
            f"{path} has the tensor '{unknown[0]}', which its network {name} does not "
            f"({len(unknown)} such tensors)"
        )


def file_digest(path: Path) -> str:
    """Sixteen hexadecimal digits of a file's SHA-256. Raises: WeightsError if unreadable."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WeightsError(f"cannot read weights from {path}: {reason}") from None
