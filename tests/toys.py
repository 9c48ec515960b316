"""Spaces and evaluators that tests search; named on command lines as `toys:Attr`."""

from __future__ import annotations

import dataclasses
import math
import os
import random
import signal
import time
from pathlib import Path

from nas.cost import network_cost
from nas.evaluators.base import Accuracy, EvaluationContext, PrunedError, Score
from nas.files import write_text_atomic
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.suggest import Suggest


class Toy:
    """Accuracy grows with parameters and depth: quick, deterministic, smooth."""

    name = "toy"
    cheap = True

    def __init__(self) -> None:
        self.evaluated: list[str] = []

    def prepare(self, context: EvaluationContext) -> None:
        pass

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        self.evaluated.append(arch.digest())
        cost = network_cost(arch)
        size = cost.params / 6e6 + arch.depth / 40 + cost.flops / 2e9
        return Accuracy(1 - math.exp(-size), "toy accuracy", sd=0.003)


class Noisy(Toy):
    """Not cheap, and scattered by 0.05 from network to network: a short training's luck."""

    name = "noisy"
    cheap = False

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        luck = random.Random(f"{arch.digest()} {seed}").gauss(0, 0.05)
        value = super().evaluate(arch, seed=seed).value + luck
        return Accuracy(min(1.0, max(0.0, value)), "noisy toy accuracy")


class Slow(Toy):
    """Not cheap: writes each evaluated network to the file in TOY_LOG, and takes TOY_SECONDS."""

    name = "slow"
    cheap = False

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        time.sleep(float(os.environ.get("TOY_SECONDS", "0.01")))
        result = super().evaluate(arch, seed=seed)
        with Path(os.environ["TOY_LOG"]).open("a") as log:
            log.write(arch.digest() + "\n")
        return result


class Checkpointing(Toy):
    """Stands in for training: five epochs a network, each saved; goes on from what was saved.

    Appends "digest epoch pid" to the file in TOY_LOG as each epoch ends.
    """

    name = "checkpointing"
    cheap = False
    epochs = 5

    def prepare(self, context: EvaluationContext) -> None:
        assert context.folder is not None
        self._folder = context.folder

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        checkpoint = self._folder / f"{arch.digest()}.epoch"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for epoch in range(done, self.epochs):
            time.sleep(float(os.environ.get("TOY_SECONDS", "0.01")))
            write_text_atomic(checkpoint, str(epoch + 1))
            with Path(os.environ["TOY_LOG"]).open("a") as log:
                log.write(f"{arch.digest()} {epoch} {os.getpid()}\n")
        return super().evaluate(arch, seed=seed)


class Epochs(Toy):
    """Stands in for a training that reports: accuracy grows over `epochs`; a third is hopeless.

    Writes "digest epoch" to the file in TOY_LOG, where it is set, as each epoch ends.
    """

    name = "epochs"
    cheap = False
    option_names = ("epochs",)

    def prepare(self, context: EvaluationContext) -> None:
        self._report = context.report
        self._epochs = int(context.options.get("epochs", 8))

    def hopeless(self, arch: ArchSpec) -> bool:
        return arch.digest()[0] in "01234"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        result = super().evaluate(arch, seed=seed)
        final = result.value * (0.2 if self.hopeless(arch) else 1.0)
        for epoch in range(1, self._epochs + 1):
            value = final * epoch / self._epochs
            if "TOY_LOG" in os.environ:
                with Path(os.environ["TOY_LOG"]).open("a") as log:
                    log.write(f"{arch.digest()} {epoch}\n")
            if self._report(epoch, value) and epoch < self._epochs:
                raise PrunedError(epoch, value)
        return Accuracy(final, "toy accuracy")


class Params:
    """Scores a network by its parameters."""

    name = "params"
    cheap = True
    gives_scores = True

    def prepare(self, context: EvaluationContext) -> None:
        pass

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Score:
        return Score(network_cost(arch).params, "parameters")


class Failing(Toy):
    """Fails on every network, or on those that `fails` picks."""

    name = "failing"

    def fails(self, arch: ArchSpec) -> bool:
        return True

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        if self.fails(arch):
            raise RuntimeError("out of memory\nsecond line")
        return super().evaluate(arch, seed=seed)


class FailingSometimes(Failing):
    """Fails on about one network in four."""

    def fails(self, arch: ArchSpec) -> bool:
        return arch.digest()[0] in "0123"


class Percent(Toy):
    """Answers in percent, a mistake."""

    name = "percent"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        return Accuracy(66.0, "percent")


class TinySpace:
    """Twelve networks: kernel and layers of two stages of B0."""

    name = "tiny"

    def sample(self, suggest: Suggest) -> ArchSpec:
        base = efficientnet_b0()
        stages = list(base.stages)
        stages[5] = dataclasses.replace(
            stages[5],
            kernel=suggest.suggest_categorical("stage5.kernel", (3, 5)),
            layers=suggest.suggest_int("stage5.layers", 1, 3),
        )
        stages[6] = dataclasses.replace(
            stages[6], kernel=suggest.suggest_categorical("stage6.kernel", (3, 5))
        )
        return dataclasses.replace(base, stages=tuple(stages), name="")


class SmallSpace:
    """A dozen and more networks that train in a moment at 16 px."""

    name = "small"

    def sample(self, suggest: Suggest) -> ArchSpec:
        stages = tuple(
            StageSpec(
                "mbconv",
                channels=suggest.suggest_categorical(f"stage{index}.channels", (8, 12, 16)),
                layers=suggest.suggest_int(f"stage{index}.layers", 1, 2),
                kernel=suggest.suggest_categorical(f"stage{index}.kernel", (3, 5)),
                stride=2,
                expand_ratio=1,
            )
            for index in range(2)
        )
        return ArchSpec(StemSpec(8), stages, HeadSpec(16, dropout=0.0))


class Deadly(Toy):
    """Not cheap: kills its process over about one network in three."""

    name = "deadly"
    cheap = False

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        if arch.digest()[0] in "01234":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(arch, seed=seed)


class DiesOnce(Slow):
    """Kills its process the first time that it is asked for a network of the first of four."""

    name = "dies-once"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        mark = Path(os.environ["TOY_LOG"]).with_name(f"died-{arch.digest()[:12]}")
        if arch.digest()[0] in "01234567" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(arch, seed=seed)


class TellsGpu(Toy):
    """Not cheap: tells in the source which GPU its worker was given."""

    name = "tells-gpu"
    cheap = False

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        time.sleep(0.2)
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "none")
        return Accuracy(super().evaluate(arch, seed=seed).value, f"GPU {gpu}")


class Leaving(Toy):
    """Not cheap: ends the whole program, a mistake, and answers with what cannot be sent."""

    name = "leaving"
    cheap = False

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        if arch.digest()[0] in "0123":
            raise SystemExit("leaving")
        result = super().evaluate(arch, seed=seed)
        if arch.digest()[0] in "4567":
            object.__setattr__(result, "source", (lambda: None))
        return result


class TellsPid(Slow):
    """Tells in the source which process judged."""

    name = "tells-pid"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        return Accuracy(super().evaluate(arch, seed=seed).value, str(os.getpid()))


@dataclasses.dataclass
class UnhashableSpace(TinySpace):
    """A space with an equality of its own, and so without a hash."""

    name: str = "unhashable"


class TellingSeconds(Slow):
    """Not cheap, and says beforehand how long it takes."""

    name = "telling"

    def seconds_per_evaluation(self) -> float:
        return 60.0
