"""Drawing one image of the sample: a shape with a texture, on something that is neither."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]

DRAWING_VERSION = 1
"""Part of every image's identity: raised with any change to what is drawn."""

SHAPES = ("disc", "cross", "triangle", "ring", "star", "square")
TEXTURES = ("stripes", "checks", "dots", "waves", "plain", "grain")

# Half an outline's width. This and all lengths are fractions of half the image's side, so that
# px changes no content.
_RIM = 0.08


def draw(random: np.random.Generator, px: int, shape: str, texture: str) -> NDArray[np.uint8]:
    """An image (px, px, 3) of a shape of SHAPES with a texture of TEXTURES."""
    axis = (np.arange(px, dtype=np.float32) + 0.5) * (2 / px) - 1
    x, y = axis[None, :], axis[:, None]
    colours = _colours(random)
    image = _mixed(colours[0], colours[1], _texture(random, "grain", x, y))
    for _ in range(random.integers(0, 3)):
        # Something smaller, of any shape, that does not decide the class.
        thing = SHAPES[random.integers(len(SHAPES))]
        place = _Place.drawn(random, reach=1.0, sizes=(0.08, 0.2))
        colour = random.uniform(0, 1, (3, 1, 1)).astype(np.float32)
        place.put(image, axis, thing, colour, strength=0.8)
    turned = _turned(x, y, random.uniform(-0.5, 0.5))
    pattern = _mixed(colours[2], colours[3], _texture(random, texture, *turned))
    _Place.drawn(random, reach=0.25, sizes=(0.55, 0.85)).put(
        image, axis, shape, pattern, rim=float(random.choice((0.05, 0.95)))
    )
    strength, contrast, middle = random.uniform((0.01, 0.6, 0.4), (0.06, 1.1, 0.6)).tolist()
    # The noise last: it alone draws another number of values for another px.
    image += strength * random.standard_normal(image.shape, dtype=np.float32)
    image = (image - 0.5) * contrast + middle
    levels: NDArray[np.uint8] = np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
    return levels.transpose(1, 2, 0)


@dataclass(frozen=True)
class _Place:
    """Where a shape is put, how large (radius) and how turned."""

    x: float
    y: float
    size: float
    angle: float

    @staticmethod
    def drawn(random: np.random.Generator, reach: float, sizes: tuple[float, float]) -> _Place:
        x, y = random.uniform(-reach, reach, 2).tolist()
        return _Place(x, y, random.uniform(*sizes), random.uniform(-0.5, 0.5))

    def put(
        self,
        image: Plane,
        axis: Plane,
        shape: str,
        colours: Plane,
        strength: float = 1.0,
        rim: float = 0.0,
    ) -> None:
        """Paint a shape into `image` (3, px, px); `colours` is as large, or (3, 1, 1)."""
        # No shape reaches further than 1.2 of its size; the rest of the image is not touched.
        rows = slice(*np.searchsorted(axis, (self.y - 1.2 * self.size, self.y + 1.2 * self.size)))
        columns = slice(
            *np.searchsorted(axis, (self.x - 1.2 * self.size, self.x + 1.2 * self.size))
        )
        u, v = _turned(axis[None, columns] - self.x, axis[rows, None] - self.y, self.angle)
        distance = _shape_distance(shape, u / self.size, v / self.size) * self.size
        inside = strength * np.clip(0.5 - distance * (len(axis) / 2.5), 0, 1)
        ink = colours if colours.shape[1:] == (1, 1) else colours[:, rows, columns]
        part = image[:, rows, columns]
        part += inside * (ink - part)
        if rim:
            # Without its outline, a shape's few corners are lost in its texture at 32 px.
            line = np.clip(1.4 - np.abs(distance) / _RIM, 0, 1)
            part += strength * line * (rim - part)


def _turned(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return cosine * x + sine * y, cosine * y - sine * x


def _shape_distance(name: str, u: Plane, v: Plane) -> Plane:
    """Negative inside, positive outside; about the distance to the outline of a shape of size 1."""
    radius: Plane = np.hypot(u, v)
    distance: Plane
    if name == "disc":
        distance = radius - 0.9
    elif name == "square":
        distance = np.maximum(np.abs(u), np.abs(v)) - 0.8
    elif name == "triangle":
        distance = np.maximum(-v, v * 0.5 + np.abs(u) * 0.866) - 0.55
    elif name == "ring":
        distance = np.abs(radius - 0.7) - 0.22
    elif name == "cross":
        a, b = np.abs(u), np.abs(v)
        distance = np.minimum(np.maximum(a - 0.95, b - 0.3), np.maximum(b - 0.95, a - 0.3))
    else:
        distance = radius - (0.68 + 0.32 * np.cos(5 * np.arctan2(v, u)))
    return distance


def _texture(random: np.random.Generator, name: str, u: Plane, v: Plane) -> Plane:
    """A pattern between 0 and 1."""
    wave = random.uniform(13, 18)
    first, second = random.uniform(0, 2 * math.pi, 2).tolist()
    pattern: Plane
    if name == "stripes":
        pattern = np.sin(wave * u + first)
    elif name == "checks":
        pattern = np.sign(np.sin(wave * u + first) * np.sin(wave * v + second))
    elif name == "dots":
        product = np.sin(wave * u + first) * np.sin(wave * v + second)
        pattern = np.clip(4 * product - 1.8, -1, 1)
    elif name == "waves":
        pattern = np.sin(wave * u + first + 1.6 * np.sin(0.8 * wave * v + second))
    elif name == "plain":
        pattern = 0.5 * np.sin(2 * u + first)
    else:
        # Grain: a few long waves across one another, without a direction of its own.
        waves = random.uniform((-6, -6, 0), (6, 6, 2 * math.pi), (4, 3)).tolist()
        pattern = sum(np.sin(kx * u + ky * v + phase) for kx, ky, phase in waves) / 4
    return 0.5 + 0.5 * pattern


def _colours(random: np.random.Generator) -> Plane:
    """(4, 3): two of the background, two of the texture, which differ in brightness at least."""
    colours = random.uniform(0.1, 0.9, (4, 3))
    colours[1] += 0.6 * (colours[0] - colours[1])
    gap = random.uniform(0.3, 0.6)
    middle = random.uniform(0.3, 0.7)
    for row, target in ((2, middle - gap / 2), (3, middle + gap / 2)):
        colours[row] += target - colours[row].mean()
    if random.random() < 0.5:
        colours[[2, 3]] = colours[[3, 2]]
    return colours.astype(np.float32)


def _mixed(low: Plane, high: Plane, amount: Plane) -> Plane:
    return low[:, None, None] + amount * (high - low)[:, None, None]
