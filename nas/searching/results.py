"""What a search found: the best networks, set beside the reference."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.arithmetic import Cost
from nas.cost import network_cost
from nas.evaluators.base import Score, judge
from nas.objective import Bound, paper_reward
from nas.searching.problem import COST_METRICS, Problem
from nas.searching.sampler_choice import architecture_sampler
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from nas.searching.finalists import LatencyReport

TOP = 10
RESULT_SCHEMA = 1


@dataclass(frozen=True)
class Candidate:
    """A judged network. `accuracy` is a fraction; `score` is set where that is what was given."""

    spec: ArchSpec
    cost: Cost
    accuracy: float | None
    accuracy_sd: float | None
    score: float | None
    source: str
    reward: float | None
    trial: int | None = None
    params: dict[str, Any] | None = None

    @property
    def figure(self) -> float:
        """What candidates are ranked by: accuracy, or the score where there is none."""
        value = self.accuracy if self.accuracy is not None else self.score
        assert value is not None
        return value

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.spec.name,
            "digest": self.spec.digest(),
            "spec": self.spec.to_dict(),
            "cost": {name: getattr(self.cost, name) for name in COST_METRICS},
            "accuracy": self.accuracy,
            "accuracy_sd": self.accuracy_sd,
            "score": self.score,
            "source": self.source,
            "reward": self.reward,
            "trial": self.trial,
            "params": self.params,
        }


@dataclass(frozen=True)
class SearchResult:
    """The answer of a search.

    best: the most accurate network at or below the target (None if no such network was judged).
        Where repeated judgements differ, the highest reading is mostly a lucky one, so a model of
        all readings chooses, and `highest` has the highest reading; elsewhere the two are one.
    paper_best: the winner of EfficientNet's reward (w = -0.07) among the same networks, those above
        the target too. reward_best: the winner of the reward that was searched. Neither is a
        network that was measured to be too slow.
    pareto: no other judged network is at least as accurate with fewer FLOPs; by FLOPs.
    latency: the finalists as measured, where the search names a latency table.
    """

    best: Candidate | None
    highest: Candidate | None
    paper_best: Candidate | None
    reward_best: Candidate | None
    reference: Candidate | None
    top: tuple[Candidate, ...]
    pareto: tuple[Candidate, ...]
    evaluations: int
    refused: int
    repeats: int
    failed: int
    pruned: int = 0
    latency: LatencyReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `best.json` and `nas search --json`."""

        def plain(candidate: Candidate | None) -> dict[str, Any] | None:
            return None if candidate is None else candidate.to_dict()

        return {
            "schema": RESULT_SCHEMA,
            "best": plain(self.best),
            "highest": plain(self.highest),
            "paper_best": plain(self.paper_best),
            "reward_best": plain(self.reward_best),
            "reference": plain(self.reference),
            "evaluations": self.evaluations,
            "refused": self.refused,
            "repeats": self.repeats,
            "failed": self.failed,
            "pruned": self.pruned,
            "top": [_brief(candidate) for candidate in self.top],
            "pareto": [_brief(candidate) for candidate in self.pareto],
            **({} if self.latency is None else {"latency": self.latency.to_dict()}),
        }


def _brief(candidate: Candidate) -> dict[str, Any]:
    content = candidate.to_dict()
    del content["spec"], content["name"]
    return content


def summarise(
    problem: Problem, trials: Sequence[FrozenTrial], without: Collection[int] = ()
) -> SearchResult:
    """Read the answer out of the finished trials.

    without: trials whose networks cannot win anything, because they were measured to be too slow.
    """
    counted = [t for t in trials if not {"refused", "repeat_of"} & set(t.user_attrs)]
    judged = [t for t in counted if not {"error", "pruned"} & set(t.user_attrs)]
    target = problem.config.target_flops
    # Ties go to the cheaper network, then to the earlier one.
    ranked = sorted(judged, key=lambda t: (-_figure(t), t.user_attrs["flops"], t.number))
    allowed = [t for t in trials if t.number not in without]
    fast = [t for t in ranked if t.number not in without]
    within = [t for t in fast if t.user_attrs["flops"] <= target]
    paper = paper_reward(target)
    by_paper = max(
        (t for t in fast if "accuracy" in t.user_attrs),
        key=lambda t: paper(t.user_attrs["accuracy"], _cost(t)),
        default=None,
    )
    by_reward = max(fast, key=lambda t: t.values[0], default=None)

    def candidate(trial: FrozenTrial | None, name: str = "") -> Candidate | None:
        return None if trial is None else _candidate(problem, trial, name)

    return SearchResult(
        best=candidate(_choose(problem, allowed, within), "best"),
        highest=candidate(within[0] if within else None, "highest"),
        paper_best=candidate(by_paper, "paper-best"),
        reward_best=candidate(by_reward if problem.objectives == ("reward",) else None),
        reference=judge_reference(problem),
        top=tuple(_candidate(problem, t) for t in within[:TOP]),
        pareto=tuple(_candidate(problem, t) for t in pareto_front(judged)),
        evaluations=len(counted),
        refused=sum("refused" in t.user_attrs for t in trials),
        repeats=sum("repeat_of" in t.user_attrs for t in trials),
        failed=sum("error" in t.user_attrs for t in counted),
        pruned=sum("pruned" in t.user_attrs for t in counted),
    )


