"""Pixels: what torchvision's Resize and CenterCrop make, in order, cached, or streamed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from nas.data.images import DataSet, Images
from nas.data.memory import _container, _machine, available_memory_bytes, room_bytes
from nas.data.opening import open_data
from nas.data.packing import pack
from nas.data.pixels import Pixels, load_pixels
from nas.data.report import Problems
from nas.data.resolution import stored_px, suggest_resolution
from nas.data.squares import draft_px
from nas.data.streaming import StreamedPixels, pixel_source
from nas.errors import DataError

Draw = Callable[..., Path]


@pytest.fixture
def odd_sizes(tmp_path: Path, draw: Draw) -> DataSet:
    sizes = [(40, 30), (30, 41), (33, 33), (16, 90), (16, 16), (9, 12), (101, 57), (17, 16)]
    for number, size in enumerate(sizes):
        draw(f"sizes/train/{'ab'[number % 2]}/{number}.png", size)
    return open_data(tmp_path / "sizes")


def test_pixels_are_those_of_torchvisions_resize_and_centre_crop(odd_sizes: DataSet) -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    prepare = v2.Compose([
        v2.Resize(16, v2.InterpolationMode.BICUBIC, antialias=True),
        v2.CenterCrop(16),
        v2.PILToTensor(),
    ])  # fmt: skip
    pixels = load_pixels(odd_sizes.train, None, 16, report=Problems(strict=True))
    assert pixels.images.shape == (8, 3, 16, 16)
    assert (pixels.images.dtype, pixels.labels.dtype) == (torch.uint8, torch.int64)
    assert pixels.labels.tolist() == odd_sizes.train.labels.tolist()
    for index in range(8):
        assert torch.equal(pixels.images[index], prepare(odd_sizes.train.read(index)))


@pytest.mark.parametrize("px", [64, 120])
def test_a_photographs_draft_differs_less_than_two_ways_of_resizing_do(
    tmp_path: Path, px: int
) -> None:
    axis = np.linspace(0, 6, 640)
    waves = np.sin(axis[:, None] * 9 + np.cos(axis * 5)) * 90 + 128
    grain = np.random.default_rng(0).normal(0, 12, (640, 640, 3))
    image = np.stack([waves, waves.T, np.hypot(*np.meshgrid(axis, axis)) * 25], axis=-1) + grain
    for name in "ab":
        (tmp_path / "x/train" / name).mkdir(parents=True)
        path = tmp_path / "x/train" / name / "photo.jpg"
        PIL.Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(path, quality=92)
    images = open_data(tmp_path / "x").train
    assert images.decode(0, at_least_px=draft_px(px)).image.size[0] < 640
    ours = load_pixels(images, [0], px, report=Problems()).images[0].numpy().transpose(1, 2, 0)
    full = images.read(0)
    bicubic, bilinear = (
        np.asarray(full.resize((px, px), way), dtype=int)
        for way in (PIL.Image.Resampling.BICUBIC, PIL.Image.Resampling.BILINEAR)
    )
    assert np.abs(ours - bicubic).mean() < np.abs(bilinear - bicubic).mean() < 5


def test_chosen_images_come_in_the_order_asked_for(odd_sizes: DataSet) -> None:
    everything = load_pixels(odd_sizes.train, None, 12, report=Problems())
    some = load_pixels(odd_sizes.train, np.array([5, 0, 3]), 12, report=Problems())
    assert torch.equal(some.images, everything.images[[5, 0, 3]])
    assert some.labels.tolist() == everything.labels[[5, 0, 3]].tolist()
    assert some.indices.tolist() == [5, 0, 3]
    with pytest.raises(DataError, match="there are no images to decode"):
        load_pixels(odd_sizes.train, [], 12, report=Problems())


def test_batches_follow_the_order_and_the_last_is_short(odd_sizes: DataSet) -> None:
    pixels = load_pixels(odd_sizes.train, None, 8, report=Problems()).to("cpu")
    order = torch.tensor([7, 1, 1, 4, 0])
    batches = list(pixels.batches(order, 2))
    assert [len(labels) for _, labels in batches] == [2, 2, 1]
    assert torch.equal(torch.cat([images for images, _ in batches]), pixels.images[order])
    assert torch.equal(torch.cat([labels for _, labels in batches]), pixels.labels[order])


class Counted:
    """Passes on to `images` and counts decodings."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self.decoded = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._images, name)

    def __len__(self) -> int:
        return len(self._images)

    def decode(self, index: int, at_least_px: int = 0) -> object:
        self.decoded += 1
        return self._images.decode(index, at_least_px)


