"""Contract tests for authors of plug-ins, for any test runner.

Each function returns quietly or raises an AssertionError that says what broke, and for which
parameters. torch is imported when a check needs it, not before.
"""

from __future__ import annotations

from nas.testing.blocks import check_block_kind
from nas.testing.evaluators import check_evaluator
from nas.testing.networks import check_network
from nas.testing.rewards import check_reward
from nas.testing.spaces import check_space

__all__ = [
    "check_block_kind",
    "check_evaluator",
    "check_network",
    "check_reward",
    "check_space",
]
