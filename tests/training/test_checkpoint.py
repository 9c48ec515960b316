"""Whatever ends a training, it goes on to the same weights; a foreign checkpoint is refused."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from learnable import coloured_squares, small_spec

from nas.data.arrays import ArrayImages
from nas.data.pixels import Pixels
from nas.data.report import Problems
from nas.data.streaming import StreamedPixels, pixel_source
from nas.errors import TrainingError
from nas.model import Network, build
from nas.training.checkpoint import FILE_NAME, data_digest
from nas.training.loop import TrainingResult, train
from nas.training.recipe import Recipe, load_recipe

EPOCHS, STEPS = 4, 6
RECIPES = ("short", "cifar", "timm")


def recipe(name: str = "short", **overrides: Any) -> Recipe:
    settings = {"epochs": EPOCHS, "batch_size": 16, **overrides}
    if name == "timm":
        settings = {**settings, "auto_augment": "rand-m3", "drop_path": 0.2, "mixup": 0.2}
    return load_recipe(name, **settings)


def run(folder: Path | None, name: str = "short", **settings: Any) -> tuple[Network, Any]:
    network = build(small_spec(dropout=0.2, drop_path=0.2), seed=0)
    values: dict[str, Any] = {"resolution": 16, "seed": 0, "device": "cpu", "folder": folder}
    images = coloured_squares(100)
    values = {**values, "recipe": recipe(name), "val_pixels": images, **settings}
    result = train(network, values.pop("train_pixels", images), **values)
    return network, result


def same(ours: Network, theirs: Network) -> bool:
    pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


class CrashError(Exception):
    """Ends a training without warning."""


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("kind", ["crash", "signal"])
def test_resumed_is_as_undisturbed(name: str, kind: str, tmp_path: Path) -> None:
    if name == "timm":
        pytest.importorskip("timm")
    undisturbed, expected = run(None, name)
    # Ends in an epoch's midst, at its last step, and at its first.
    ends = iter([4, STEPS, 2 * STEPS + 1, 3 * STEPS + 5])
    end = next(ends)

    def disturb(done: int, steps: int, images: int) -> None:
        nonlocal end
        if done == end:
            end = next(ends, 0)
            if kind == "crash":
                raise CrashError
            os.kill(os.getpid(), random.choice([signal.SIGTERM, signal.SIGINT]))

    sessions = 0
    while True:
        sessions += 1
        assert sessions < 9
        try:
            network, result = run(tmp_path, name, observe_step=disturb)
            break
        except (CrashError, KeyboardInterrupt):
            continue
    assert sessions == 5
    assert same(undisturbed, network)
    assert_same_results(expected, result)
    # A finished training is not trained again.
    network, result = run(tmp_path, name, observe_step=lambda *_: pytest.fail("trained again"))
    assert same(undisturbed, network)
    assert_same_results(expected, result)


def assert_same_results(expected: TrainingResult, found: TrainingResult) -> None:
    for theirs, ours in zip(expected.history, found.history, strict=True):
        clock = {"seconds": 0.0, "images_per_second": 0.0}
        assert dataclasses.replace(theirs, **clock) == dataclasses.replace(ours, **clock)
    assert (expected.top1, expected.val_loss) == (found.top1, found.val_loss)


def test_signals_are_as_before_afterwards(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run(tmp_path, recipe=recipe(epochs=1))
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"recipe": recipe(epochs=3)}, "its recipe.epochs is 1, here it is 3"),
        ({"recipe": recipe(epochs=1, flip=False)}, "its recipe.flip is True, here it is False"),
        ({"seed": 1}, "its seed is 0, here it is 1"),
        ({"resolution": 12}, "its resolution is 16, here it is 12"),
        ({"train_pixels": coloured_squares(104)}, "its data is"),
    ],
)
def test_a_foreign_checkpoint_is_refused_by_name(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    run(tmp_path, recipe=recipe(epochs=1))
    with pytest.raises(TrainingError) as raised:
        run(tmp_path, **{"recipe": recipe(epochs=1), **settings})
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_another_network_is_refused_by_name(tmp_path: Path) -> None:
    run(tmp_path, recipe=recipe(epochs=1))
    images = coloured_squares(100)
    other = build(dataclasses.replace(small_spec(), activation="relu"), seed=0)
    with pytest.raises(TrainingError, match="its network is"):
        train(other, images, images, recipe(epochs=1), resolution=16, seed=0, folder=tmp_path)


def test_a_label_is_not_part_of_the_identity(tmp_path: Path) -> None:
    run(tmp_path, recipe=recipe(epochs=1))
    run(tmp_path, recipe=dataclasses.replace(recipe(epochs=1), name="mine", source="me"))


class Evil:
    """Would run code if it were unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("evil",))