def cached(data: DataSet, folder: Path, px: int = 8) -> tuple[Pixels, int, Problems]:
    images, report = Counted(data.train), Problems()
    pixels = load_pixels(images, None, px, report=report, cache=folder)  # type: ignore[arg-type]
    return pixels, images.decoded, report


def test_the_cache_gives_the_same_without_decoding(folder: Path, tmp_path: Path) -> None:
    (folder / "train/cat/0.png").write_bytes(b"")
    cache = tmp_path / "cache"
    first, decoded, report = cached(open_data(folder), cache)
    again, decoded_again, report_again = cached(open_data(folder), cache)
    assert (decoded, decoded_again) == (16, 0)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert torch.equal(first.indices, again.indices)
    assert report.found == report_again.found != {}
    assert cached(open_data(folder), cache, px=9)[1] == 16
    assert len(list(cache.iterdir())) == 2


def test_changed_images_and_damaged_caches_are_decoded_again(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cached(open_data(folder), cache)
    (folder / "train/cat/1.png").write_bytes((folder / "train/cat/2.png").read_bytes())
    assert cached(open_data(folder), cache)[1] == 16
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    pixels, decoded, _ = cached(open_data(folder), cache)
    assert (len(pixels), decoded) == (16, 16)
    assert cached(open_data(folder), cache)[1] == 0


def test_a_cache_that_cannot_be_written_stops_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert len(cached(open_data(folder), tmp_path / "file")[0]) == 16


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_pixels_are_the_same_epoch_after_epoch(folder: Path, workers: int) -> None:
    data = open_data(folder)
    held = load_pixels(data.train, None, 8, report=Problems())
    streamed = StreamedPixels(data.train, None, 8, report=Problems(), workers=workers).to("cpu")
    assert (len(streamed), streamed.px, streamed.classes) == (16, 8, held.classes)
    assert torch.equal(streamed.labels, held.labels)
    for seed in range(3):
        order = torch.randperm(16, generator=torch.Generator().manual_seed(seed))
        batches = zip(held.batches(order, 6), streamed.batches(order, 6), strict=True)
        for (images, labels), (streamed_images, streamed_labels) in batches:
            assert torch.equal(images, streamed_images)
            assert torch.equal(labels, streamed_labels)
        next(iter(streamed.batches(order, 6)))  # an epoch that is broken off harms no later one


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_leaves_out_what_is_broken_and_fills_its_batches(
    folder: Path, workers: int
) -> None:
    for name in ("cat/1.png", "cat/2.png", "dog/3.png"):
        (folder / "train" / name).write_bytes(b"not an image")
    data, report = open_data(folder), Problems()
    held = load_pixels(data.train, None, 8, report=report)
    met = Problems()
    streamed = StreamedPixels(data.train, None, 8, report=met, workers=workers)
    for _ in range(2):
        batches = list(streamed.batches(torch.arange(16), 5))
        assert [len(labels) for _, labels in batches] == [5, 5, 3]
        assert torch.equal(torch.cat([images for images, _ in batches]), held.images)
        assert torch.equal(torch.cat([labels for _, labels in batches]), held.labels)
    assert met.found == report.found
    assert met.left_out == 3
    strict = StreamedPixels(data.train, None, 8, report=Problems(strict=True), workers=workers)
    with pytest.raises(DataError, match=r"train/cat/1.png: no format that Pillow knows; mend"):
        list(strict.batches(torch.arange(16), 5))


@pytest.mark.parametrize("workers", [0, 2])
def test_whole_batches_have_the_next_readable_image_for_one_that_is_broken(
    folder: Path, workers: int
) -> None:
    names = [open_data(folder).train.name(index) for index in range(16)]
    broken = (1, 2, 15)
    for index in broken:
        (folder / names[index]).write_bytes(b"not an image")
    images, met = open_data(folder).train, Problems()
    good = load_pixels(images, None, 8, report=Problems())
    place = {int(index): row for row, index in enumerate(good.indices)}
    expected = [place[{1: 3, 2: 3, 15: 0}.get(index, index)] for index in range(16)]
    streamed = StreamedPixels(images, None, 8, report=met, workers=workers)
    order = torch.tensor([2, 9, 1, 15, 4, 5, 6, 7, 8, 3, 0])
    for _ in range(2):
        batches = list(streamed.whole_batches(order, 4))
        assert [len(labels) for _, labels in batches] == [4, 4, 3]
        wanted = [expected[index] for index in order.tolist()]
        assert torch.equal(torch.cat([images for images, _ in batches]), good.images[wanted])
        assert torch.equal(torch.cat([labels for _, labels in batches]), good.labels[wanted])
    assert met.left_out == 3
    # What another source of the same images has learnt is not asked again.
    assert torch.equal(next(streamed.to("cpu").whole_batches(order, 4))[0], batches[0][0])
    held = list(good.whole_batches(torch.arange(13), 5))
    assert [len(labels) for _, labels in held] == [5, 5, 3]


def test_a_stream_without_one_good_image_is_one_line(folder: Path) -> None:
    for path in (folder / "train").rglob("*.*"):
        path.write_bytes(b"")
    streamed = StreamedPixels(open_data(folder).train, None, 8, report=Problems(), workers=0)
    with pytest.raises(DataError, match="none of 16 images can be read"):
        list(streamed.batches(torch.arange(16), 5))
    with pytest.raises(DataError, match="none of 16 images can be read"):
        list(streamed.whole_batches(torch.arange(16), 5))


def test_a_packed_file_streams_to_worker_processes(folder: Path, tmp_path: Path) -> None:
    pack(open_data(folder), tmp_path / "pets.safetensors", report=Problems())
    images = open_data(tmp_path / "pets.safetensors").train
    streamed = StreamedPixels(images, [3, 1], 8, report=Problems(), workers=1)
    (found,) = streamed.batches(torch.arange(2), 5)
    assert torch.equal(found[0], load_pixels(images, [3, 1], 8, report=Problems()).images)


def test_the_memory_limit_decides_what_is_held(folder: Path) -> None:
    images = open_data(folder).train
    needed = 16 * 3 * 8 * 8
    for limit, kind in ((None, Pixels), (needed, Pixels), (needed - 1, StreamedPixels)):
        source = pixel_source(images, None, 8, report=Problems(), memory_limit_bytes=limit)
        assert type(source) is kind


def test_free_memory_is_the_machines_or_the_containers(tmp_path: Path) -> None:
    assert 1 << 20 < available_memory_bytes() < 1 << 50
    (tmp_path / "meminfo").write_text("MemFree: 7 kB\nMemAvailable:  2048 kB\n")
    assert _machine(tmp_path / "meminfo") == 2048 * 1024
    assert _machine(tmp_path / "none") > 1 << 20
    assert _container(tmp_path) == 1 << 62
    (tmp_path / "memory.current").write_text("400\n")
    for limit, free in (("max", 1 << 62), ("1000", 600), ("300", 0)):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        assert _container(tmp_path) == free


def test_pixels_leave_a_device_room_for_other_things(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.device] = []

    def free(device: torch.device) -> tuple[int, int]:
        asked.append(device)
        return 1000, 9000

    monkeypatch.setattr(torch.cuda, "mem_get_info", free)
    assert room_bytes(torch.device("cuda", 1)) == 300
    assert asked == [torch.device("cuda", 1)]
    monkeypatch.setattr("nas.data.memory.available_memory_bytes", lambda: 1000)
    assert room_bytes(torch.device("cpu")) == 400


@pytest.mark.parametrize(
    ("side", "suggested", "kept"),
    [(28, 32, 32), (32, 32, 32), (64, 64, 64), (100, 104, 104), (240, 224, 240), (500, 224, 256)],
)
def test_the_resolution_follows_the_images(
    draw: Draw, tmp_path: Path, side: int, suggested: int, kept: int
) -> None:
    for name in ("a/1", "a/2", "a/3", "b/1", "b/2"):
        draw(f"d/train/{name}.png", (side, side + 50))
    images = open_data(tmp_path / "d").train
    assert suggest_resolution(images) == suggested
    assert stored_px(images, suggested) == kept
    assert stored_px(images, 16) == 18
    (tmp_path / "d/train/a/1.png").write_bytes(b"")
    assert suggest_resolution(images) == suggested
    for path in (tmp_path / "d").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no image can be read; the last: train/b/2.png: the file"):
        suggest_resolution(images)
