"""Digits that are drawn by code: with pen strokes and fonts, on any paper.

The drawing functions return ink: float64 [height, width], 0 (none) to 1 (full).
"""

import math
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Ink = NDArray[np.float64]
Point = tuple[float, float]

FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
DIGITS = "0123456789"


def _arc(x: float, y: float, radius: Point, degrees: Point) -> list[Point]:
    """Return points of an ellipse's arc; 0 degrees is right, 90 is down."""
    angles = np.radians(np.linspace(*degrees, 24))
    return [(x + radius[0] * math.cos(a), y + radius[1] * math.sin(a)) for a in angles]


# Each digit as a person writes it: pen strokes in the unit square, y downwards.
STROKES: dict[str, list[list[Point]]] = {
    "0": [_arc(0.5, 0.5, (0.3, 0.42), (-80, 285))],
    "1": [[(0.44, 0.1), (0.5, 0.06), (0.47, 0.5), (0.45, 0.94)]],
    "2": [[*_arc(0.48, 0.3, (0.26, 0.22), (190, 380)), (0.5, 0.7), (0.2, 0.92), (0.85, 0.88)]],
    "3": [[*_arc(0.45, 0.28, (0.28, 0.2), (200, 440)), *_arc(0.45, 0.7, (0.33, 0.23), (-80, 150))]],
    "4": [[(0.3, 0.08), (0.2, 0.52), (0.82, 0.5)], [(0.7, 0.1), (0.66, 0.5), (0.6, 0.96)]],
    "5": [[(0.34, 0.1), (0.3, 0.45), *_arc(0.45, 0.67, (0.3, 0.26), (-110, 140))],
          [(0.34, 0.1), (0.8, 0.08)]],
    "6": [[(0.65, 0.06), (0.38, 0.35), *_arc(0.5, 0.7, (0.25, 0.22), (190, 540))]],
    "7": [[(0.16, 0.14), (0.82, 0.1), (0.56, 0.5), (0.4, 0.95)]],
    "8": [[*_arc(0.5, 0.28, (0.23, 0.2), (80, -250)), *_arc(0.48, 0.72, (0.28, 0.23), (-75, 290))]],
    "9": [[*_arc(0.48, 0.3, (0.24, 0.22), (10, -350)), (0.7, 0.6), (0.58, 0.95)]],
}  # fmt: skip


@cache
def handwritten(digit: str, side: int = 200, thickness: float = 0.08, slant: float = 0.0) -> Ink:
    """Draw a digit by its pen strokes, in the middle of a square canvas.

    Args:
        digit: "0" to "9".
        side: the canvas's side in pixels; the digit takes 70% of it.
        thickness: the pen's width as a share of the digit's height.
        slant: how far the digit leans to the right, as a share of its height.
    """
    scale = 4 if side <= 1000 else 1  # drawn larger and reduced: smooth edges
    canvas = Image.new("L", (side * scale, side * scale))
    pen = ImageDraw.Draw(canvas)
    size, margin = 0.7 * side * scale, 0.15 * side * scale
    width = max(1.0, thickness * size)
    for stroke in STROKES[digit]:
        points = [(margin + size * (x + slant * (0.5 - y)), margin + size * y) for x, y in stroke]
        _draw_stroke(pen, points, width)
    return np.asarray(canvas.reduce(scale), dtype=np.float64) / 255.0


def _draw_stroke(pen: ImageDraw.ImageDraw, points: Sequence[Point], width: float) -> None:
    pen.line(list(points), fill=255, width=round(width), joint="curve")
    for x, y in (points[0], points[-1]):
        r = width / 2
        pen.ellipse([x - r, y - r, x + r, y + r], fill=255)


@cache
def printed(digit: str, side: int = 200, font: str = "DejaVuSans.ttf", share: float = 0.7) -> Ink:
    """Draw a digit in a font's shape, in the middle of a square canvas."""
    canvas = Image.new("L", (side, side))
    shape = ImageFont.truetype(str(FONTS / font), round(side * share))
    ImageDraw.Draw(canvas).text((side / 2, side / 2), digit, fill=255, font=shape, anchor="mm")
    return np.asarray(canvas, dtype=np.float64) / 255.0


def hairline(digit: str, side: int = 400) -> Ink:
    """Draw a digit with a line of a single pixel, without smooth edges."""
    canvas = Image.new("L", (side, side))
    pen = ImageDraw.Draw(canvas)
    for stroke in STROKES[digit]:
        pen.line([(side * (0.15 + 0.7 * x), side * (0.15 + 0.7 * y)) for x, y in stroke], 255, 1)
    return np.asarray(canvas, dtype=np.float64) / 255.0


def place(ink: Ink, height: int, width: int, top: int, left: int) -> Ink:
    """Put ink somewhere on a larger canvas."""
    canvas = np.zeros((height, width))
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return canvas


def grey(ink: Ink, *, paper: float = 255, pen: float = 0) -> Image.Image:
    """Return ink on paper as a grey picture; `paper` and `pen` are grey levels 0..255."""
    return Image.fromarray((paper + (pen - paper) * ink).round().astype(np.uint8))


def phone_photo(ink: Ink, seed: int = 0) -> Image.Image:
    """Return ink as in a phone's photo: grey paper, a shadow across it, grain, a soft focus."""
    rng = np.random.default_rng(seed)
    height, width = ink.shape
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    light = 175 + 70 * (x * math.cos(angle) + y * math.sin(angle))
    picture = light * (1 - 0.7 * ink) + rng.normal(0, 5, ink.shape)
    colour = np.stack([picture, picture * 0.97, picture * 0.9], axis=-1)
    return Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))


def transparent(ink: Ink, colour: tuple[int, int, int]) -> Image.Image:
    """Return coloured ink without paper: an RGBA picture, transparent around the digit."""
    pixels = np.zeros((*ink.shape, 4), dtype=np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = (ink * 255).round()
    return Image.fromarray(pixels)


def encode(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """Return a picture as an image file."""
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
