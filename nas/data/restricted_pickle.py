"""Reading the pickles that CIFAR is published as, without what makes pickles dangerous.

A pickle is a program: it may name any importable function and call it, so `pickle.load` of a file
from elsewhere runs whatever its author wanted. Here only four names exist: those by which a numpy
array is put together. Everything else that CIFAR's files hold (dict, list, str, bytes, int) needs
no name. Any other name ends the reading before anything was called.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from nas.errors import DataError


def read_plain_pickle(content: bytes, name: str) -> Any:
    """What a pickle of containers, text, numbers and numpy arrays holds.

    Bytes strings of Python 2 become text, as in torchvision.
    Raises: DataError if it asks for any other object (named), or is damaged.
    """
    try:
        return _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except _ForbiddenError as error:
        raise DataError(
            f"{name} is refused: its pickle asks for {error}, and CIFAR's files hold nothing but "
            "plain containers and numpy arrays; download it again from its publisher"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DataError(
            f"{name} is damaged ({type(error).__name__}); unpack the archive again"
        ) from None


class _ForbiddenError(Exception):
    """A name that no file of CIFAR's has a use for."""


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in the old protocols: `_codecs.encode(text, "latin1")`.

    A codec that the file chooses could be one that decompresses; so there is only this one.
    """
    if encoding != "latin1":
        raise _ForbiddenError(f"the codec {encoding!r}")
    return text.encode("latin1")


# The function that numpy names in the pickle of an array; where it lives has changed its name.
_RECONSTRUCT = np.empty(0, np.uint8).__reduce__()[0]
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1_bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _ForbiddenError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _ForbiddenError("an object outside the file")
