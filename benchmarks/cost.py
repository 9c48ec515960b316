"""Networks costed per second on one core, beside fvcore and torch's FlopCounterMode.

    python -m benchmarks.cost [--networks 20000]

Costs distinct random networks of `mbconv` by arithmetic, with and without the time of sampling
them, and B0 by fvcore and FlopCounterMode (on the meta device) in the same run. The arithmetic
remembers the cost of stages, which a search meets again and again; the same networks, each at a
resolution of its own, show it without that help. Ratios are of the time for one network; the
counters' time is that of counting a built network, without building.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import statistics
import time
import warnings
from collections.abc import Callable

# One core: torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from nas.archs import resized
from nas.cost import network_cost
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import random_network
from nas.spec import ArchSpec


def distinct_networks(count: int, seed: int) -> tuple[list[ArchSpec], float]:
    """`count` different random networks, and the seconds that sampling them took."""
    space, source = MBConvSpace(), random.Random(seed)
    started = time.perf_counter()
    networks = [random_network(space, source)[0] for _ in range(count)]
    seconds = time.perf_counter() - started
    assert len({arch.digest() for arch in networks}) == count, "of 1e11 networks, none drawn twice"
    # Digests are remembered by the specs: costing them must start from fresh ones.
    source = random.Random(seed)
    return [random_network(space, source)[0] for _ in range(count)], seconds


def costing_seconds(networks: list[ArchSpec]) -> float:
    """Seconds that costing all of `networks` by arithmetic takes."""
    started = time.perf_counter()
    for arch in networks:
        network_cost(arch)
    return time.perf_counter() - started


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """The median time of `repeats` calls, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def fvcore_seconds(repeats: int) -> float:
    """One fvcore analysis of a built B0 at 224 px."""
    import torch

    from nas.model import build

    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    network, images = build(efficientnet_b0()).eval(), torch.zeros(1, 3, 224, 224)

    def count() -> object:
        from fvcore.nn import FlopCountAnalysis

        with torch.no_grad():
            return FlopCountAnalysis(network, images).total()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return median_seconds(count, repeats)


def counter_mode_seconds(repeats: int) -> float:
    """One FlopCounterMode pass of a built B0 on the meta device."""
    from nas.measure import torch_flops
    from nas.model import build

    network = build(efficientnet_b0(), device="meta").eval()
    return median_seconds(lambda: torch_flops(network), repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5, help="runs of the slow counters")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    networks, sampling = distinct_networks(arguments.networks, arguments.seed)
    costing = costing_seconds(networks)
    fresh = [resized(arch, resolution=32 + side) for side, arch in enumerate(networks[:2000])]
    fresh_costing = costing_seconds(fresh)
    one = costing / arguments.networks
    fvcore, counter_mode = (
        fvcore_seconds(arguments.repeats),
        counter_mode_seconds(arguments.repeats),
    )
    figures = {
        "networks": arguments.networks,
        "costed_per_second": arguments.networks / costing,
        "sampled_and_costed_per_second": arguments.networks / (sampling + costing),
        "costed_per_second_nothing_remembered": len(fresh) / fresh_costing,
        "arithmetic_microseconds": one * 1e6,
        "fvcore_b0_ms": fvcore * 1e3,
        "flop_counter_mode_b0_ms": counter_mode * 1e3,
        "fvcore_ratio": fvcore / one,
        "flop_counter_mode_ratio": counter_mode / one,
    }
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{arguments.networks:,} distinct networks of mbconv, one core")
    print(f"  costed by arithmetic      {figures['costed_per_second']:>12,.0f} networks/s")
    print(
        f"  sampled and costed        {figures['sampled_and_costed_per_second']:>12,.0f} networks/s"
    )
    print(f"  costed, none remembered   {len(fresh) / fresh_costing:>12,.0f} networks/s")
    print("B0 at 224 px, built already")
    print(f"  fvcore                    {fvcore * 1e3:>9.1f} ms, {fvcore / one:>9,.0f} x as long")
    print(
        f"  FlopCounterMode (meta)    {counter_mode * 1e3:>9.1f} ms, "
        f"{counter_mode / one:>9,.0f} x as long"
    )


if __name__ == "__main__":
    main()
