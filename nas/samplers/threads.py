"""One thread for small matrices."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


@cache
def _libraries() -> Any:
    # SciPy brings a BLAS of its own, which is found only once it is loaded.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """While it is entered, linear algebra uses one thread; afterwards as many as before.

    A suggestion is thousands of products of matrices with at most a few hundred rows. Handing each
    to several threads takes longer than computing it: on two cores, four times as long.
    """
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limited
