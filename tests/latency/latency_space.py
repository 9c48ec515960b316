"""A space of 1,024 tiny networks, and a device with known costs."""

from __future__ import annotations

import random
from typing import Any

from nas.latency.plan import make_work
from nas.latency.work import work_digest
from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec
from nas.suggest import Suggest

SIDE = 16


class SmallSpace:
    name = "small"

    def sample(self, suggest: Suggest) -> ArchSpec:
        stages = []
        for stage, channels in enumerate((8, 16)):
            se = suggest.suggest_categorical(f"stage{stage}.se", (False, True))
            stages.append(
                StageSpec(
                    "mbconv",
                    channels,
                    suggest.suggest_categorical(f"stage{stage}.layers", (1, 2, 3, 4)),
                    stride=2,
                    kernel=suggest.suggest_categorical(f"stage{stage}.kernel", (3, 5)),
                    expand_ratio=suggest.suggest_categorical(f"stage{stage}.expand", (1, 3)),
                    se=SqueezeExcite() if se else None,
                )
            )
        return ArchSpec(StemSpec(8), tuple(stages), HeadSpec(16), resolution=SIDE, classes=4)


def small_work(**settings: Any) -> dict[str, Any]:
    return make_work(SmallSpace(), draws=300, **settings)


def true_ms(features: dict[str, float]) -> float:
    """What a part takes alone on the imagined device."""
    costs = {
        "pointwise": 2e-6,
        "silu": 4e-6,
        "gates": 0.004,
        "convolved": 1e-6,
        "depthwise k3": 5e-6,
        "depthwise k5": 9e-6,
    }
    return 0.01 + sum(
        cost * amount
        for prefix, cost in costs.items()
        for name, amount in features.items()
        if name.startswith(prefix)
    )


def simulated(
    work: dict[str, Any], *, noise: float = 0.01, passes: int = 2, seed: int = 0
) -> dict[str, Any]:
    """Results of the imagined device: a network takes its parts, less 0.004 ms each, plus 0.05.

    noise: the scale of an exponential delay of each reading, as a fraction.
    """
    source = random.Random(seed)
    features = work["features"]
    times = {f"part {key}": true_ms(features[key]) for key in work["alone"]}
    for number, network in enumerate(work["networks"]):
        parts = [true_ms(features[key]) - 0.004 for key in network["parts"]]
        times[f"network {number}"] = 0.05 + 1.1 * sum(parts)

    def reading(ms: float) -> float:
        return ms * (1 + noise * source.expovariate(1))

    return {
        "schema": work["schema"],
        "work": work,
        "work_digest": work_digest(work),
        "device": {
            "kind": "onnxruntime",
            "processor": "an imagined processor",
            "threads": 1,
            "system": "none",
            "libraries": {"onnxruntime": "0"},
        },
        "cores": 1,
        "clock": "cpu",
        "layout": "the runtime's own",
        "passes": passes,
        "rounds": 5,
        "groups_done": 10_000,
        "load_averages": [0.5, None, 2.0],
        "readings": {
            item: [[reading(ms) for _ in range(5)] for _ in range(passes)]
            for item, ms in times.items()
        },
    }
