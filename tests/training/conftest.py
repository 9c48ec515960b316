"""Fixtures of trainings that take a second."""

from __future__ import annotations

import pytest
import torch
from learnable import coloured_squares, small_spec

from nas.data.pixels import Pixels
from nas.model import Network, build


@pytest.fixture(scope="session")
def squares() -> Pixels:
    return coloured_squares(96)


@pytest.fixture(scope="session")
def other_squares() -> Pixels:
    return coloured_squares(40, seed=1)


@pytest.fixture
def small_network() -> Network:
    return build(small_spec(), seed=0)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
