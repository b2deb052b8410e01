"""Small files that could cost much time: they are read fast, or refused at once."""

import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import BmpImagePlugin

from service.errors import UndecodableInputError
from service.tasks.preprocessing.images import decode_image, decoding_bytes
from tests.service.drawings import encode, grey, handwritten
from tests.service.tasks import odd_files as files

PICTURE = grey(handwritten("5", 60))


def decode(data: bytes, max_pixels: int = 64_000_000) -> NDArray[np.uint8]:
    return decode_image(data, channels=1, max_pixels=max_pixels)


def rle_bmp(runs: bytes, width: int, height: int, bits: int = 8) -> bytes:
    """Return a BMP of run lengths, with a palette of even greys."""
    colours = 1 << bits
    palette = b"".join(bytes([i * 255 // (colours - 1)] * 3 + [0]) for i in range(colours))
    compression = {8: 1, 4: 2}[bits]
    place = 54 + len(palette)
    info = (40, width, height, 1, bits, compression, len(runs), 0, 0, colours, 0)
    head = struct.pack("<IHHI", place + len(runs), 0, 0, place) + struct.pack("<IiiHHIIiiII", *info)
    return b"BM" + head + palette + runs


LINE, END = b"\0\0", b"\0\1"


@pytest.mark.parametrize(
    ("bits", "runs", "expected"),
    [
        (8, b"\3\7" + LINE + b"\3\x09" + END, [[9, 9, 9], [7, 7, 7]]),
        (8, b"\3\7" + LINE + b"\0\3\1\2\3\0" + END, [[1, 2, 3], [7, 7, 7]]),
        (8, b"\1\7" + LINE + b"\3\x09", [[9, 9, 9], [7, 0, 0]]),  # a short row, and no end
        (8, b"\3\7" + END, [[0, 0, 0], [7, 7, 7]]),  # a short picture
        (8, b"\0\2\2\1\1\x09" + END, [[0, 0, 9], [0, 0, 0]]),  # a step aside
        (4, b"\3\x1f" + LINE + b"\0\3\x12\xf0" + END, [[17, 34, 255], [17, 255, 17]]),
    ],
)
def test_run_lengths_are_expanded(bits: int, runs: bytes, expected: list[list[int]]) -> None:
    assert decode(rle_bmp(runs, 3, 2, bits)).tolist() == expected


@pytest.mark.parametrize(
    "runs", [b"", b"\3\7", b"\3\7\3\x09", b"\3\7\0\0\0\3\1\2", b"\3\7\0\2\1", b"\3\7\0"]
)
def test_run_lengths_that_end_too_early_are_refused(runs: bytes) -> None:
    with pytest.raises(UndecodableInputError, match="truncated"):
        decode(rle_bmp(runs, 3, 2))


def test_run_lengths_are_refused_where_they_make_no_sense() -> None:
    sound = rle_bmp(b"\3\7" + LINE + b"\3\x09" + END, 3, 2)
    for place, layout, value in ((22, "<i", -2), (18, "<i", -3), (10, "<I", 20), (28, "<H", 4)):
        data = bytearray(sound)
        struct.pack_into(layout, data, place, value)
        with pytest.raises(UndecodableInputError):
            decode(bytes(data))


def test_a_few_run_lengths_for_many_pixels_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow runs Python code for each pixel: all requests would wait many seconds."""
    monkeypatch.delattr(BmpImagePlugin.BmpRleDecoder, "decode")
    data = rle_bmp((b"\1\7" + LINE) * 1000 + END, 60_000, 1000)
    assert decode(data).shape == (500, 30_000)


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    data = encode(PICTURE, "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    end = data.index(b"\xff\xda", first + 2)
    with pytest.raises(UndecodableInputError, match="scans"):
        decode(data[:first] + data[first:end] * 200 + data[first:])
    assert np.array_equal(decode(data + data[first:end] * 200), decode(data))  # after its end


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
def test_very_many_blocks_before_the_pixels_are_refused(kind: str) -> None:
    few, many = 1_000, 100_000
    if kind == "JPEG":
        whole = encode(PICTURE, "JPEG")
        make = [files.jpeg_with(whole, [(0xFE, b"")] * count) for count in (few, many)]
    else:
        whole = encode(PICTURE, "GIF")
        make = [files.gif_with(whole, [(0xFE, b"")] * count) for count in (few, many)]
        assert np.array_equal(
            decode(files.gif_with(whole, [(0xFE, b"a" * 255_000)])), decode(whole)
        )
    assert np.array_equal(decode(make[0]), decode(whole))
    for read in (decode, lambda data: decoding_bytes(data, channels=1)):
        with pytest.raises(UndecodableInputError, match="header"):
            read(make[1])


def test_a_tiny_file_of_an_enormous_picture_is_refused_by_its_header() -> None:
    enormous = {
        "PNG": (16, ">II", (2**31 - 1, 2**31 - 1)),
        "GIF": (6, "<HH", (65535, 65535)),
        "BMP": (18, "<ii", (2**30, 2**30)),
        "WEBP": (21, "<I", (0x0FFFFFFF,)),
    }
    for file_format, (place, layout, size) in enormous.items():
        options = {"lossless": True} if file_format == "WEBP" else {}
        data = bytearray(encode(PICTURE, file_format, **options))
        struct.pack_into(layout, data, place, *size)
        with pytest.raises(Exception, match="too many pixels"):
            decode(bytes(data))
