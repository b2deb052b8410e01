"""Decoding: images in every form become upright, grey and without alpha."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.errors import TooLargeError, UndecodableInputError
from service.tasks.preprocessing.images import FORMATS, decode_image, pixel_count
from service.tasks.preprocessing.png import decode_plain_png
from tests.service.drawings import encode, grey, handwritten, transparent

INK = handwritten("5", 120)
DARK_ON_LIGHT = np.asarray(grey(INK))
LIGHT_ON_DARK = 255 - DARK_ON_LIGHT
ORIENTATION = 0x0112  # the EXIF tag
NAVY, WHITE = (0, 0, 60), (255, 255, 255)


def decode(data: bytes, channels: int = 1, max_pixels: int = 100_000_000) -> NDArray[np.uint8]:
    return decode_image(data, channels=channels, max_pixels=max_pixels)


def _close(found: NDArray[np.uint8], expected: NDArray[np.uint8], levels: float = 2) -> bool:
    """Whether two pictures differ by at most so many grey levels, on average over the pixels."""
    difference = np.abs(found.astype(np.float64) - expected)
    return found.shape == expected.shape and bool(difference.mean() <= levels)


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_documented_format_is_read(file_format: str) -> None:
    assert _close(decode(encode(grey(INK), file_format)), DARK_ON_LIGHT, 8)


def test_no_other_format_is_read() -> None:
    for file_format in ("PPM", "PCX", "TGA", "ICO", "PDF", "EPS"):
        with pytest.raises(UndecodableInputError):
            decode(encode(grey(INK), file_format))


@pytest.mark.parametrize("options", [{}, {"compress_level": 0}, {"optimize": True}])
def test_a_grey_png_comes_back_as_it_was(options: dict[str, Any]) -> None:
    assert np.array_equal(decode(encode(grey(INK), **options)), DARK_ON_LIGHT)


def test_a_colour_model_gets_colours() -> None:
    picture = Image.new("RGB", (7, 5), (10, 200, 30))
    assert np.array_equal(decode(encode(picture), channels=3), np.asarray(picture))
    assert decode(encode(grey(INK)), channels=3).shape == (120, 120, 3)


def test_colours_become_their_luma() -> None:
    assert decode(encode(Image.new("RGB", (2, 2), (255, 0, 0)))).tolist() == [[76, 76]] * 2


def test_dark_ink_on_nothing_is_put_on_white() -> None:
    found = decode(encode(transparent(INK, NAVY)))
    assert _close(found, np.asarray(grey(INK, pen=7)))


def test_white_ink_on_nothing_is_put_on_black() -> None:
    assert _close(decode(encode(transparent(INK, WHITE))), LIGHT_ON_DARK)


def test_a_grey_picture_with_alpha_is_flattened() -> None:
    alpha = Image.fromarray((INK * 255).round().astype(np.uint8))
    picture = Image.merge("LA", (Image.new("L", alpha.size, 0), alpha))
    assert _close(decode(encode(picture)), DARK_ON_LIGHT)


def test_a_palette_with_a_transparent_colour_is_flattened() -> None:
    picture = Image.fromarray((INK > 0.5).astype(np.uint8), mode=None).convert("P")
    picture.putpalette([255, 0, 255, 0, 0, 0])  # magenta, which is transparent, and black
    found = decode(encode(picture, transparency=0))
    assert _close(found, np.where(INK > 0.5, 0, 255).astype(np.uint8))


def test_a_grey_png_with_a_transparent_level_is_flattened() -> None:
    found = decode(encode(Image.fromarray(LIGHT_ON_DARK), transparency=0))
    assert _close(found, LIGHT_ON_DARK)
    dark = Image.fromarray(np.where(INK > 0.5, 0, 90).astype(np.uint8))
    assert _close(decode(encode(dark, transparency=90)), np.where(INK > 0.5, 0, 255))


def test_a_16_bit_picture_keeps_its_full_range() -> None:
    deep = Image.fromarray(((1 - INK) * 65535).round().astype(np.uint16))
    assert _close(decode(encode(deep)), DARK_ON_LIGHT)
    assert _close(decode(encode(deep, "TIFF")), DARK_ON_LIGHT)


def test_a_float_picture_keeps_its_full_range() -> None:
    assert _close(decode(encode(Image.fromarray(np.float32(1 - INK)), "TIFF")), DARK_ON_LIGHT)


def test_a_1_bit_picture_is_read() -> None:
    found = decode(encode(grey(INK).convert("1", dither=Image.Dither.NONE)))
    assert _close(found, np.where(DARK_ON_LIGHT > 127, 255, 0))


def test_an_animated_gif_shows_its_first_frame() -> None:
    frames = [grey(handwritten("8", 120)).rotate(90 * i) for i in range(3)]
    found = decode(encode(grey(INK), "GIF", save_all=True, append_images=frames))
    assert _close(found, DARK_ON_LIGHT, 4)


def test_a_cmyk_jpeg_is_read() -> None:
    found = decode(encode(grey(INK).convert("RGB").convert("CMYK"), "JPEG", quality=95))
    assert _close(found, DARK_ON_LIGHT, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_rotated_photo_is_put_upright(orientation: int, file_format: str) -> None:
    ink = grey(INK[10:100])  # not square: a wrong turn shows
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    turned = ink.transpose(stored[orientation]) if orientation > 1 else ink
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    assert _close(decode(encode(turned, file_format, exif=exif)), np.asarray(ink), 6)


def test_a_large_jpeg_is_decoded_at_a_reduced_scale() -> None:
    found = decode(encode(grey(INK).resize((4000, 3000)), "JPEG"))
    assert 256 <= min(found.shape) <= 600
    assert _close(found, np.asarray(grey(INK).resize(found.shape[::-1])), 4)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 300), (2000, 3)])
def test_pictures_of_odd_sizes_are_read(size: tuple[int, int]) -> None:
    assert decode(encode(Image.new("L", size, 99))).shape == size[::-1]


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_header_tells_the_size(file_format: str) -> None:
    assert pixel_count(encode(Image.new("L", (31, 17)), file_format)) == 31 * 17


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_picture_over_the_limit_is_refused(file_format: str) -> None:
    data = encode(Image.new("L", (40, 30)), file_format)
    assert decode(data, max_pixels=1200).shape == (30, 40)
    with pytest.raises(TooLargeError):
        decode(data, max_pixels=1199)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(file_format: str, part: float) -> None:
    data = encode(grey(INK), file_format)
    with pytest.raises(UndecodableInputError, match=r"\.$"):
        decode(data[: int(part * len(data))])


def test_a_flipped_bit_never_makes_another_picture_on_the_short_way() -> None:
    """A file with a wrong checksum is left to Pillow."""
    picture = grey(INK).resize((28, 28))
    data = encode(picture, "PNG")
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        found = decode_plain_png(bytes(damaged), max_pixels=1000)
        assert found is None or np.array_equal(found, np.asarray(picture)), position


def test_the_short_way_leaves_large_pictures_and_other_chunks_alone() -> None:
    picture = grey(INK).resize((28, 28))
    assert decode_plain_png(encode(picture, "PNG"), max_pixels=28 * 28) is not None
    assert decode_plain_png(encode(picture, "PNG"), max_pixels=28 * 28 - 1) is None
    assert decode_plain_png(encode(picture, "PNG", dpi=(72, 72)), max_pixels=1000) is None
