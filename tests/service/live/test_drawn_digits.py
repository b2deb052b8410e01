"""The trained model reads digits that aren't from MNIST, as people draw and photograph them."""

from collections.abc import Callable

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.service.drawings import (
    DIGITS,
    Ink,
    encode,
    grey,
    hairline,
    handwritten,
    phone_photo,
    place,
    printed,
    transparent,
)

MAX_WRONG = 1  # of ten digits that are drawn in one style
MIN_RIGHT = 0.97  # of all digits in all styles


def _pen(digit: str) -> Ink:
    return handwritten(digit, 200, 0.1)


def _rotated(digit: str, orientation: int) -> bytes:
    """Return a photo that was taken with the phone upside down or on its side."""
    turned = grey(_pen(digit)).rotate({3: 180, 6: 90, 8: 270}[orientation], expand=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(turned, "JPEG", exif=exif)


def _tiny(digit: str) -> Image.Image:
    ink = Image.fromarray(handwritten(digit, 80, 0.15)[8:72, 8:72])
    return grey(np.asarray(ink.resize((8, 8), Image.Resampling.BOX)), paper=0, pen=255)


def _palette(digit: str) -> bytes:
    picture = Image.fromarray((_pen(digit) > 0.5).astype(np.uint8)).convert("P")
    picture.putpalette([255, 255, 255, 30, 30, 90])
    return encode(picture, transparency=0)


def _animated(digit: str) -> bytes:
    others = [grey(_pen(other)) for other in "80"]
    return encode(grey(_pen(digit)), "GIF", save_all=True, append_images=others)


def _deep(digit: str) -> bytes:
    return encode(Image.fromarray(((1 - _pen(digit)) * 65535).astype(np.uint16)))


def _grey_alpha(digit: str) -> bytes:
    return encode(transparent(_pen(digit), (0, 0, 0)).convert("LA"))


def _large_photo(digit: str) -> bytes:
    sheet = place(handwritten(digit, 1800, 0.08), 3000, 4000, 700, 1500)
    return encode(grey(sheet), "JPEG", quality=60)


def _shadowed_photo(digit: str) -> bytes:
    sheet = place(handwritten(digit, 500, 0.06), 900, 1200, 250, 400)
    return encode(phone_photo(sheet, seed=int(digit)), "JPEG", quality=80)


WAYS: dict[str, Callable[[str], bytes]] = {
    "dark on light": lambda d: encode(grey(_pen(d))),
    "light on dark": lambda d: encode(grey(_pen(d), paper=0, pen=255)),
    "slanted": lambda d: encode(grey(handwritten(d, 200, 0.1, 0.3))),
    "leaning back": lambda d: encode(grey(handwritten(d, 200, 0.1, -0.15))),
    "thick": lambda d: encode(grey(handwritten(d, 200, 0.22))),
    "thin": lambda d: encode(grey(handwritten(d, 400, 0.02))),
    "a single pixel thin": lambda d: encode(grey(hairline(d))),
    "a single pixel thin, light": lambda d: encode(grey(hairline(d), paper=0, pen=255)),
    "off-centre": lambda d: encode(grey(place(_pen(d), 600, 800, 390, 590))),
    "in a corner": lambda d: encode(grey(place(_pen(d), 600, 800, 0, 0))),
    "very wide": lambda d: encode(grey(place(_pen(d), 200, 2000, 0, 1500))),
    "28x28, dark on light": lambda d: encode(grey(handwritten(d, 28, 0.1))),
    "28x28, light on dark": lambda d: encode(grey(handwritten(d, 28, 0.1), paper=0, pen=255)),
    "8x8": lambda d: encode(_tiny(d)),
    "faint": lambda d: encode(grey(_pen(d), paper=200, pen=150)),
    "chalk": lambda d: encode(grey(_pen(d), paper=60, pen=150)),
    "printed": lambda d: encode(grey(printed(d, 200))),
    "printed, bold": lambda d: encode(grey(printed(d, 200, "DejaVuSans-Bold.ttf"))),
    "printed, serif": lambda d: encode(grey(printed(d, 200, "STIXGeneral.ttf"))),
    "dark on transparent": lambda d: encode(transparent(_pen(d), (20, 20, 60))),
    "white on transparent": lambda d: encode(transparent(_pen(d), (255, 255, 255))),
    "grey with alpha": _grey_alpha,
    "16-bit": _deep,
    "1-bit": lambda d: encode(grey(_pen(d)).convert("1")),
    "palette with transparency": _palette,
    "animated GIF": _animated,
    "CMYK JPEG": lambda d: encode(grey(_pen(d)).convert("RGB").convert("CMYK"), "JPEG"),
    "bad JPEG": lambda d: encode(grey(_pen(d)), "JPEG", quality=20),
    "WebP": lambda d: encode(grey(_pen(d)), "WEBP"),
    "upside down by EXIF": lambda d: _rotated(d, 3),
    "on its side by EXIF": lambda d: _rotated(d, 6),
    "on its other side by EXIF": lambda d: _rotated(d, 8),
    "phone photo": lambda d: encode(phone_photo(_pen(d), seed=int(d))),
    "phone photo with much paper": _shadowed_photo,
    "4000x3000 JPEG": _large_photo,
}


@pytest.fixture(scope="module")
def wrong(http: httpx.Client) -> dict[str, list[str]]:
    """Which digits were read wrongly, by the style in which they were drawn."""
    found = {}
    for way, draw in WAYS.items():
        posts = (http.post("/classify", files={"image": draw(digit)}) for digit in DIGITS)
        answers = [post.json() for post in posts]
        labels = [answer.get("label", answer.get("detail")) for answer in answers]
        pairs = zip(DIGITS, labels, strict=True)
        found[way] = [f"{digit} as {label}" for digit, label in pairs if digit != label]
    return found


@pytest.mark.parametrize("way", WAYS)
def test_digits_are_read_however_they_were_drawn(wrong: dict[str, list[str]], way: str) -> None:
    assert len(wrong[way]) <= MAX_WRONG, wrong[way]


def test_nearly_all_digits_are_read(wrong: dict[str, list[str]]) -> None:
    mistakes = sum(map(len, wrong.values()))
    assert 1 - mistakes / (len(WAYS) * len(DIGITS)) >= MIN_RIGHT, wrong
