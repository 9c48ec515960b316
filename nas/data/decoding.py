"""Bytes to an upright RGB image, by Pillow; what is odd about them is said, not guessed at.

Pillow alone decodes. What is added here: 16 bits are scaled, not clipped; EXIF orientation is
applied; and every way in which a file can be broken ends as an `ImageError` with a kind.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.data.images import Decoded, ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

_ORIENTATION_TAG = 0x0112
# What Pillow calls the format -> endings that say the same. MPO is what phones call a JPEG with a
# second, smaller picture; it is a JPEG to everybody else.
_JPEG_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif")
_ENDINGS = {
    "JPEG": _JPEG_ENDINGS,
    "MPO": _JPEG_ENDINGS,
    "PNG": (".png", ".apng"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
}
EXTENSIONS = tuple(ending for endings in _ENDINGS.values() for ending in endings)
"""Endings, in lower case, that make a file an image by its name."""


def decode(content: bytes, name: str, at_least_px: int = 0) -> Decoded:
    """Decode to RGB, upright; see `Images.decode`.

    Raises: ImageError, of kind "empty", "truncated", "not an image", "too large" or "unreadable".
    """
    image = _opened(content, name)
    try:
        odd = _oddities(image, name)
        if at_least_px and image.format in ("JPEG", "MPO"):
            # Pillow halves as long as both sides stay at least as long as asked.
            image.draft("RGB", (at_least_px, at_least_px))
        image.load()
        turned = _upright(image)
        if turned is not image:
            odd.append("turned")
        return Decoded(_rgb(turned, name, odd), tuple(dict.fromkeys(odd)))
    except ImageError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plug-ins raise nearly any kind for broken data
        raise ImageError(name, *_reason(error)) from None


def size_of(content: bytes, name: str) -> tuple[int, int]:
    """(width, height) from the header. Raises: ImageError."""
    image = _opened(content, name)
    return image.width, image.height


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings about single images off the screen: `decode` reports them.

    Enter it where threads are started, not in each: the filters of `warnings` are the process's.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.filterwarnings("ignore", message=r".*decompression bomb.*")
        yield


def _opened(content: bytes, name: str) -> Image:
    import PIL.Image

    if not content:
        raise ImageError(name, "empty", "the file is empty")
    try:
        image = PIL.Image.open(io.BytesIO(content))
    except PIL.UnidentifiedImageError:
        raise ImageError(name, "not an image", "no format that Pillow knows") from None
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(name, *_reason(error)) from None
    limit = PIL.Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise ImageError(
            name,
            "too large",
            f"{image.width} x {image.height} px is over Pillow's {limit / 1e6:.0f}M pixels",
        )
    return image


def _reason(error: Exception) -> tuple[str, str]:
    text = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == "DecompressionBombError":
        return "too large", text
    broken_off = ("truncated", "not enough image data", "unexpected end")
    if isinstance(error, EOFError) or any(sign in text.lower() for sign in broken_off):
        return "truncated", "the file ends too early"
    return "unreadable", text


def _oddities(image: Image, name: str) -> list[str]:
    odd = []
    ending = PurePath(name).suffix.lower()
    expected = _ENDINGS.get(image.format or "", ())
    if ending in EXTENSIONS and ending not in expected:
        odd.append("misnamed")
    if image.format != "MPO" and getattr(image, "is_animated", False):
        odd.append("animated")
    if image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16"):
        odd.append("grey")
    if image.mode in ("I", "F") or image.mode.startswith("I;16") or _stored_in_16_bits(image):
        odd.append("16-bit")
    if image.mode == "CMYK":
        odd.append("cmyk")
    if image.mode in ("P", "PA"):
        odd.append("palette")
    return odd


def _stored_in_16_bits(image: Image) -> bool:
    # Pillow reads 16-bit colour into 8 bits by itself (the high byte); only its plan tells.
    return any("16" in str(tile[3]) and ";" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _upright(image: Image) -> Image:
    from PIL import ImageOps

    if image.format in ("JPEG", "MPO") and "exif" not in image.info:
        return image
    try:
        if image.getexif().get(_ORIENTATION_TAG, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    except Exception:  # a picture is not lost for its camera's broken notes
        return image


def _rgb(image: Image, name: str, odd: list[str]) -> Image:
    import PIL.Image

    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return PIL.Image.fromarray(_eight_bits(np.asarray(image), name)).convert("RGB")
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        # Opaque alpha changes nothing; a transparent pixel's colour is whatever was stored there,
        # as torchvision's loader has it too.
        if np.asarray(image.getchannel("A")).min() < 255:
            odd.append("transparent")
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Wide values as uint8. 16 bits: 0..65535 to 0..255. Floats: 0..1 or 0..255 to 0..255."""
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > 65535:
        raise ImageError(
            name, "unreadable", f"values from {low:g} to {high:g}; save it with 8 or 16 bits"
        )
    if values.dtype.kind == "f":
        factor = 255.0 if high <= 1 else 1.0 if high <= 255 else 1 / 257
    else:
        factor = 1 / 257
    scaled: NDArray[np.float32] = np.rint(values.astype(np.float32) * np.float32(factor))
    return scaled.astype(np.uint8)
