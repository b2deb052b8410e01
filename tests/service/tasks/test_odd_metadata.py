"""Metadata, valid or not, never keeps a picture from being read; its orientation is applied."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import TooLargeError, UndecodableInputError
from service.tasks.preprocessing.images import FORMATS, decode_image
from tests.service.drawings import encode, grey, handwritten
from tests.service.tasks import odd_files as files
from tests.service.tasks.metadata_fuzz import MetadataFuzz

PICTURE = grey(handwritten("5", 40)[:30])  # not square: a wrong turn shows
PNG, PHOTO = encode(PICTURE), encode(PICTURE, "JPEG")
WEBP = encode(PICTURE, "WEBP", lossless=True)
FILES_PER_FORMAT = 1500


def decode(data: bytes) -> NDArray[np.uint8]:
    return decode_image(data, channels=1, max_pixels=1_000_000)


def all_turns(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [np.rot90(p, turns) for p in (pixels, pixels[:, ::-1]) for turns in range(4)]


@pytest.mark.parametrize("file_format", FORMATS)
def test_no_metadata_keeps_a_picture_from_being_read(file_format: str) -> None:
    fuzz = MetadataFuzz(PICTURE, seed=len(file_format))
    expected = {turned.tobytes() for turned in all_turns(decode(fuzz.bare(file_format)))}
    found = set()
    for number, data in enumerate(fuzz.files(file_format, FILES_PER_FORMAT)):
        pixels = decode(data).tobytes()
        assert pixels in expected, f"file {number}: another picture"
        found.add(pixels)
    assert len(found) == (1 if file_format in ("GIF", "BMP") else 8)  # no orientation in these


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [files.BYTE, files.SHORT, files.LONG])
def test_a_turned_photo_is_read_whatever_its_other_tags_hold(order: str, kind: int) -> None:
    number = {files.BYTE: b"\6", files.SHORT: files.short(6, order)}
    value = number.get(kind) or struct.pack(order + "L", 6)
    tags = [
        (files.ORIENTATION, kind, 1, value),
        (files.X_RESOLUTION, files.ASCII, 8, b"300 dpi\0"),
        (files.X_RESOLUTION + 1, files.RATIONAL, 1, bytes(8)),
        (files.EXIF_DIRECTORY, files.ASCII, 4, b"none"),
    ]
    block = files.exif(tags, order)
    upright = decode(PHOTO)
    turned = np.rot90(upright, 3)
    assert np.array_equal(decode(files.jpeg_with(PHOTO, [(0xE1, block)])), turned)
    assert np.array_equal(decode(files.jpeg_with(PHOTO, [(0xE1, b"Exif\0\0" + block)])), turned)
    lossless = decode(files.webp_with(WEBP, [(b"EXIF", block), (b"ICCP", b"none")]))
    assert np.array_equal(lossless, np.rot90(np.asarray(PICTURE), 3))
    chunk = files.chunk(b"eXIf", block.removeprefix(b"Exif\0\0"))
    for data in (files.png_with(PNG, before=chunk), files.png_with(PNG, after=chunk)):
        assert np.array_equal(decode(data), np.rot90(np.asarray(PICTURE), 3))


def test_exif_comes_before_xmp_and_either_must_make_sense() -> None:
    def turned(exif: int | None, xmp: str) -> bool:
        blocks = [] if exif is None else [(0xE1, files.exif([_orientation(exif)]))]
        packet = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + files.xmp(xmp))
        return decode(files.jpeg_with(PHOTO, [*blocks, packet])).shape == (40, 30)

    assert turned(None, "6")
    assert turned(6, "1")
    assert turned(0, "6")  # some cameras write 0 for "unknown"
    assert not turned(1, "6")
    assert not turned(None, "9")
    assert not turned(17, "sideways")


def test_a_sound_checksum_is_asked_of_what_is_used_alone() -> None:
    turned = files.exif([_orientation(6)]).removeprefix(b"Exif\0\0")
    unsound = files.chunk(b"eXIf", turned, checksum=0) + files.chunk(b"tEXt", b"a\0b", checksum=1)
    assert np.array_equal(decode(files.png_with(PNG, before=unsound)), np.asarray(PICTURE))


def test_the_metadata_of_bmp_is_ignored() -> None:
    data = bytearray(encode(PICTURE, "BMP"))
    for place, size in ((2, 8), (34, 12), (50, 4)):  # lengths, resolution, important colours
        data[place : place + size] = b"\xff" * size
    assert np.array_equal(decode(bytes(data)), np.asarray(PICTURE))


def test_a_tiff_of_any_size_and_order_of_numbers_is_turned() -> None:
    for order in "<>":
        data = files.tiff_with(PICTURE, [_orientation(6, order)], order)
        assert np.array_equal(decode(data), np.rot90(np.asarray(PICTURE), 3))
        big = files.big_tiff_with(PICTURE, [_orientation(6, order)], order)
        assert np.array_equal(decode(big), np.rot90(np.asarray(PICTURE), 3))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged TIFF tags
@pytest.mark.parametrize("file_format", FORMATS)
def test_no_damage_leads_to_an_unexpected_error(file_format: str) -> None:
    """Any byte of a file, in metadata and pixels, can be wrong."""
    rng = np.random.default_rng(0)
    fuzz = MetadataFuzz(PICTURE, seed=1)
    for data in fuzz.files(file_format, 1000):
        damaged = bytearray(data)
        for position in rng.integers(0, min(len(data), 400), size=3):
            damaged[position] = rng.integers(256)
        with suppress(UndecodableInputError, TooLargeError):
            assert decode(bytes(damaged)).ndim == 2


def _orientation(value: int, order: str = "<") -> files.Tag:
    return files.ORIENTATION, files.SHORT, 1, files.short(value, order)
