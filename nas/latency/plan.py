"""Which parts and networks of a space to measure for its table."""

from __future__ import annotations

import random
from typing import Any

from nas.cost import network_cost
from nas.errors import SpecError
from nas.latency.errors import LatencyError
from nas.latency.parts import parts_of
from nas.latency.program import Program
from nas.latency.work import WORK_SCHEMA
from nas.space import SearchSpace, at_resolution, random_network
from nas.spec import ArchSpec

MOST_PARTS = 400
"""A space with more parts than this has so many of them measured, and a model for the others."""
FIT_NETWORKS, CHECK_NETWORKS = 40, 40
DRAWS = 3000
_NEAR = 1.25


def sized_space(
    name: str, *, resolution: int | None, classes: int | None, in_channels: int | None
) -> SearchSpace:
    """A space at a size, as a search has it; None leaves its own.

    Raises: NasError if there is no such space.
    """
    from nas.plugins import load_space
    from nas.searching.problem import SizedSpace

    space = at_resolution(load_space(name), resolution)
    return SizedSpace(space, resolution, classes, in_channels)


def make_work(
    space: SearchSpace,
    *,
    batch: int = 1,
    target_flops: int | None = None,
    most_parts: int = MOST_PARTS,
    fit_networks: int = FIT_NETWORKS,
    check_networks: int = CHECK_NETWORKS,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """The work file of a space.

    target_flops: let the networks cost within a factor of 1.25 of it, where the table is for a
    search at that target; None takes any. draws: random networks that parts are looked for in.
    Raises: LatencyError where the space holds too few networks there.
    """
    from nas.latency.programs import part_programs

    source = random.Random(seed)
    drawn = [network for _ in range(draws) if (network := _draw(space, source)) is not None]
    parts: dict[str, ArchSpec] = {}
    features: dict[str, dict[str, float]] = {}
    for network in drawn:
        for part in parts_of(network):
            parts.setdefault(part.key, network)
            features.setdefault(part.key, dict(part.features))
    near = [each for each in drawn if _is_near(each, target_flops)]
    chosen = _distinct(near, fit_networks + check_networks)
    alone = list(parts)
    if len(alone) > most_parts:
        # Any: the model needs all kinds and sizes, and those of one kind lie in all sizes.
        source.shuffle(alone)
        alone = alone[:most_parts]
    programs: dict[str, Program] = {}
    needed = {*alone, *(part.key for network in chosen for part in parts_of(network))}
    for network in (*chosen, *(parts[key] for key in alone)):
        missing = needed - programs.keys()
        if any(part.key in missing for part in parts_of(network)):
            programs |= part_programs(network, missing)
    first = chosen[0]
    return {
        "schema": WORK_SCHEMA,
        "space": space.name,
        "resolution": first.resolution,
        "classes": first.classes,
        "in_channels": first.in_channels,
        "batch": batch,
        "target_flops": target_flops,
        "seed": seed,
        "distinct_parts": len(parts),
        "alone": sorted(alone),
        "parts": programs,
        "features": {key: features[key] for key in programs},
        "networks": [
            {
                "role": "fit" if number < fit_networks else "check",
                "digest": network.digest(),
                "parts": [part.key for part in parts_of(network)],
            }
            for number, network in enumerate(chosen)
        ],
    }


def _draw(space: SearchSpace, source: random.Random) -> ArchSpec | None:
    try:
        return random_network(space, source)[0]
    except SpecError:
        # A space may hold answers that make no network.
        return None


def _is_near(network: ArchSpec, target_flops: int | None) -> bool:
    if target_flops is None:
        return True
    return 1 / _NEAR <= network_cost(network).flops / target_flops <= _NEAR


def _distinct(networks: list[ArchSpec], count: int) -> list[ArchSpec]:
    chosen: dict[str, ArchSpec] = {}
    for network in networks:
        if len(chosen) == count:
            break
        chosen.setdefault(network.digest(), network)
    if len(chosen) < count:
        raise LatencyError(
            f"among the random networks of the space, {len(chosen)} different ones cost near the "
            f"target FLOPs; a table needs {count}, choose another target or leave it out"
        )
    return list(chosen.values())