# A model needs some readings before its choice is better than the highest of them.
READINGS_FOR_A_MODEL = 20


def _choose(
    problem: Problem, trials: Sequence[FrozenTrial], within: Sequence[FrozenTrial]
) -> FrozenTrial | None:
    """The network to report: of those at or below the target, ranked by their readings."""
    if not within:
        return None
    noisy = not problem.evaluator.cheap and "accuracy" in within[0].user_attrs
    if not noisy or problem.objectives != ("reward",) or len(within) < READINGS_FOR_A_MODEL:
        return within[0]
    # By the reward, a network somewhat above the target may be best; the report stays below.
    target = Bound("flops", float(problem.config.target_flops))
    return architecture_sampler(problem, [target]).recommend(trials)


def pareto_front(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Trials that no other beats in accuracy (or score) at no more FLOPs, by FLOPs."""
    front: list[FrozenTrial] = []
    for trial in sorted(trials, key=lambda t: (t.user_attrs["flops"], -_figure(t), t.number)):
        if not front or _figure(trial) > _figure(front[-1]):
            front.append(trial)
    return front


def judge_reference(problem: Problem) -> Candidate | None:
    """The space's reference network, judged where that is cheap; a training is not paid for it."""
    reference = problem.space.reference()
    if reference is None:
        return None
    cost = network_cost(reference)
    nothing = Candidate(reference, cost, None, None, None, "not evaluated", None)
    if not problem.evaluator.cheap:
        return nothing
    judgement = judge(problem.evaluator, reference, problem.config.seed)
    if isinstance(judgement, str):
        return nothing
    if isinstance(judgement, Score):
        value = judgement.value
        return Candidate(reference, cost, None, None, value, judgement.source, value)
    accuracy = judgement.value
    reward = problem.reward(accuracy, cost)
    return Candidate(reference, cost, accuracy, judgement.sd, None, judgement.source, reward)


def _figure(trial: FrozenTrial) -> float:
    attrs = trial.user_attrs
    return float(attrs["accuracy"] if "accuracy" in attrs else attrs["score"])


def _cost(trial: FrozenTrial) -> Cost:
    return Cost(**{name: trial.user_attrs[name] for name in COST_METRICS})


def _candidate(problem: Problem, trial: FrozenTrial, name: str = "") -> Candidate:
    attrs, cost = trial.user_attrs, _cost(trial)
    accuracy = attrs.get("accuracy")
    spec = problem.rebuild(trial.params)
    label = f"{problem.space.name}-{name}" if name else ""
    return Candidate(
        spec=dataclasses.replace(spec, name=label),
        cost=cost,
        accuracy=accuracy,
        accuracy_sd=attrs.get("sd"),
        score=attrs.get("score"),
        source=attrs["source"],
        reward=attrs["score"] if accuracy is None else problem.reward(accuracy, cost),
        trial=trial.number,
        params=dict(trial.params),
    )


_ATTRIBUTES = (
    "accuracy",
    "score",
    "sd",
    *COST_METRICS,
    "seconds",
    "refused",
    "repeat_of",
    "pruned",
    "last_accuracy",
    "error",
)


def trials_csv(problem: Problem, trials: Sequence[FrozenTrial]) -> str:
    """One line a trial: state, objective values, judgement, cost, parameters."""
    metrics = sorted({k for t in trials for k in t.user_attrs if ":" in k})
    params = list(dict.fromkeys(name for t in trials for name in t.params))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        [
            "trial",
            "state",
            *(f"value_{name}" for name in problem.objectives),
            "digest",
            *_ATTRIBUTES,
            *metrics,
            *params,
        ]
    )
    for trial in trials:
        attrs = trial.user_attrs
        # Optuna keeps a stopped training's last report as its value; it is none.
        known = None if "pruned" in attrs else trial.values
        values = known or [""] * len(problem.objectives)
        writer.writerow(
            [trial.number, trial.state.name.lower(), *values, attrs["digest"]]
            + [attrs.get(name, "") for name in (*_ATTRIBUTES, *metrics)]
            + [trial.params.get(name, "") for name in params]
        )
    return buffer.getvalue()