@pytest.mark.parametrize("damage", ["empty", "half", "noise", "code", "other"])
def test_a_damaged_checkpoint_is_refused(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / FILE_NAME
    run(tmp_path, recipe=recipe(epochs=1))
    content = path.read_bytes()
    if damage == "code":
        torch.save({"format": 1, "identity": Evil()}, path)
    elif damage == "other":
        torch.save([1, 2], path)
    else:
        damaged = {"empty": b"", "half": content[: len(content) // 2], "noise": b"\x80" * 999}
        path.write_bytes(damaged[damage])
    with pytest.raises(TrainingError, match=r"cannot be read .*delete it to begin anew") as raised:
        run(tmp_path, recipe=recipe(epochs=1))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "evil").exists()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    torch.save({"format": 99, "identity": {}}, tmp_path / FILE_NAME)
    with pytest.raises(TrainingError, match="has format 99, this version reads 1"):
        run(tmp_path)


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE_NAME, "log.csv"]


SCRIPT = """
import sys, torch
from pathlib import Path
from test_checkpoint import run
network, result = run(Path(sys.argv[1]), "cifar")
torch.save(network.state_dict(), sys.argv[2])
"""


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_the_same(tmp_path: Path) -> None:
    expected, _ = run(None, "cifar")
    draws = random.Random(0)
    out = tmp_path / "weights.pt"
    here = str(Path(__file__).parent)
    path = os.pathsep.join([here, os.environ.get("PYTHONPATH", ""), str(Path.cwd())])
    # Sums are taken in another order by another number of threads.
    threads = str(torch.get_num_threads())
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": threads}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "run"), str(out)]
    checkpoint = tmp_path / "run" / FILE_NAME
    kills = 0
    while not out.exists():
        assert kills < 60
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        # Starting takes seconds and an epoch a tenth of one: wait for a sign of life.
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None:
            if checkpoint.exists() and checkpoint.stat().st_mtime_ns != before:
                break
            time.sleep(0.002)
        time.sleep(draws.random() * 0.1)
        process.send_signal(draws.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        process.wait(240)
        kills += 1
    found = torch.load(out, weights_only=True)
    for name, value in expected.state_dict().items():
        assert torch.equal(value, found[name]), name


def test_free_memory_is_no_part_of_the_identity(squares: Pixels) -> None:
    numbers = squares.labels.numpy()
    images = ArrayImages(
        "train", squares.classes, squares.images.permute(0, 2, 3, 1).numpy(), numbers
    )
    digests = []
    for limit, kind in ((1 << 30, Pixels), (0, StreamedPixels)):
        source = pixel_source(images, None, 16, report=Problems(), memory_limit_bytes=limit)
        assert type(source) is kind
        digests.append(data_digest(source))
    assert digests[0] == digests[1]
    fewer = pixel_source(images, range(95), 16, report=Problems())
    assert data_digest(fewer) != digests[0]


def test_on_another_kind_of_device_the_schedule_goes_on(tmp_path: Path) -> None:
    _, expected = run(None)

    def interrupt(done: int, steps: int, images: int) -> None:
        if done == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, observe_step=interrupt)
    content = torch.load(tmp_path / FILE_NAME, weights_only=True)
    assert (content["done"], content["random"]["device"]) == (4, "cpu")
    # A generator of CUDA has 16 bytes, which one of the CPU refuses.
    state = torch.zeros(16, dtype=torch.uint8)
    content["random"].update(device="cuda", generator=state, cuda=state)
    torch.save(content, tmp_path / FILE_NAME)
    seen: list[int] = []
    _, result = run(tmp_path, observe_step=lambda done, *_: seen.append(done))
    assert seen == list(range(5, EPOCHS * STEPS + 1))
    rates = [[report.learning_rate for report in r.history] for r in (expected, result)]
    assert rates[0] == rates[1]
