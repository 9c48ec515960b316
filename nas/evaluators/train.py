"""`train`: top-1 accuracy of a short training from scratch, measured on images held out for it.

Candidates are trained on search-train and judged on search-val; test images are never read. Same
network, same seed, same accuracy, on one CPU.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import math
import multiprocessing
import os
import shutil
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import ConfigError, DataError, EvaluationError, TrainingError
from nas.evaluators.base import Accuracy, EvaluationContext, PrunedError, no_report
from nas.evaluators.train_settings import OPTIONS, read_settings
from nas.files import write_text_atomic
from nas.spec import ArchSpec
from nas.units import how_many

if TYPE_CHECKING:
    from nas.evaluators.train_images import SearchImages
    from nas.model import Network
    from nas.training.loop import EpochReport

# What a CUDA context that a candidate has broken answers to everything, until its process ends.
_BROKEN_CUDA = ("device-side assert", "illegal memory access", "unspecified launch failure")
# Images, in batches, that a trial of the speed trains on.
_TRIED_BATCHES = 8


class TrainEvaluator:
    """Trains each candidate by `nas.training.loop.train`; see docs/evaluators.md.

    Where there is a folder, a network's results lie in `DIGEST/seed-N.json`, and while it trains
    its checkpoint in `DIGEST/seed-N/`: an evaluation that was killed goes on inside.
    """

    name = "train"
    cheap = False
    option_names = OPTIONS

    def check(self, context: EvaluationContext) -> None:
        """Read the settings, open the images and divide them, without decoding any."""
        from nas.data.opening import open_data
        from nas.data.splitting import search_split
        from nas.evaluators.train_subset import subset_of

        settings = read_settings(context.options)
        if settings.device is not None:
            _check_device(settings.device)
        data = open_data(settings.data)
        if context.space is None:
            return
        from nas.space import random_network

        arch, _ = random_network(context.space, context.seed)
        if arch.classes != len(data.classes):
            raise EvaluationError(
                f"{data.name} has {len(data.classes)} classes and the networks tell {arch.classes} "
                f"apart; leave --classes out, or give --classes {len(data.classes)}"
            )
        if arch.in_channels != 3:
            raise EvaluationError(
                f"--in-channels is {arch.in_channels}; images are read as RGB, so it must be 3"
            )
        subset_of(data, search_split(data.train).search_train, settings.subset)

    def prepare(self, context: EvaluationContext) -> None:
        """Open and divide the images; they are decoded for the first network's resolution."""
        import torch

        from nas.evaluators.train_images import SearchImages
        from nas.training.devices import chosen_device

        settings = read_settings(context.options)
        self._settings = settings
        self._folder = context.folder
        self._report = context.report
        self._device = str(chosen_device(settings.device))
        if settings.workers > 1 and "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // settings.workers))
        self._images: SearchImages = SearchImages(settings, self._device, context.folder)

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """Mean top-1 on search-val of trainings with seeds `seed`, `seed` + 1, ...

        sd: of such a mean, from the spread of its trainings, where there are several.
        Raises: PrunedError where the first of them was stopped; DivergedError; DataError.
        """
        results = [self._train(arch, seed + n, first=n == 0) for n in range(self._settings.seeds)]
        values = [float(result["top1"]) for result in results]
        count = len(values)
        return Accuracy(
            statistics.fmean(values),
            self.source,
            sd=statistics.stdev(values) / math.sqrt(count) if count > 1 else None,
            seconds=sum(float(result["seconds"]) for result in results),
        )

    @property
    def source(self) -> str:
        """What kind of number the accuracies are."""
        settings, data = self._settings, self._images.data
        part = (
            "" if settings.subset is None else f", {how_many(self._images.train_images, 'image')}"
        )
        seeds = "" if settings.seeds == 1 else f", mean of {settings.seeds} seeds"
        toy = ", toy data" if data.toy else ""
        return (
            f"measured top-1 on search-val of {data.name}, "
            f"{how_many(settings.recipe.epochs, 'epoch')}, recipe {settings.recipe.name}"
            f"{part}{seeds}{toy}"
        )

    def try_seconds(self, context: EvaluationContext, arch: ArchSpec) -> float:
        """Seconds of a training of `arch`, from two short epochs on a few batches of images."""
        options = {**context.options, "train_seeds": 1}
        self.prepare(EvaluationContext(context.space, context.seed, options=options))
        whole, recipe = self._images.train_images, self._settings.recipe
        few = max(_TRIED_BATCHES * recipe.batch_size, len(self._images.data.classes))
        if few < whole:
            self.prepare(
                EvaluationContext(context.space, context.seed, options={**options, "subset": few})
            )
        from nas.model import build
        from nas.training.loop import train

        train_pixels, _ = self._images.at(arch.resolution)
        result = train(
            build(arch, seed=context.seed),
            train_pixels,
            None,
            dataclasses.replace(recipe, epochs=2),
            resolution=arch.resolution,
            seed=context.seed,
            device=self._device,
        )
        start, steady = (report.seconds for report in result.history)
        # An evaluation is a forward pass: about a third of a step.
        judging = self._images.val_images / whole / 3
        epoch = steady * whole / self._images.train_images * (1 + judging)
        seeds = int(context.options.get("train_seeds", 1))
        return float(seeds * (recipe.epochs * epoch + max(0.0, start - steady)))

    def _train(self, arch: ArchSpec, seed: int, *, first: bool) -> dict[str, Any]:
        """One training's result: the recorded one where it is finished, else by training."""
        place = None if self._folder is None else self._folder / arch.digest()[:32]
        record = None if place is None else place / f"seed-{seed}.json"
        result = _read(record)
        if result is None:
            checkpoints = None if place is None else place / f"seed-{seed}"
            result = self._train_now(arch, seed, checkpoints, first)
            if record is not None:
                # Kept: a driver that is killed before it has noted the answer asks again.
                write_text_atomic(record, json.dumps(result) + "\n")
        if place is not None:
            shutil.rmtree(place / f"seed-{seed}", ignore_errors=True)
        if "pruned" in result:
            raise PrunedError(int(result["pruned"]), float(result["top1"]))
        return result

    def _train_now(
        self, arch: ArchSpec, seed: int, checkpoints: Path | None, first: bool
    ) -> dict[str, Any]:
        import torch

        from nas.training.checkpoint import FILE_NAME
        from nas.training.loop import DivergedError, train

        recipe = self._settings.recipe
        # A pruner watches the first training; what follows is of a network that it let through.
        report = self._report if first else no_report

        def observe(epoch: EpochReport) -> bool:
            if epoch.top1 is None:
                return False
            stop = report(epoch.epoch, epoch.top1)
            # After the last epoch there is nothing left to save.
            return stop and epoch.epoch < recipe.epochs

        train_pixels, val_pixels = self._images.at(arch.resolution)
        checkpoint = None if checkpoints is None else checkpoints / FILE_NAME
        goes_on = checkpoint is not None and checkpoint.exists()
        try:
            result = train(
                self._network(arch, seed),
                train_pixels,
                val_pixels,
                recipe,
                resolution=arch.resolution,
                seed=seed,
                device=self._device,
                folder=checkpoints,
                observe=observe,
                pretrained=self._settings.pretrained is not None,
            )
        except Exception as error:
            if checkpoints is not None:
                shutil.rmtree(checkpoints, ignore_errors=True)
            _end_if_broken(error)
            refused = isinstance(error, TrainingError) and not isinstance(error, DivergedError)
            if refused and goes_on and checkpoint is not None and not checkpoint.exists():
                # A damaged or foreign checkpoint says nothing about the network.
                return self._train_now(arch, seed, checkpoints, first)
            raise
        finally:
            if self._device.startswith("cuda"):
                # What a candidate held must not stand in the way of the next.
                gc.collect()
                torch.cuda.empty_cache()
        if result.top1 is None:
            raise EvaluationError(f"network {arch.digest()[:8]} was trained and not judged")
        ended = {"pruned": result.epochs} if result.epochs < recipe.epochs else {}
        return {"top1": result.top1, "seconds": result.seconds, "epochs": result.epochs, **ended}

    def _network(self, arch: ArchSpec, seed: int) -> Network:
        """`arch` with fresh weights, or with those of the file that it is fine-tuned from."""
        if self._settings.pretrained is None:
            from nas.model import build

            return build(arch, seed=seed)
        from nas.training.finetune import adopted, starting_network
        from nas.training.initial import read_initial

        initial = read_initial(Path(self._settings.pretrained), arch)
        spec = adopted(arch, initial)
        network, _ = starting_network(spec, initial, self._images.data.classes, seed=seed)
        return network


def _check_device(device: str) -> None:
    from nas.training.devices import chosen_device

    kind, _, number = device.partition(":")
    if kind == "cuda" and number.isdigit() and int(number):
        raise ConfigError(
            f"--device {device}: each worker sees one GPU, which it calls cuda; set "
            f"CUDA_VISIBLE_DEVICES={number} and leave the number out"
        )
    chosen_device(device)


def _read(record: Path | None) -> dict[str, Any] | None:
    if record is None or not record.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    except ValueError:
        raise DataError(
            f"{record} is damaged; delete it, and the network is trained again"
        ) from None
    return content


def _end_if_broken(error: Exception) -> None:
    """End a worker whose GPU context is broken: it would fail every later network too.

    The driver replaces it, tries the network again, and sets it aside the third time.
    """
    broken = any(words in str(error) for words in _BROKEN_CUDA)
    if broken and multiprocessing.parent_process() is not None:
        os._exit(70)
