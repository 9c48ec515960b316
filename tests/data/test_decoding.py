"""Odd and broken images: decoded as Pillow and torchvision do, or named with the reason."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from nas.data.decoding import decode, quiet_pillow, size_of
from nas.data.images import ImageError
from nas.data.opening import open_data
from nas.data.pixels import load_pixels
from nas.data.report import CONVERTED, HARMLESS, LEFT_OUT
from nas.errors import DataError

Draw = Callable[..., Path]


def saved(image: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int = 20, height: int = 16, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (height, width, channels), dtype=np.uint8).squeeze()


def rgb() -> PIL.Image.Image:
    return PIL.Image.fromarray(noise())


def animated() -> bytes:
    frames = [PIL.Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def turned() -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    return saved(PIL.Image.new("RGB", (20, 10)), "JPEG", exif=exif)


ODD = [
    ("a.png", saved(PIL.Image.fromarray(noise(channels=1)), "PNG"), ("grey",)),
    ("a.png", saved(rgb().convert("1"), "PNG"), ("grey",)),
    ("a.jpg", saved(rgb().convert("CMYK"), "JPEG"), ("cmyk",)),
    ("a.png", saved(rgb().convert("P"), "PNG"), ("palette",)),
    ("a.png", saved(PIL.Image.fromarray(noise(channels=4)), "PNG"), ("transparent",)),
    ("a.png", saved(rgb().convert("RGBA"), "PNG"), ()),
    ("a.png", saved(rgb(), "PNG", transparency=tuple(noise()[3, 4].tolist())), ("transparent",)),
    ("a.png", saved(PIL.Image.fromarray(noise(channels=2)), "PNG"), ("grey", "transparent")),
    ("a.gif", animated(), ("animated",)),
    ("a.jpg", saved(rgb(), "PNG"), ("misnamed",)),
    ("a.png", saved(rgb(), "JPEG"), ("misnamed",)),
    ("a.JPEG", saved(rgb(), "JPEG"), ()),
    ("a.jpg", turned(), ("turned",)),
    ("a.tiff", saved(rgb(), "TIFF"), ()),
    ("a.webp", saved(rgb(), "WEBP"), ()),
    ("a.bmp", saved(rgb(), "BMP"), ()),
    ("a.ppm", saved(rgb(), "PPM"), ()),
]


@pytest.mark.parametrize(("name", "content", "odd"), ODD)
def test_odd_images_are_converted_as_torchvisions_loader_does_and_named(
    tmp_path: Path, name: str, content: bytes, odd: tuple[str, ...]
) -> None:
    folder = pytest.importorskip("torchvision.datasets.folder")
    found = decode(content, name)
    assert set(found.odd) - {"palette"} == set(odd) - {"palette"}
    assert ("palette" in odd) <= ("palette" in found.odd)
    assert set(found.odd) <= set(CONVERTED | HARMLESS)
    (tmp_path / name).write_bytes(content)
    theirs = folder.pil_loader(tmp_path / name)
    if "turned" in odd:
        assert found.image.size == theirs.size[::-1] == (10, 20)
    else:
        assert np.array_equal(np.asarray(found.image), np.asarray(theirs))


def png_16_bit_colour() -> bytes:
    """Pillow writes no such file; the values of its one pixel are 0xff00, 0x8000, 0x0100."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0" + struct.pack(">HHH", 0xFF00, 0x8000, 0x0100))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_16_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32_768, 65_535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        found = decode(saved(PIL.Image.fromarray(values), kind), f"a.{kind.lower()}")
        assert np.asarray(found.image)[0, :, 0].tolist() == [0, 1, 128, 255]
        assert found.image.mode == "RGB"
        assert {"16-bit", "grey"} == set(found.odd)
    colour = decode(png_16_bit_colour(), "a.png")
    assert np.asarray(colour.image)[0, 0].tolist() == [255, 128, 1]
    assert colour.odd == ("16-bit",)


@pytest.mark.parametrize("highest", [1.0, 255.0])
def test_floats_are_fractions_or_bytes(highest: float) -> None:
    values = (np.array([[0, 0.5, 1]]) * highest).astype(np.float32)
    found = decode(saved(PIL.Image.fromarray(values), "TIFF"), "a.tif")
    assert np.asarray(found.image)[0, :, 0].tolist() == [0, 128, 255]


def broken_png() -> bytes:
    content = bytearray(saved(rgb(), "PNG"))
    content[60:64] = b"\0\0\0\0"
    return bytes(content)


