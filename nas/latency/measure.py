"""Latency of whole networks on this machine, all of them in interleaved rounds.

`measure_latencies` is the way in; `nas latency measure` and `nas compare --latency` call it.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nas.errors import NasError, one_line
from nas.latency.errors import LatencyError
from nas.latency.machine import DEVICES, Device, load_average, pinned, usable_cores
from nas.latency.subjects import Subject, subject_of
from nas.latency.timing import (
    LEAST_ROUNDS,
    Pace,
    Run,
    chosen_clock,
    clock_called,
    interleave,
    summarise,
)
from nas.opaque import OpaqueNetwork
from nas.spec import ArchSpec

Measurable = ArchSpec | OpaqueNetwork | Subject


@dataclass(frozen=True)
class MeasureSettings:
    """How to measure.

    device: cpu or cuda (cuda:1) with PyTorch, or onnxruntime on its CPU. threads: CPU threads.
    batch: images at once; a latency is that of the whole batch. rounds, seconds, reading_seconds:
    see `nas.latency.timing.Pace`. clock: auto, cpu or wall; see `chosen_clock` there.
    """

    device: str = "cpu"
    threads: int = 1
    batch: int = 1
    rounds: int = 30
    seconds: float | None = 60.0
    reading_seconds: float = 0.003
    seed: int = 0
    clock: str = "auto"

    @property
    def pace(self) -> Pace:
        """The part that says how long."""
        return Pace(self.rounds, self.reading_seconds, self.seconds, self.seed)


@dataclass(frozen=True)
class Latency:
    """A measured latency: milliseconds of one run of `batch` images.

    minimum_ms: the reading that was disturbed least, to be compared with others of the same call.
    spread: the median over the minimum, less one. noise: why the figure is noisy, by
    `nas.latency.timing.NOISE_RULE`; empty where it is not.
    clock: "cpu" for the CPU time of the only thread, else "wall".
    layout: PyTorch's memory layout, the faster of the two here; the runtime's own elsewhere.
    load: the machine's load average when the readings ended. halves_ms: the minima of every other
    round and of the rounds between, which tell how far the minimum can be relied on.
    resolution_px: the side of the input.
    """

    name: str
    minimum_ms: float
    median_ms: float
    spread: float
    noise: str
    rounds: int
    batch: int
    clock: str
    layout: str
    device: Device
    load: float | None = None
    halves_ms: tuple[float, float] = (math.nan, math.nan)
    resolution_px: int | None = None

    @property
    def noisy(self) -> bool:
        """Whether the figure means little."""
        return bool(self.noise)

    @property
    def images_per_second(self) -> float:
        """Of the fastest reading."""
        return self.batch / self.minimum_ms * 1e3

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "resolution_px": self.resolution_px,
            "minimum_ms": self.minimum_ms,
            "median_ms": self.median_ms,
            "spread": self.spread,
            "noisy": self.noisy,
            "noise": self.noise,
            "rounds": self.rounds,
            "batch": self.batch,
            "images_per_second": self.images_per_second,
            "clock": self.clock,
            "layout": self.layout,
            "device": self.device.to_dict(),
            "load_average": self.load,
        }


def measure_latencies(
    networks: Sequence[Measurable], settings: MeasureSettings | None = None
) -> list[Latency]:
    """Measure the networks together, each once in every round; in the order given.

    Raises: LatencyError where the device, its library or the cores are not there, or a network
    does not run on it.
    """
    chosen = settings or MeasureSettings()
    check_device(chosen.device, chosen.threads)
    clock = _checked(chosen)
    subjects = [subject_of(network) for network in networks]
    if not subjects:
        return []
    with working_on(chosen.device, chosen.threads) as device:
        made = [_runnable(subject, chosen) for subject in subjects]
        try:
            readings = interleave([run for run, _ in made], chosen.pace, clock_called(clock))
        except RuntimeError as error:
            raise LatencyError(f"a network failed on {chosen.device}: {one_line(error)}") from error
    load = load_average()
    latencies = []
    for subject, (_, layout), of_one in zip(subjects, made, readings, strict=True):
        said = summarise(of_one)
        latencies.append(
            Latency(
                name=subject.name,
                minimum_ms=said.minimum_ms,
                median_ms=said.median_ms,
                spread=said.spread,
                noise=said.noise,
                rounds=said.rounds,
                batch=chosen.batch,
                clock=clock,
                layout=layout,
                device=device,
                load=load,
                halves_ms=said.halves_ms,
                resolution_px=subject.resolution_px,
            )
        )
    return latencies


@contextmanager
def working_on(device: str, threads: int) -> Iterator[Device]:
    """Threads as asked for and pinned, everything as before afterwards; tells the device."""
    from nas.latency.runners import describe_device, torch_threads

    with pinned(threads):
        if device == "onnxruntime":
            yield describe_device(device, threads)
        else:
            with torch_threads(threads):
                yield describe_device(device, threads)


def check_device(device: str, threads: int) -> None:
    """Raises: LatencyError where the device, its library or so many cores are not there."""
    kind, _, index = device.partition(":")
    if kind not in DEVICES or (index and (kind != "cuda" or not index.isdigit())):
        raise LatencyError(f"no device '{device}'; use {', '.join(DEVICES)}")
    cores = usable_cores()
    if not 1 <= threads <= cores:
        raise LatencyError(
            f"--threads is {threads}; this process may use {cores} cores, choose from 1 to {cores}"
        )
    if kind == "onnxruntime" and importlib.util.find_spec("onnxruntime") is None:
        raise LatencyError(
            "device onnxruntime needs onnxruntime, which is not installed; "
            "pip install 'compound-nas[export]'"
        )
    if kind == "cuda":
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(index or 0) >= count:
            raise LatencyError(
                f"there is no device '{device}': torch finds {count} CUDA GPUs; use --device cpu "
                "or onnxruntime, or measure on another machine: `nas latency script`"
            )


def _checked(settings: MeasureSettings) -> str:
    """The clock of settings that make sense."""
    if settings.batch < 1:
        raise LatencyError(f"--batch is {settings.batch}; it must be at least 1")
    if settings.rounds < LEAST_ROUNDS:
        raise LatencyError(
            f"--rounds is {settings.rounds}; fewer than {LEAST_ROUNDS} readings say nothing"
        )
    try:
        return chosen_clock(settings.clock, settings.device, settings.threads)
    except ValueError:
        raise LatencyError(
            f"--clock is {settings.clock}; choose auto, wall, or cpu (for one thread on a CPU only)"
        ) from None


def _runnable(subject: Subject, settings: MeasureSettings) -> tuple[Run, str]:
    """What runs the network, and its memory layout."""
    import torch

    from nas.latency.runners import faster_layout, onnx_run, torch_run

    side = subject.resolution_px
    shape = (settings.batch, subject.in_channels, side, side)
    try:
        if settings.device == "onnxruntime":
            from nas.latency.onnx_models import onnx_model

            model = onnx_model(subject, settings.batch)
            return onnx_run(model, shape, settings.threads), "the runtime's own"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            plain, other = subject.build(), subject.build()
        runs = {
            "contiguous": torch_run(plain, shape, settings.device, channels_last=False),
            "channels-last": torch_run(other, shape, settings.device, channels_last=True),
        }
        layout = faster_layout(runs["contiguous"], runs["channels-last"])
    except NasError:
        raise
    except Exception as error:
        # A library's network fails in its own way, for example at a size that it does not take.
        raise LatencyError(
            f"{subject.name} does not run on {settings.device} at {side} px: {one_line(error)}"
        ) from error
    return runs[layout], layout
