"""Incomplete files: read if no pixel is missing, else refused. Extra bytes do no harm."""

import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.errors import UndecodableInputError
from service.tasks.preprocessing.images import FORMATS, decode_image
from tests.service.drawings import encode, grey, handwritten
from tests.service.tasks import odd_files as files

PICTURE = grey(handwritten("5", 117))  # no multiple of a JPEG's blocks
PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (61, 53, 3), dtype=np.uint8))
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"restart_marker_blocks": 3}),
    ("JPEG", {"restart_marker_rows": 1}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"progressive": True, "restart_marker_blocks": 4}),
    ("JPEG", {"subsampling": 0, "optimize": True}),
    ("PNG", {}),
    ("GIF", {}),
    ("BMP", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
]


def decode(data: bytes) -> NDArray[np.uint8]:
    return decode_image(data, channels=3, max_pixels=1_000_000)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged TIFF tags
@pytest.mark.parametrize("picture", [PICTURE, PHOTO], ids=["drawing", "photo"])
@pytest.mark.parametrize(("file_format", "options"), KINDS)
def test_a_file_that_is_cut_off_gives_the_whole_picture_or_none(
    file_format: str, options: dict[str, Any], picture: Image.Image
) -> None:
    data = encode(picture, file_format, **options)
    whole = decode(data)
    ends = {*range(len(data) - 60, len(data)), *range(1, len(data), max(len(data) // 400, 1))}
    for end in sorted(ends):
        try:
            found = decode(data[:end])
        except UndecodableInputError:
            continue
        assert np.array_equal(found, whole), f"{end} of {len(data)} bytes"


@pytest.mark.parametrize(
    ("file_format", "options", "end"),
    [
        ("JPEG", {}, 2),  # its end marker
        ("JPEG", {"progressive": True}, 2),
        ("JPEG", {"restart_marker_rows": 1}, 2),
        ("PNG", {}, 12),  # IEND
        ("PNG", {}, 16),  # and a checksum
        ("PNG", {}, 20),  # and the compressed data's
        ("GIF", {}, 1),  # its trailer
        ("GIF", {}, 2),  # and the end of the data's blocks
    ],
)
def test_an_end_without_pixels_may_be_missing(
    file_format: str, options: dict[str, Any], end: int
) -> None:
    data = encode(PICTURE, file_format, **options)
    assert np.array_equal(decode(data[:-end]), decode(data))


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_follows_a_picture_is_ignored(file_format: str) -> None:
    data = encode(PICTURE, file_format)
    for tail in (b"\0" * 1000, b"\xff" * 7, data, b"Samsung trailer \xff\xd9"):
        assert np.array_equal(decode(data + tail), decode(data))


def test_padding_alone_may_be_missing_from_a_bitmap() -> None:
    data = encode(PICTURE.crop((0, 0, 6, 5)).convert("RGB"), "BMP")  # 2 bytes of padding a row
    assert np.array_equal(decode(data[:-2]), decode(data))
    with pytest.raises(UndecodableInputError, match="BMP"):
        decode(data[:-3])


LARGE_TEXT = b"Comment\0\0" + zlib.compress(b"a" * 2**21)
BALLAST = {
    "large zTXt": files.chunk(b"zTXt", LARGE_TEXT),
    "large iTXt": files.chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(b"a" * 2**21)),
    "large XMP": files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(2**21))),
    "large tEXt": files.chunk(b"tEXt", b"a\0" + b"a" * 2**20),
    "large iCCP": files.chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(2**21))),
    "very much text": files.chunk(b"zTXt", LARGE_TEXT[:9] + zlib.compress(b"a" * 2**20)) * 70,
    "unsound checksum": files.chunk(b"tEXt", b"a\0b", checksum=0),
    "unsound checksums": b"".join(
        files.chunk(kind, b"\0" * 9, checksum=1) for kind in (b"pHYs", b"gAMA", b"iCCP", b"teSt")
    ),
    "unknown compression": files.chunk(b"zTXt", b"a\0\7abc") + files.chunk(b"iCCP", b"p\0\7abc"),
    "too short": b"".join(
        files.chunk(kind, b"") for kind in (b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"tRNS", b"acTL")
    ),
    "animation out of order": files.chunk(b"acTL", bytes(8)) + files.chunk(b"fcTL", b"\7" * 26),
    "a palette for nothing": files.chunk(b"PLTE", b"abcd", checksum=1),
    "pixels of nothing": files.chunk(b"fdAT", b"\0\0\0\7abcdef"),
}


@pytest.mark.parametrize("name", BALLAST)
def test_chunks_that_no_pixel_needs_are_ignored(name: str) -> None:
    data = encode(PICTURE)
    for odd in (
        files.png_with(data, before=BALLAST[name]),
        files.png_with(data, after=BALLAST[name]),
    ):
        assert np.array_equal(decode(odd), decode(data))


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"])
def test_a_checksum_of_what_pixels_need_must_be_sound(kind: bytes) -> None:
    data = bytearray(encode(PICTURE.convert("P", palette=Image.Palette.ADAPTIVE)))
    at = data.index(kind)
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 1
    with pytest.raises(UndecodableInputError, match="header is damaged"):
        decode(bytes(data))


def test_metadata_of_any_size_is_ignored_in_the_other_formats() -> None:
    large = b"a" * 60_000
    jpeg = files.jpeg_with(encode(PICTURE, "JPEG"), [(0xE2, b"ICC_PROFILE\0" + large)] * 40)
    assert np.array_equal(decode(jpeg), decode(encode(PICTURE, "JPEG")))
    gif = files.gif_with(encode(PICTURE, "GIF"), [(0xFE, large)] * 40)
    assert np.array_equal(decode(gif), decode(encode(PICTURE, "GIF")))
    lossless = encode(PICTURE, "WEBP", lossless=True)
    webp = files.webp_with(lossless, [(b"ICCP", large * 40), (b"XMP ", large * 40)])
    assert np.array_equal(decode(webp), decode(lossless))
    assert np.array_equal(decode(webp[: -40 * 50_000]), decode(lossless))  # and may be cut off
    tiff = files.tiff_with(PICTURE, [(700, files.BYTE, len(large) * 40, large * 40)])
    assert np.array_equal(decode(tiff), decode(files.tiff_with(PICTURE, [])))
