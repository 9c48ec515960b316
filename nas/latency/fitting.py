"""From the results of a measurement to a table."""

from __future__ import annotations

import json
import statistics
from itertools import combinations
from pathlib import Path
from typing import Any

from nas.latency.errors import LatencyError
from nas.latency.machine import Device
from nas.latency.model import agreement, fit_model, fit_overheads, model_error, model_ms
from nas.latency.table import VALUES, Conditions, LatencyTable
from nas.latency.work import WORK_SCHEMA, groups_of, work_digest

LEAST_CHECKED = 30


def read_results(path: Path) -> dict[str, Any]:
    """The results file of `nas latency table` or of the stand-alone script.

    Raises: LatencyError, in one line, where it is none, of another version, or not done.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if results["schema"] != WORK_SCHEMA:
            raise LatencyError(
                f"{path} has schema {results['schema']}, this version reads {WORK_SCHEMA}; "
                "write the script and its work file anew with `nas latency script`"
            )
        if results["work_digest"] != work_digest(results["work"]):
            raise LatencyError(f"{path} is damaged: its work is not the one it was made for")
        Device.from_dict(results["device"])
        groups = len(groups_of(results["work"], results["passes"]))
        done = int(results["groups_done"])
    except OSError as error:
        raise LatencyError(f"cannot read results from {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise LatencyError(f"{path} holds no results of `nas latency script`") from None
    if done < groups:
        raise LatencyError(
            f"{path} has {done} of {groups} groups; run the script again with the same files, "
            "it goes on there"
        )
    return results  # type: ignore[no-any-return]


def table_of(results: dict[str, Any]) -> LatencyTable:
    """Fit the model and the overheads, and check them on the networks held out.

    Raises: LatencyError where there are fewer than 30 of those.
    """
    work = results["work"]
    features = work["features"]
    best = {
        item: min(min(readings) for readings in passes)
        for item, passes in results["readings"].items()
    }
    parts = {key: best[f"part {key}"] for key in work["alone"]}
    alone = [features[key] for key in parts]
    model = fit_model(alone, list(parts.values()))
    networks = [
        (network, best[f"network {number}"]) for number, network in enumerate(work["networks"])
    ]
    fitted = [each for each in networks if each[0]["role"] == "fit"]
    held = [each for each in networks if each[0]["role"] == "check"]
    if len(held) < LEAST_CHECKED:
        raise LatencyError(
            f"the results hold {len(held)} networks for the check; it needs {LEAST_CHECKED}"
        )

    def known(key: str) -> float:
        return parts[key] if key in parts else model_ms(model, features[key])

    def sums(network: dict[str, Any]) -> tuple[float, int, float]:
        keys = network["parts"]
        values = sum(features[key].get(VALUES, 0.0) for key in keys)
        return sum(map(known, keys)), len(keys), values

    overheads = fit_overheads([sums(network) for network, _ in fitted], [ms for _, ms in fitted])
    predicted = [overheads.latency_ms(*sums(network)) for network, _ in held]
    return LatencyTable(
        space=work["space"],
        resolution=work["resolution"],
        classes=work["classes"],
        in_channels=work["in_channels"],
        batch=work["batch"],
        target_flops=work["target_flops"],
        device=Device.from_dict(results["device"]),
        conditions=_conditions(results),
        parts=parts,
        distinct_parts=work["distinct_parts"],
        model=model,
        model_error=model_error(alone, list(parts.values())),
        overheads=overheads,
        check=agreement(predicted, [ms for _, ms in held]),
        networks=tuple(
            {"digest": network["digest"], "predicted_ms": guess, "measured_ms": ms}
            for (network, ms), guess in zip(held, predicted, strict=True)
        ),
    )


def _conditions(results: dict[str, Any]) -> Conditions:
    loads = [load for load in results["load_averages"] if load is not None]
    differences = []
    for item, passes in results["readings"].items():
        if item.startswith("network "):
            minima = [min(readings) for readings in passes]
            differences += [max(two) / min(two) - 1.0 for two in combinations(minima, 2)]
    first = next(iter(results["readings"].values()))
    return Conditions(
        clock=results["clock"],
        layout=results["layout"],
        passes=len(first),
        rounds=len(first[0]),
        cores=results["cores"],
        load_average=(min(loads), max(loads)) if loads else None,
        repeatability=statistics.median(differences) if differences else 0.0,
    )
