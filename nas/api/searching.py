"""`nas.search`: `nas search` as a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.api.calls import call_text, path_or_none, sayer
from nas.errors import ConfigError, RunError
from nas.searching.results import Candidate
from nas.searching.results import SearchResult as Found
from nas.searching.settings import search_config
from nas.searching.working import execute_search, opened_search
from nas.spec import ArchSpec
from nas.units import format_count, how_many, parse_count

if TYPE_CHECKING:
    import pandas as pd

OptionValue = str | int | float | bool


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    run: the run folder, which every other command and function takes. stopped: why it ended.
    found: all that best.json holds: also the highest reading, the winner of the paper's reward,
    the top ten, and how many were refused or failed.
    """

    run: Path
    stopped: str
    found: Found

    @property
    def best(self) -> Candidate:
        """The most accurate network at or below the target: spec, cost, accuracy, reward.

        Its `source` says what kind of number the accuracy is. Raises: RunError if no network at or
        below the target has been judged.
        """
        if self.found.best is None:
            raise RunError(
                f"{self.run}: no judged network is at or below the target; raise trials to go on"
            )
        return self.found.best

    @property
    def spec(self) -> ArchSpec:
        """The best network, as data. Raises: RunError as `best`."""
        return self.best.spec

    @property
    def reference(self) -> Candidate | None:
        """The space's reference network, judged where that is cheap; None where it has none."""
        return self.found.reference

    @property
    def pareto(self) -> tuple[Candidate, ...]:
        """Networks that no other beats in accuracy at no more FLOPs, by FLOPs."""
        return self.found.pareto

    @property
    def evaluations(self) -> int:
        """Networks that were judged, or failed to be."""
        return self.found.evaluations

    @property
    def trials(self) -> pd.DataFrame:
        """Every trial: state, values, accuracy (a fraction), costs, parameters; from trials.csv."""
        import pandas as pd

        return pd.read_csv(self.run / "trials.csv")

    def __str__(self) -> str:
        counts = f"{how_many(self.evaluations, 'evaluation')}, {self.stopped}"
        best = self.found.best
        if best is None:
            return f"nothing at or below the target yet ({counts}); run: {self.run}"
        return f"{describe(best)} ({counts}); run: {self.run}"


def describe(candidate: Candidate) -> str:
    """A judged network in one line: accuracy with its kind, FLOPs, parameters."""
    cost = f"{format_count(candidate.cost.flops)} FLOPs, {format_count(candidate.cost.params)} "
    if candidate.accuracy is None:
        figure = "not judged" if candidate.score is None else f"score {candidate.score:.6g}"
    elif candidate.accuracy_sd is None:
        figure = f"{100 * candidate.accuracy:.2f} %"
    else:
        figure = f"{100 * candidate.accuracy:.2f} ± {100 * candidate.accuracy_sd:.2f} %"
    return f"{candidate.spec.name}: {figure} ({candidate.source}), {cost}parameters"


def search(
    *,
    target_flops: int | str,
    space: str | None = None,
    evaluator: str | None = None,
    data: str | Path | None = None,
    epochs: int | None = None,
    recipe: str | None = None,
    subset: int | float | None = None,
    batch: int | None = None,
    train_seeds: int | None = None,
    device: str | None = None,
    pruner: str = "none",
    first_filter: str | None = None,
    options: Mapping[str, OptionValue] | None = None,
    reward: str = "hard",
    exponents: tuple[float, float] | None = None,
    objectives: Sequence[str] = (),
    max_flops: int | str | None = None,
    max_params: int | str | None = None,
    max_activations: int | str | None = None,
    max_latency: Mapping[str, float] | None = None,
    min_throughput: Mapping[str, float] | None = None,
    sampler: str = "architecture",
    warm_start: Sequence[str | Path] = (),
    trials: int | None = None,
    timeout: float | None = None,
    seed: int = 0,
    resolution: int | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
    workers: int = 1,
    ray: str | None = None,
    gpus_per_candidate: float | None = None,
    storage: str | None = None,
    strict: bool = False,
    out: str | Path | None = None,
    quiet: bool = False,
) -> SearchResult:
    """Search for the most accurate network at no more than `target_flops`.

    The settings are those of `nas search`, with its defaults: without data, space mbconv and
    predicted ImageNet accuracies, 300 trials; with data, space mbconv-elastic and trainings, 60.
    Quantities are whole numbers or text ("400M"). max_latency is in ms, min_throughput in images/s,
    by device; timeout in seconds; exponents are w at or below the target, and above it. options are
    the evaluator's. strict stops at the first odd image. Progress is on stderr, unless quiet.

    It can be stopped at any time: the same call goes on where it was, in the same run folder, and a
    finished search is read again.

    Raises: NasError, in one line, for settings that cannot be or a run folder of another search.
    """
    command = call_text(search, locals())
    say = sayer(quiet)

    def count(value: int | str | None, name: str) -> int | None:
        return None if value is None else parse_count(value, name)

    notes: list[str] = []
    config = search_config(
        notes,
        target_flops=parse_count(target_flops, "target_flops"),
        max_flops=count(max_flops, "max_flops"),
        max_params=count(max_params, "max_params"),
        max_activations=count(max_activations, "max_activations"),
        max_latency=tuple((max_latency or {}).items()),
        min_throughput=tuple((min_throughput or {}).items()),
        objectives=tuple(objectives),
        timeout=timeout,
        warm_start=tuple(map(str, warm_start)),
        space=space,
        evaluator=evaluator,
        data=None if data is None else str(data),
        epochs=epochs,
        recipe=recipe,
        subset=subset,
        batch=batch,
        train_seeds=train_seeds,
        device=device,
        pruner=pruner,
        first_filter=first_filter,
        given_options=tuple((options or {}).items()),
        reward=reward,
        exponents=exponents,
        sampler=sampler,
        trials=trials,
        seed=seed,
        resolution=resolution,
        classes=classes,
        in_channels=in_channels,
        storage=storage,
        strict=strict,
    )
    if workers < 1:
        raise ConfigError(f"workers is {workers}; it must be at least 1")
    if ray is None and gpus_per_candidate is not None:
        raise ConfigError("gpus_per_candidate needs ray; without Ray each worker has its own GPU")
    from nas.ray_workers import RaySettings

    cluster = None if ray is None else RaySettings(ray, gpus_per_candidate)
    with opened_search(config, path_or_none(out), command) as (problem, run):
        for note in notes:
            say(note)
        found, outcome = execute_search(problem, run, workers=workers, ray=cluster, quiet=quiet)
    return SearchResult(run.folder, outcome.stopped, found)
