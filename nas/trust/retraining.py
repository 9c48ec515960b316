"""What a trust report trains, in what order, and where it is kept.

trust/trust.json, trust/trust.txt   the report, written beside and renamed
trust/proxy/                        a random search, trained as the search did
trust/long-N/, trust/pretrained-N-*/   the longer trainings; all go on where they were
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import RunError
from nas.files import write_text_atomic
from nas.runs.command_record import command_record
from nas.runs.records import Run
from nas.runs.study_reader import read_run_study
from nas.searching.finalists import measured_too_slow
from nas.searching.problem import Problem, load_problem
from nas.shared.claims import settled
from nas.spec import ArchSpec
from nas.trainings import Training, Trainings
from nas.trust.alternatives import alternatives, pretrained
from nas.trust.candidates import judged_networks, random_networks
from nas.trust.report import Budget, Retrained, TrustReport, make_report
from nas.trust.settings import TrustSettings, proxy_epochs
from nas.units import format_duration, how_many
from nas.workers import WorkerSettings

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# The recipe for weights that were trained before.
FINETUNE = "finetune"
Say = Callable[[str], None]


def trust_report(
    run: Run,
    settings: TrustSettings,
    workers: int,
    say: Say,
    problem: Problem | None = None,
    *,
    command: str = "",
) -> TrustReport:
    """Train what is missing, then write and return the report of a run.

    say: told in a line what is done. problem: the run's, where it is loaded. command: what was
    typed, as recorded.
    Raises: NasError where the run has nothing to retrain, or was not judged by training.
    """
    report = _Retraining(run, settings, workers, say, problem or load_problem(run.config)).report()
    folder = run.folder / "trust"
    write_text_atomic(folder / "trust.txt", report.text() + "\n")
    document = {**report.to_dict(), **command_record(command)}
    write_text_atomic(folder / "trust.json", json.dumps(document, indent=2) + "\n")
    return report


class _Retraining:
    """The trainings of one report."""

    def __init__(
        self, run: Run, settings: TrustSettings, workers: int, say: Say, problem: Problem
    ) -> None:
        self._problem, self._settings = problem, settings
        self._workers, self._say = workers, say
        options = problem.config.options
        self._proxy_epochs = proxy_epochs(problem.evaluator, options)
        self._train_seeds = int(options.get("train_seeds", 1))
        self._epochs = settings.epochs_of(self._proxy_epochs)
        self._seeds = settings.seeds_above(problem.config.seed, self._train_seeds)
        self._folder = run.folder / "trust"
        self._trials = _trials(run)
        self._paid = [t for t in self._trials if not {"refused", "repeat_of"} & set(t.user_attrs)]
        self._proxies = self._trainings("proxy")
        self._longer = self._trainings(f"long-{self._epochs}", epochs=self._epochs, train_seeds=1)

    def _trainings(self, name: str, **changes: Any) -> Trainings:
        """The trainings in `trust/NAME`, with the search's options but for `changes`."""
        problem, folder = self._problem, self._folder / name
        options = {**problem.worker_options(self._workers), **changes}
        config = problem.config
        settings = WorkerSettings(config.evaluator, problem.space, config.seed, folder, options)
        return Trainings(settings, folder)

    def report(self) -> TrustReport:
        """Train what is missing, and compare."""
        problem, asked = self._problem, self._settings.random
        slow = measured_too_slow(self._folder.parent)
        chosen = judged_networks(problem, self._trials, self._settings.networks, slow)
        found = chosen[0].arch
        count = len(self._paid) if asked is None else min(asked, len(self._paid))
        drawn = random_networks(problem, count)
        others = alternatives(
            problem.config.target_flops,
            resolution=found.resolution,
            classes=found.classes,
            in_channels=found.in_channels,
        )
        built = [(one.name, one.arch) for one in others if one.arch is not None]
        # Read now: what is wrong with a file should be told before hours of training.
        given = [
            pretrained(text, resolution=found.resolution, classes=found.classes)
            for text in self._settings.pretrained
        ]
        self._say(self._plan(drawn, len(chosen) + bool(drawn) + len(built)))
        best = self._random_search(drawn)
        entries: list[tuple[str, str, ArchSpec, float | None]] = [
            (one.name, one.group, one.arch, one.accuracy) for one in chosen
        ]
        if best is not None:
            entries.append((f"best of {len(drawn)} random", "random search", best[1], best[0]))
        entries += [(name, "alternative", arch, None) for name, arch in built]
        wanted = [Training(arch, seed) for _, _, arch, _ in entries for seed in self._seeds]
        self._longer.run(wanted, self._workers, self._progress(how_many(self._epochs, "epoch")))
        networks = [self._retrained(*entry, self._longer) for entry in entries]
        networks += [self._fine_tuned(*weights) for weights in given]
        assert problem.data is not None
        return make_report(
            networks,
            Budget(
                len(drawn),
                len(self._paid),
                self._best_of_first(len(drawn)),
                None if best is None else best[0],
                sum("pruned" in trial.user_attrs for trial in self._paid[: len(drawn)]),
            ),
            [one for one in others if one.arch is None],
            data=problem.data.name,
            toy=problem.data.toy,
            proxy_epochs=self._proxy_epochs,
            long_epochs=self._epochs,
        )

    def _random_search(self, drawn: Sequence[ArchSpec]) -> tuple[float, ArchSpec] | None:
        """The best of random networks, each trained as the search would have."""
        seed = self._problem.config.seed
        wanted = [Training(arch, seed) for arch in drawn]
        self._proxies.run(wanted, self._workers, self._progress("random search"))
        answers = [(self._proxies.answers[training.key], training.arch) for training in wanted]
        scored = [(a.accuracy, arch) for a, arch in answers if a.accuracy is not None]
        return max(scored, key=lambda pair: pair[0], default=None)

    def _fine_tuned(self, name: str, arch: ArchSpec, file: Path) -> Retrained:
        """A network whose trained weights are fine-tuned on the same images for as long."""
        from nas.training.weights import file_digest

        tuned = self._trainings(
            f"pretrained-{self._epochs}-{file.stem}-{file_digest(file)[:8]}",
            epochs=self._epochs,
            train_seeds=1,
            recipe=FINETUNE,
            recipe_digest=None,
            pretrained=str(file),
        )
        wanted = [Training(arch, seed) for seed in self._seeds]
        tuned.run(wanted, self._workers, self._progress(name))
        return self._retrained(name, "pretrained", arch, None, tuned)

    def _retrained(
        self, name: str, group: str, arch: ArchSpec, proxy: float | None, trained: Trainings
    ) -> Retrained:
        answers = [trained.answers[arch.digest(), seed] for seed in self._seeds]
        return Retrained(
            name,
            group,
            arch,
            proxy,
            tuple(a.accuracy for a in answers if a.accuracy is not None),
            tuple(a.error for a in answers if a.accuracy is None),
        )

    def _best_of_first(self, count: int) -> float | None:
        """The search's best accuracy at or below the target after `count` trainings."""
        target = self._problem.config.target_flops
        attrs = [trial.user_attrs for trial in self._paid[:count]]
        values = [a["accuracy"] for a in attrs if "accuracy" in a and a["flops"] <= target]
        return max(map(float, values), default=None)

    def _progress(self, what: str) -> Callable[[int, int], None]:
        return lambda done, count: self._say(f"trust report, {what}: {done}/{count} trainings")

    def _plan(self, drawn: Sequence[ArchSpec], networks: int) -> str:
        """What is still to be trained, and about how long that takes."""
        seed = self._problem.config.seed
        short = len(self._proxies.missing(Training(arch, seed) for arch in drawn))
        networks += len(self._settings.pretrained)
        long = max(0, networks * self._settings.seeds - len(self._longer.answers))
        spent = [float(t.user_attrs["seconds"]) for t in self._paid if "accuracy" in t.user_attrs]
        each = statistics.fmean(spent) if spent else 0.0
        ratio = self._epochs / self._proxy_epochs / self._train_seeds
        seconds = each * (short + long * ratio) / self._workers
        asked, most = self._settings.random or 0, len(self._paid)
        cut = f" (--random {asked} is cut to the search's {most})" if asked > most else ""
        return (
            f"trust report: {short} trainings of a random search{cut} and {long} of {self._epochs} "
            f"epochs are to be done, about {format_duration(seconds)}; it may be stopped at any "
            "time"
        )


def _trials(run: Run) -> list[FrozenTrial]:
    reader = read_run_study(run.folder, run.config)
    if reader is None:
        raise RunError(f"run {run.folder} has judged nothing yet; search first")
    return [trial for trial in map(settled, reader.trials()) if trial is not None]