BROKEN = [
    ("a.jpg", b"", "empty", "the file is empty"),
    ("a.jpg", saved(rgb(), "JPEG")[:-200], "truncated", "ends too early"),
    ("a.png", saved(rgb(), "PNG")[:-300], "truncated", "ends too early"),
    ("a.jpg", saved(rgb(), "JPEG")[:40], "truncated", "ends too early"),
    ("a.jpg", b"GIF, but only by its first letters", "not an image", "no format that Pillow knows"),
    ("a.png", b"<html>404</html>", "not an image", "no format that Pillow knows"),
    ("a.png", broken_png(), "unreadable", ""),
    (
        "a.tif",
        saved(PIL.Image.fromarray(np.array([[-1.0, 1e6]], dtype=np.float32)), "TIFF"),
        "unreadable",
        "values from -1 to 1e\\+06; save it with 8 or 16 bits",
    ),
]


@pytest.mark.parametrize(("name", "content", "kind", "reason"), BROKEN)
@pytest.mark.parametrize("at_least_px", [0, 4])
def test_broken_images_say_how(
    name: str, content: bytes, kind: str, reason: str, at_least_px: int
) -> None:
    with pytest.raises(ImageError, match=f"^{name}: .*{reason}") as raised:
        decode(content, name, at_least_px)
    assert raised.value.kind == kind in LEFT_OUT
    assert "\n" not in str(raised.value)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.name, again.kind, str(again)) == (name, kind, str(raised.value))


def test_a_decompression_bomb_is_named_and_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(PIL.Image.new("RGB", (40, 30)), "PNG")
    for limit in (1000, 100):  # Pillow warns over the first, and raises over twice the second
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", limit)
        with quiet_pillow(), pytest.raises(ImageError) as raised:
            decode(content, "a.png")
        assert raised.value.kind == "too large"
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", None)
    assert size_of(content, "a.png") == (40, 30)


def test_a_jpeg_may_be_decoded_smaller_but_not_below_what_is_asked() -> None:
    content = saved(rgb().resize((400, 300)), "JPEG")
    assert decode(content, "a.jpg").image.size == (400, 300)
    assert decode(content, "a.jpg", at_least_px=150).image.size == (200, 150)
    assert decode(content, "a.jpg", at_least_px=151).image.size == (400, 300)


@pytest.fixture
def odd_folder(folder: Path) -> Path:
    """Three broken training images and a grey one among sixteen good ones."""
    cat = folder / "train/cat"
    (cat / "zero.jpg").touch()
    (cat / "half.png").write_bytes(saved(rgb(), "PNG")[:-300])
    (cat / "page.jpg").write_text("<html>404</html>")
    (cat / "grey.png").write_bytes(saved(PIL.Image.fromarray(noise(channels=1)), "PNG"))
    return folder


def test_training_goes_on_without_what_is_broken(odd_folder: Path) -> None:
    data = open_data(odd_folder)
    pixels = load_pixels(data.train, None, 8, report=data.problems)
    assert len(data.train) == 20
    assert len(pixels) == len(pixels.labels) == len(pixels.images) == 17
    good = [data.train.name(int(index)) for index in pixels.indices]
    assert not {"train/cat/zero.jpg", "train/cat/half.png", "train/cat/page.jpg"} & set(good)
    assert pixels.labels.tolist() == [int("/dog/" in name) for name in good]
    assert data.problems.left_out == 3
    assert data.problems.lines() == [
        "1 image left out, empty: train/cat/zero.jpg (the file is empty)",
        "1 image left out, truncated: train/cat/half.png (the file ends too early)",
        "1 image left out, no image whatever the name says: train/cat/page.jpg "
        "(no format that Pillow knows)",
        "1 image grey, made RGB: train/cat/grey.png",
    ]


def test_strict_stops_at_the_first_by_name(odd_folder: Path) -> None:
    data = open_data(odd_folder, strict=True)
    with pytest.raises(DataError, match=r"^train/cat/grey.png: grey, made RGB; mend or remove it"):
        load_pixels(data.train, None, 8, report=data.problems)
    (odd_folder / "train/cat/grey.png").unlink()
    data = open_data(odd_folder, strict=True)
    with pytest.raises(DataError, match=r"^train/cat/half.png: the file ends too early; mend"):
        load_pixels(data.train, None, 8, report=data.problems)


def test_a_class_that_loses_all_its_images_is_one_line(folder: Path) -> None:
    for path in (folder / "train/dog").iterdir():
        path.write_bytes(b"")
    data = open_data(folder)
    message = "none of the 6 images of class 'dog' can be used; the first is train/dog/0.png: the"
    with pytest.raises(DataError, match=message):
        load_pixels(data.train, None, 8, report=data.problems)


def test_a_file_that_goes_away_is_left_out(folder: Path) -> None:
    data = open_data(folder)
    (folder / "train/dog/0.png").unlink()
    assert len(load_pixels(data.train, None, 8, report=data.problems)) == 15
    assert data.problems.found["unreadable"] == {"train/dog/0.png": "No such file or directory"}
    with pytest.raises(ImageError, match=r"train/dog/0.png: No such file"):
        data.train.size(10)
