"""The head of a safetensors file, read and refused by name before any tensor is.

The format (huggingface/safetensors, README "Format"): eight bytes with the length of a JSON object,
little-endian; the object, tensor name -> dtype, shape and place, with `__metadata__` of text to
text; then the tensors. Nothing of it can run code, which is why weights are kept in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import TrainingError

NORM_EPS = "batch_norm_eps"
"""Key of the metadata under which `nas export` keeps batch norm's eps in other libraries' files."""

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".tar")
_MAGIC = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# The library's own limit.
_LONGEST_HEADER_BYTES = 100_000_000
_LENGTH_BYTES = 8


class WeightsError(TrainingError):
    """A weight file that is missing, foreign, damaged, newer or of another network."""


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of itself: its metadata, and each tensor's shape."""

    metadata: dict[str, str]
    shapes: dict[str, tuple[int, ...]]


def read_header(path: Path) -> Header:
    """Read and check the head of a file.

    Raises: WeightsError, in one line, if the file cannot be read, is a pickle, is something else
    than safetensors, or ends before its last tensor.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            first = stream.read(_LENGTH_BYTES)
            if path.suffix.lower() in PICKLES or first.startswith(_MAGIC):
                raise WeightsError(pickle_refusal(path))
            length = int.from_bytes(first, "little")
            if size < _LENGTH_BYTES or length > _LONGEST_HEADER_BYTES:
                raise WeightsError(_foreign(path))
            text = stream.read(length)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WeightsError(f"cannot read weights from {path}: {reason}") from None
    # Of any other file, the first eight bytes make a length that leads nowhere.
    if not text.startswith(b"{"):
        raise WeightsError(_foreign(path))
    if len(text) < length:
        raise WeightsError(_truncated(path, size, _LENGTH_BYTES + length, "at least "))
    try:
        content: dict[str, Any] = json.loads(text)
        metadata = dict(content.pop("__metadata__", {}))
        shapes = {name: tuple(entry["shape"]) for name, entry in content.items()}
        end = max((int(entry["data_offsets"][1]) for entry in content.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise WeightsError(_foreign(path)) from None
    expected = _LENGTH_BYTES + length + end
    if size < expected:
        raise WeightsError(_truncated(path, size, expected))
    return Header(metadata, shapes)


def pickle_refusal(path: Path) -> str:
    """Why a pickle is not loaded, and how its owner makes safetensors of it."""
    return (
        f"weights must be safetensors: {path} is a PyTorch pickle, which can run code when it is "
        "loaded; where you trust it, convert it yourself with "
        "`safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'FILE.safetensors')`"
    )


def in_one_order(content: bytes) -> bytes:
    """The same safetensors file with its head in one order, so that equal content is equal bytes.

    The library writes metadata in an order that changes from call to call.
    """
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + length
    head = json.loads(content[_LENGTH_BYTES:start])
    text = json.dumps(head, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    # Tensors begin at a multiple of eight bytes; the library pads with spaces too.
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + content[start:]


def _foreign(path: Path) -> str:
    return (
        f"weights must be safetensors: {path} is not a safetensors file; give the "
        "weights.safetensors that `nas train` writes"
    )


def _truncated(path: Path, size: int, expected: int, at_least: str = "") -> str:
    return (
        f"{path} is cut short: it has {size:,} of {at_least}{expected:,} bytes; copy or train it "
        "again"
    )
