"""`nas.fit_scaling`: `nas fit-scaling` as a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.api.calls import Arch, arch_text, call_text, path_or_none, sayer
from nas.archs import find_network
from nas.fitting.outcome import FitOutcome
from nas.fitting.run import check_evaluator, prepare_points
from nas.fitting.settings import data_of_run, default_folder, fit_config, run_of
from nas.fitting.working import fit_in_folder
from nas.runs.finding import newest_run
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.family import RESOLUTION_MULTIPLE
from nas.spec import ArchSpec

if TYPE_CHECKING:
    import pandas as pd

OptionValue = str | int | float | bool


@dataclass(frozen=True)
class ScalingFit:
    """What a fit found. folder: holds coefficients.json, grid.csv, surface.png and summary.md."""

    folder: Path
    outcome: FitOutcome

    @property
    def coefficients(self) -> ScalingCoefficients:
        """alpha, beta and gamma at the surface's optimum, of the longest trainings."""
        return self.outcome.coefficients

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """alpha, beta, gamma -> the range that each has in the optimum's 90 % region."""
        return self.outcome.intervals

    @property
    def grid(self) -> pd.DataFrame:
        """One row for each network and length of training; accuracies are fractions."""
        import pandas as pd

        return pd.read_csv(self.folder / "grid.csv")

    @property
    def summary(self) -> str:
        """The fit in words, as Markdown: ties, what limits it."""
        return (self.folder / "summary.md").read_text(encoding="utf-8")

    def __str__(self) -> str:
        values = vars(self.coefficients)
        parts = [
            f"{name} {values[name]:.3f} [{low:.3f}, {high:.3f}]"
            for name, (low, high) in self.intervals.items()
        ]
        return f"{', '.join(parts)}; fit: {self.folder}"


def fit_scaling(
    baseline: Arch | None = None,
    *,
    data: str | Path | None = None,
    ratio: float = 2.0,
    tolerance: float = 0.1,
    step: float = 0.05,
    constraint: str = "flops",
    latency_threads: int = 1,
    latency_batch: int = 1,
    epochs: int | Sequence[int] | None = None,
    seeds: int = 4,
    resolution: int | None = None,
    recipe: str | None = None,
    subset: int | float | None = None,
    batch: int | None = None,
    device: str | None = None,
    evaluator: str = "train",
    options: Mapping[str, OptionValue] | None = None,
    resolution_multiple: int = RESOLUTION_MULTIPLE,
    seed: int = 0,
    workers: int = 1,
    out: str | Path | None = None,
    quiet: bool = False,
) -> ScalingFit:
    """Fit alpha, beta and gamma of a baseline by training the networks that they round to.

    The settings are those of `nas fit-scaling`, with its defaults: the newest run's best network,
    and its images. constraint: "latency:onnxruntime" and the like measure what networks take here,
    with latency_threads and latency_batch; "latency:FILE" predicts it by a table. epochs: one
    length of training or several, in growing order. What is trained is kept: the same call goes on
    where it was. A run's folder gets the coefficients too, so that `nas.family` of the run uses
    them.

    Raises: NasError, in one line, for settings that cannot be, or if too few trainings succeed.
    """
    command = call_text(fit_scaling, locals())
    say = sayer(quiet)
    found = str(newest_run()) if baseline is None else baseline
    text = arch_text(found)
    spec = found if isinstance(found, ArchSpec) else find_network(text)
    run = None if isinstance(found, ArchSpec) else run_of(text)
    images_of = data_of_run(run) if data is None else str(data)
    images = None
    if images_of is not None:
        from nas.data.opening import open_data

        images = open_data(images_of)
        for line in (*images.notes, *images.problems.lines()):
            say(line)
    config = fit_config(
        spec,
        images_of,
        images,
        {
            "ratio": ratio,
            "tolerance": tolerance,
            "step": step,
            "constraint": constraint,
            "latency_threads": latency_threads,
            "latency_batch": latency_batch,
            "epochs": (epochs,) if isinstance(epochs, int) else tuple(epochs or ()),
            "seeds": seeds,
            "resolution": resolution,
            "recipe": recipe,
            "subset": subset,
            "batch": batch,
            "device": device,
            "evaluator": evaluator,
            "given_options": tuple((options or {}).items()),
            "resolution_multiple": resolution_multiple,
            "seed": seed,
        },
    )
    folder = path_or_none(out) or default_folder(text)
    points = prepare_points(config, folder, say)
    check_evaluator(config, points)
    outcome = fit_in_folder(
        config, images, points, folder, run=run, workers=workers, command=command, say=say
    )
    return ScalingFit(folder, outcome)
