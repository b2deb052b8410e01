"""Pictures as PNG files and sheets, and the thread in which they are written."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from service.api.pictures import encode_png, in_thread, sheet

GREY, WHITE = 128, 255


def opened(file: bytes) -> Image.Image:
    """Return a picture as Pillow reads it, which checks the file's checksums."""
    picture = Image.open(io.BytesIO(file))
    picture.load()
    return picture


@pytest.mark.parametrize("shape", [(1, 1, 1), (28, 28, 1), (5, 9, 1), (9, 5, 3), (300, 200, 3)])
def test_a_file_has_the_pixels(shape: tuple[int, int, int]) -> None:
    pixels = np.random.RandomState(1).randint(256, size=shape).astype(np.uint8)
    picture = opened(encode_png(pixels))
    assert (picture.format, picture.mode) == ("PNG", "L" if shape[2] == 1 else "RGB")
    assert np.array_equal(np.asarray(picture).reshape(shape), pixels)
    assert encode_png(pixels.copy()) == encode_png(pixels)
    assert encode_png(pixels[::-1]) != encode_png(pixels) or shape[0] == 1


def test_the_fields_of_a_sheet_are_the_pictures_in_their_order() -> None:
    pictures = [np.full((4, 6, 1), number, np.uint8) for number in range(5)]
    paper = sheet(pictures)
    assert paper.shape == (2 * (4 + 2) + 2, 3 * (6 + 2) + 2, 1)  # two lines of three
    assert paper[2:6, 2::8].ravel().tolist() == [0, 1, 2] * 4
    assert paper[8:12, 2::8].ravel().tolist() == [3, 4, GREY] * 4
    assert set(paper[0].ravel()) == set(paper[:, 0].ravel()) == set(paper[6].ravel()) == {GREY}


@pytest.mark.parametrize(
    ("count", "lines", "columns"), [(2, 1, 2), (4, 2, 2), (12, 3, 4), (64, 8, 8)]
)
def test_a_sheet_is_about_square(count: int, lines: int, columns: int) -> None:
    paper = sheet([np.full((8, 8, 3), WHITE, np.uint8)] * count)
    assert paper.shape == (10 * lines + 2, 10 * columns + 2, 3)


def test_a_picture_alone_has_no_margin() -> None:
    picture = np.zeros((3, 3, 1), np.uint8)
    assert sheet([picture]) is picture


async def test_pictures_are_written_in_a_thread_of_their_own() -> None:
    name = await in_thread(lambda: threading.current_thread().name)
    assert name.startswith("pictures")
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)
