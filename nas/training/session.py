"""A training while it runs: everything that a checkpoint holds."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nas.training.augment import Augmentation
from nas.training.averaging import Average
from nas.training.devices import batches_on
from nas.training.distributed import Processes
from nas.training.evaluating import evaluate
from nas.training.final_weights import FinalWeights
from nas.training.graphed import GraphedStep, why_not_captured
from nas.training.interruption import Interruption
from nas.training.network_settings import train_mode
from nas.training.optimizers import load_state, make_optimizer, set_rate
from nas.training.recipe import Recipe
from nas.training.results import DivergedError, EpochReport, Evaluation
from nas.training.schedules import rate_factor
from nas.training.seeds import derived_seed, shuffled
from nas.training.source import PixelSource
from nas.training.step import TrainingStep


class Session:
    """Network, optimiser, average and place in the training.

    epoch counts the epochs that are over, done the steps of the one that is not. seconds: since
    the training began, without the time between two sessions.
    """

    def __init__(
        self,
        network: nn.Module,
        pixels: PixelSource,
        recipe: Recipe,
        *,
        resolution: int,
        seed: int,
        device: torch.device,
        processes: Processes,
        groups: Sequence[dict[str, Any]] | None,
        frozen: list[nn.Module],
        graphed: bool,
    ) -> None:
        self.network, self.pixels, self.recipe = network, pixels, recipe
        self.resolution, self.seed, self.device = resolution, seed, device
        self.processes, self.frozen = processes, frozen
        self.epoch = self.done = 0
        self.steps_per_epoch = len(pixels) // recipe.batch_size
        self.losses = torch.zeros(self.steps_per_epoch, device=device)
        self.history: list[EpochReport] = []
        self.stopped = False
        self._began, self._earlier = time.perf_counter(), 0.0
        self._epoch_seconds = 0.0
        self._random: dict[str, Any] | None = None
        captured = graphed and device.type == "cuda" and processes.count == 1
        captured = captured and why_not_captured(recipe) is None
        self.optimizer = make_optimizer(network, recipe, device, groups, captured=captured)
        self.average = Average(network, recipe.ema) if recipe.ema else None
        augmentation = Augmentation(recipe, pixels.px, resolution)
        train_mode(network, frozen)
        self.step = TrainingStep(
            processes.wrap(network, device),
            self.optimizer,
            recipe,
            augmentation,
            device=device,
            classes=len(pixels.classes),
            generator=torch.Generator(device=device),
            host_generator=torch.Generator(),
            processes=processes,
        )
        self.final = FinalWeights(
            network,
            self.average,
            recipe,
            augmentation,
            pixels,
            seed=seed,
            device=device,
            batch_size=processes.share(recipe.batch_size),
            frozen=frozen,
        )
        self._run: Callable[[Tensor, Tensor], Tensor] = self.step
        if captured:
            self._run = GraphedStep(self.step)

    @property
    def seconds(self) -> float:
        """Seconds of this session and those before it."""
        return self._earlier + time.perf_counter() - self._began

    def run_epoch(
        self, interruption: Interruption, observe: Callable[[int, int, int], None] | None
    ) -> bool:
        """Train one epoch, or what is left of it; False if interrupted before its end.

        Raises: DivergedError, at the end: the losses stay on the device until then.
        """
        recipe, size = self.recipe, self.recipe.batch_size
        steps, share = recipe.epochs * self.steps_per_epoch, self.processes.share(size)
        order = shuffled(len(self.pixels), self.seed, "order", self.epoch)
        order = order[self.done * size : self.steps_per_epoch * size]
        train_mode(self.network, self.frozen)
        self._seed_epoch()
        before, start = self._epoch_seconds, time.perf_counter()
        own = self.processes.own_part(order, size)
        for images, labels in batches_on(self.device, self.pixels, own, share, whole=True):
            place = self.epoch * self.steps_per_epoch + self.done
            factor = rate_factor(recipe, place, steps, self.steps_per_epoch)
            set_rate(self.optimizer, recipe.learning_rate * factor)
            self.losses[self.done].copy_(self._run(images, labels))
            if self.average is not None:
                self.average.update()
            self.done += 1
            if observe is not None:
                observe(place + 1, steps, size)
            if interruption.asked and self.done < self.steps_per_epoch:
                self._epoch_seconds = before + time.perf_counter() - start
                return False
        self._end_epoch(before, start)
        return True

    def _end_epoch(self, before: float, start: float) -> None:
        """Read the losses, which waits for the device, and note the epoch."""
        self.processes.add_up(self.losses)
        losses = [loss / self.processes.count for loss in self.losses[: self.done].tolist()]
        seconds = before + time.perf_counter() - start
        for step, loss in enumerate(losses):
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the loss is {loss} at epoch {self.epoch + 1}, step {step + 1}; use a lower "
                    f"learning rate than {self.recipe.learning_rate:g}, or a longer warm-up"
                )
        rates = [group["lr"] / group["lr_scale"] for group in self.optimizer.param_groups]
        report = EpochReport(
            epoch=self.epoch + 1,
            epochs=self.recipe.epochs,
            train_loss=sum(losses) / max(1, len(losses)),
            top1=None,
            top5=None,
            val_loss=None,
            learning_rate=float(rates[0]),
            seconds=seconds,
            images_per_second=self.done * self.recipe.batch_size / max(seconds, 1e-9),
        )
        self.history.append(report)
        self.epoch, self.done, self._epoch_seconds = self.epoch + 1, 0, 0.0
        self.losses.zero_()

    def judge(self, pixels: PixelSource) -> EpochReport:
        """Evaluate the weights as they would be in the end; the last epoch's report, completed.

        Raises: DivergedError if the loss is not finite.
        """
        with self.final.for_a_while():
            found = self._evaluate(pixels)
        report = dataclasses.replace(
            self.history[-1], top1=found.top1, top5=found.top5, val_loss=found.loss
        )
        self.history[-1] = report
        return report

    def finish(self, pixels: PixelSource | None) -> EpochReport:
        """Leave the final weights in the network; the last report, with their accuracy."""
        if pixels is not None and self.history[-1].top1 is None:
            self.judge(pixels)
        self.final.take()
        return self.history[-1]

    def _evaluate(self, pixels: PixelSource) -> Evaluation:
        found = evaluate(
            self.network,
            pixels,
            resolution=self.resolution,
            device=self.device,
            # What trains this many at once has memory to judge more; it keeps no activations.
            batch_size=min(256, 2 * self.processes.share(self.recipe.batch_size)),
            bf16=self.recipe.bf16,
            processes=self.processes,
        )
        if not math.isfinite(found.loss):
            raise DivergedError(
                f"the evaluation's loss is {found.loss} after epoch {self.epoch}; use a lower "
                f"learning rate than {self.recipe.learning_rate:g}, or a longer warm-up"
            )
        return found

    def _seed_epoch(self) -> None:
        """Random states of the epoch's start, or those in whose midst a session ended."""
        rank = self.processes.rank
        self.step.generator.manual_seed(derived_seed(self.seed, "augmentation", self.epoch))
        host = derived_seed(self.seed, "host", self.epoch, rank)
        self.step.host_generator.manual_seed(host)
        # Dropout and stochastic depth draw from torch's global generators; `train` puts them back.
        torch.manual_seed(derived_seed(self.seed, "dropout", self.epoch, rank))
        if self._random is not None:
            self.step.generator.set_state(self._random["generator"])
            self.step.host_generator.set_state(self._random["host"])
            torch.set_rng_state(self._random["global"])
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(self._random["cuda"], self.device)
            self._random = None

    def state(self) -> dict[str, Any]:
        """All that `restore` needs: tensors and plain values."""
        random: dict[str, Any] = {
            "device": self.device.type,
            "generator": self.step.generator.get_state(),
            "host": self.step.host_generator.get_state(),
            "global": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "epoch": self.epoch,
            "done": self.done,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state(),
            "random": random,
            "losses": self.losses,
            "accumulation": self.step.accumulation,
            "history": [dataclasses.asdict(report) for report in self.history],
            "stopped": self.stopped,
            "seconds": self.seconds,
            "epoch_seconds": self._epoch_seconds,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from another session's `state`.

        In the midst of an epoch on another kind of device: generators there have other states, so
        the schedule is the same and the draws are not.
        """
        self.epoch, self.done = state["epoch"], state["done"]
        self.network.load_state_dict(state["network"])
        load_state(self.optimizer, state["optimizer"])
        if self.average is not None:
            self.average.restore(state["average"])
        # Between two epochs nothing is remembered: each begins with seeds of its own.
        own = state["random"].get("device") == self.device.type
        self._random = state["random"] if self.done and own else None
        self.losses.copy_(state["losses"])
        self.step.accumulation = state["accumulation"]
        self.history = [EpochReport(**report) for report in state["history"]]
        self.stopped = state["stopped"]
        self._earlier, self._epoch_seconds = state["seconds"], state["epoch_seconds"]
