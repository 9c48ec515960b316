"""Which choices told good networks from others: PED-ANOVA over a search's trials.

Source: Watanabe, Bansal and Hutter, PED-ANOVA (IJCAI 2023), as Optuna implements it.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.report.figures import BLUE, FAINT, PAPER, QUIET, Canvas, Plot, styled
from nas.report.searched import Searched, judged_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

LEAST_NETWORKS = 40
"""Below so many, chance decides what the best ones have in common."""
_TOP = 0.1
_LEAST_TOP = 10
# PED-ANOVA takes a second for so many; more change little.
_MOST_NETWORKS = 1000
# The highest of 19 and the true one: by chance alone, each is on top once in twenty times.
_SHUFFLES = 19
_SHOWN = 16


@dataclass(frozen=True)
class Importance:
    """Choice -> its share of what was found to matter (they add up to one), the highest first.

    chance: a share that the highest has once in twenty searches in which figures have nothing to
    do with choices (from shuffled figures). best: how many networks count as good, of `networks`,
    which were drawn from all `judged` ones where these are very many.
    """

    shares: dict[str, float]
    chance: float
    best: int
    networks: int
    judged: int


def importance(searched: Searched) -> Importance | None:
    """None where there are too few networks, or none is better than another."""
    trials = [t for t in searched.judged if t.params]
    if len(trials) < LEAST_NETWORKS:
        return None
    drawn = random.Random(searched.config.seed)
    judged = len(trials)
    if judged > _MOST_NETWORKS:
        trials = drawn.sample(trials, _MOST_NETWORKS)
    values = [_wanted(searched, trial) for trial in trials]
    if len(set(values)) < 2:
        return None
    top = max(_TOP, _LEAST_TOP / len(trials))
    divergences = _Divergences(trials, top)
    found = divergences.of(values)
    whole = sum(found.values())
    if not whole:
        return None
    highest = []
    for _ in range(_SHUFFLES):
        mixed = drawn.sample(values, len(values))
        highest.append(max(divergences.of(mixed).values(), default=0.0))
    chance = max(highest)
    shares = {name: value / whole for name, value in found.items()}
    return Importance(shares, chance / whole, round(top * len(trials)), len(trials), judged)


@styled
def importance_plot(found: Importance) -> Plot:
    """Bars, and the line below which chance would do."""
    shown = list(found.shares.items())[:_SHOWN]
    canvas = Canvas(height=0.9 + 0.24 * len(shown))
    axes = canvas.axes()
    names = [name for name, _ in reversed(shown)]
    shares = [100 * share for _, share in reversed(shown)]
    colours = [BLUE if share > 100 * found.chance else FAINT for share in shares]
    axes.barh(names, shares, color=colours, edgecolor=QUIET, linewidth=0.4, height=0.72)
    for place, share in enumerate(shares):
        axes.annotate(
            f"{share:.0f} %" if share >= 1 else "<1 %",
            (share, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": PAPER, "edgecolor": "none"},
        )
    axes.axvline(100 * found.chance, color=QUIET, linestyle="--", linewidth=1.2, zorder=1)
    axes.annotate(
        "chance reaches this",
        (100 * found.chance, 0),
        xytext=(4, -1),
        textcoords="offset points",
        fontsize=9,
        color=QUIET,
        va="center",
        annotation_clip=False,
    ).set_visible(100 * found.chance > 3 * max(shares[0], 1))
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, max(*shares, 100 * found.chance) * 1.12)
    axes.set_xlabel("share of importance (%)")
    first = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shown[:5])
    return canvas.plot(
        "importance",
        "What mattered",
        f"Share of importance of each choice, the highest first: {first}. Chance alone would "
        f"give the first one {100 * found.chance:.0f} %.",
    )


def _wanted(searched: Searched, trial: FrozenTrial) -> float:
    """What the search maximised: the reward; with several objectives, the accuracy."""
    values = trial.values
    if not searched.config.objectives and values:
        return float(values[0])
    return judged_of(trial).value


class _Divergences:
    """Choice -> how far the good networks' values of it are from all networks', highest first."""

    def __init__(self, trials: Sequence[FrozenTrial], top: float) -> None:
        import optuna
        from optuna.importance import PedAnovaImportanceEvaluator

        from nas.runs.quiet import quiet_optuna

        self._evaluator = PedAnovaImportanceEvaluator(target_quantile=top)
        with quiet_optuna():
            self._study = optuna.create_study()
            self._study.add_trials(
                [
                    optuna.trial.create_trial(
                        params=trial.params, distributions=trial.distributions, value=0.0
                    )
                    for trial in trials
                ]
            )

    def of(self, values: Sequence[float]) -> dict[str, float]:
        """With these figures, the higher the better, in the order of the trials."""
        from optuna.importance import get_param_importances

        from nas.runs.quiet import quiet_optuna

        with quiet_optuna(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = get_param_importances(
                self._study,
                evaluator=self._evaluator,
                # It takes lower targets for better.
                target=lambda trial: -values[trial.number],
                normalize=False,
            )
        return {name: float(value) for name, value in found.items()}
