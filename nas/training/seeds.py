"""Seeds for every purpose of a training, from the one that the user gives."""

from __future__ import annotations

import hashlib

import torch


def derived_seed(seed: int, *purpose: object) -> int:
    """A seed of 63 bits for one purpose; different purposes have unrelated seeds."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seeded_generator(device: torch.device | str, seed: int, *purpose: object) -> torch.Generator:
    """A generator on `device` for one purpose."""
    generator = torch.Generator(device=device)
    generator.manual_seed(derived_seed(seed, *purpose))
    return generator


def shuffled(count: int, seed: int, *purpose: object) -> torch.Tensor:
    """The numbers below `count` in an order of their own, int64, on the CPU."""
    return torch.randperm(count, generator=seeded_generator("cpu", seed, *purpose))
