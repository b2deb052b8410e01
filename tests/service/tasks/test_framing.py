"""Framing: any picture of a digit gets MNIST's form, and MNIST's own pictures don't change."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.errors import UndecodableInputError
from service.tasks.preprocessing.framing import frame_ink
from tests.service.drawings import DIGITS, Ink, grey, hairline, handwritten, phone_photo, place
from tests.service.live_server import ROOT

BOX = 20
SAMPLES = sorted((ROOT / "tests" / "data" / "digits").glob("*.png"))


def frame(picture: Image.Image) -> NDArray[np.uint8]:
    return frame_ink(np.asarray(picture.convert("L")), height=28, width=28, box=BOX)


def _box(framed: NDArray[np.uint8], level: int = 64) -> tuple[int, int]:
    """Return height and width of what is lighter than a level."""
    rows = np.flatnonzero((framed > level).any(axis=1))
    columns = np.flatnonzero((framed > level).any(axis=0))
    return int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def _off_centre(framed: NDArray[np.uint8]) -> float:
    """Return how far the centre of mass is from the middle, in pixels."""
    offsets = []
    for axis in (0, 1):
        mass = framed.sum(axis=axis, dtype=np.float64)
        offsets.append(abs((mass * np.arange(mass.size)).sum() / mass.sum() - 13.5))
    return float(max(offsets))


def _alike(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the correlation of two pictures, 1 if equal; a shift by one pixel doesn't count."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max(_correlation(np.roll(a, shift, (0, 1)), b) for shift in shifts)


def _correlation(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_mnists_own_pixels_come_back_as_they_are(path: Path) -> None:
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (28, 28)
    assert np.array_equal(frame_ink(pixels, height=28, width=28, box=BOX), pixels)


def test_there_are_samples() -> None:
    assert len(SAMPLES) == 40


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("side", [28, 40, 100, 900])
def test_a_drawing_is_brought_to_mnists_form(digit: str, side: int) -> None:
    framed = frame(grey(handwritten(digit, side, 0.1)))
    assert framed.shape == (28, 28)
    assert framed.dtype == np.uint8
    assert 18 <= max(_box(framed)) <= 21
    assert _off_centre(framed) < 1
    assert framed.max() > 200
    assert np.median(framed) == 0


def _with_frame(inset: int) -> NDArray[np.uint8]:
    """Return MNIST's own picture of a 5, light on dark, in a frame of one pixel."""
    pixels = np.array(Image.open(next(path for path in SAMPLES if path.stem.startswith("5_"))))
    sides = slice(inset, 28 - inset)
    pixels[[inset, 27 - inset], sides] = pixels[sides, [inset, 27 - inset]] = 255
    return pixels


def test_a_digit_of_mnists_size_is_freed_from_a_frame() -> None:
    for inset in (0, 1):
        framed = frame(Image.fromarray(_with_frame(inset)))
        assert _alike(framed, frame(Image.fromarray(255 - _with_frame(inset)))) > 0.95
        assert max(_box(framed)) <= BOX + 1


INK = handwritten("5", 200, 0.1)
EXPECTED = frame(grey(INK))

VARIANTS: dict[str, Image.Image] = {
    "light on dark": grey(INK, paper=0, pen=255),
    "faint pencil": grey(INK, paper=230, pen=170),
    "chalk": grey(INK, paper=60, pen=190),
    "in a corner": grey(place(INK, 900, 1200, 0, 0)),
    "in another corner": grey(place(INK, 500, 400, 300, 200)),
    "on a very wide sheet": grey(place(INK, 200, 3000, 0, 700)),
    "on a very tall sheet": grey(place(INK, 3000, 200, 1700, 0)),
    "photographed": phone_photo(INK, 1),
    "photographed in another light": phone_photo(INK, 2),
    "scanned in one bit": grey(INK).convert("1", dither=Image.Dither.NONE),
    "large": grey(handwritten("5", 1500, 0.1)),
    "small": grey(handwritten("5", 50, 0.1)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_digit_on_any_paper_looks_the_same(variant: str) -> None:
    assert _alike(frame(VARIANTS[variant]), EXPECTED) > 0.9


def test_a_digit_of_the_right_size_in_the_wrong_place_is_moved() -> None:
    drawn = Image.fromarray(handwritten("5", 104, 0.12)).resize((26, 26), Image.Resampling.BOX)
    small = np.asarray(drawn)
    framed = frame(grey(place(small[2:24, 2:24], 28, 28, 0, 6), paper=0, pen=255))
    assert _off_centre(framed) < 1
    assert _alike(framed, EXPECTED) > 0.8


@pytest.mark.parametrize("side", [100, 400, 1000])
def test_a_hairline_does_not_fade(side: int) -> None:
    framed = frame(grey(hairline("5", side)))
    assert _alike(framed, EXPECTED) > 0.7
    assert (framed > 128).sum() > 40


def _noise(ink: Ink) -> Image.Image:
    grain = np.random.default_rng(0).normal(0, 15, ink.shape)
    return Image.fromarray(np.clip(230 - 200 * ink + grain, 0, 255).astype(np.uint8))


def test_grain_is_not_ink() -> None:
    assert _alike(frame(_noise(INK)), EXPECTED) > 0.85


def test_a_shadow_is_not_ink() -> None:
    y, x = np.mgrid[0:1:600j, 0:1:800j]
    light = 230 - 120 * x - 40 * y * y
    sheet = place(INK, 600, 800, 300, 100)
    framed = frame(Image.fromarray((light * (1 - 0.7 * sheet)).astype(np.uint8)))
    assert _alike(framed, EXPECTED) > 0.9


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("L", (28, 28), 0),
        Image.new("L", (28, 28), 255),
        Image.new("L", (300, 200), 127),
        Image.new("L", (1, 1), 255),
        Image.new("L", (5000, 1), 9),
        grey(INK, paper=200, pen=195),
    ],
    ids=["black", "white", "grey", "a pixel", "a line", "all but blank"],
)
def test_a_blank_picture_is_refused(picture: Image.Image) -> None:
    with pytest.raises(UndecodableInputError, match="blank"):
        frame(picture)


def test_a_gradient_alone_is_blank() -> None:
    gradient = np.tile(np.linspace(60, 220, 300), (200, 1)).astype(np.uint8)
    with pytest.raises(UndecodableInputError, match="blank"):
        frame(Image.fromarray(gradient))


def test_every_picture_is_framed_or_refused() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        height, width = rng.integers(1, 200, size=2)
        pixels = rng.integers(0, rng.integers(1, 257), (height, width)).astype(np.uint8)
        pixels[rng.random((height, width)) < rng.random()] = rng.integers(256)
        try:
            framed = frame(Image.fromarray(pixels))
        except UndecodableInputError:
            continue
        assert framed.shape == (28, 28)
