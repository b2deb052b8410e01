"""Every mode and bit depth of the six formats: all of them give the same picture."""

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from service.errors import UndecodableInputError
from service.tasks.preprocessing.framing import frame_ink
from service.tasks.preprocessing.images import decode_image
from tests.service.drawings import encode, grey, handwritten, transparent
from tests.service.tasks import odd_files as files

INK = handwritten("5", 60)
PICTURE = np.asarray(grey(INK))
COLOUR = np.stack([PICTURE] * 3, axis=-1)
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG's colour types
Samples = NDArray[np.integer | np.floating]


def decode(data: bytes, channels: int = 1) -> NDArray[np.uint8]:
    return decode_image(data, channels=channels, max_pixels=100_000)


def differs(data: bytes, expected: NDArray[np.uint8] = PICTURE) -> float:
    """Return the largest difference of a file from the picture at any pixel, in grey levels."""
    found = decode(data)
    assert found.shape == expected.shape
    return float(np.abs(found.astype(np.float64) - expected).max())


def levels(bits: int, alpha: int | None = None, channels: int = 1) -> Samples:
    """Return the picture with so many bits, uint16 [height, width, channels and alpha]."""
    values = np.stack([np.round((1 - INK) * (2**bits - 1))] * channels, axis=-1)
    if alpha is not None:
        values = np.concatenate([values, np.full((*INK.shape, 1), alpha)], axis=-1)
    return values.astype(np.uint16)


def png(samples: Samples, depth: int, colour: int, transparent: Sequence[int] = ()) -> bytes:
    """Return a PNG of samples that are stored by `depth` bits each."""
    height, width = samples.shape[:2]
    rows = samples.reshape(height, -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(height, -1), axis=-1)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n", files.chunk(b"IHDR", header)]
    if transparent:
        parts.append(files.chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)))
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed))
    return b"".join([*parts, files.chunk(b"IDAT", pixels), files.chunk(b"IEND", b"")])


def tiff(samples: Samples, photometric: int, *, bits: int = 0, extra: int = -1) -> bytes:
    """Return an uncompressed TIFF of samples, [height, width, any], each stored as it is."""
    height, width, count = samples.shape
    depth = bits or samples.itemsize * 8
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    tags = [
        (256, files.SHORT, 1, files.short(width)),
        (257, files.SHORT, 1, files.short(height)),
        (258, files.SHORT, count, files.short(depth) * count),
        (259, files.SHORT, 1, files.short(1)),
        (262, files.SHORT, 1, files.short(photometric)),
        (277, files.SHORT, 1, files.short(count)),
        (278, files.SHORT, 1, files.short(height)),
        (339, files.SHORT, count, files.short(kind) * count),
    ]
    if extra >= 0:
        tags.append((338, files.SHORT, 1, files.short(extra)))
    pixels = samples.tobytes() if depth == samples.itemsize * 8 else pack_12_bits(samples)
    place = 8
    for _ in range(2):  # the pixels' place is known once the directory's length is
        full = sorted([*tags, (273, files.LONG, 1, struct.pack("<L", place))])
        block = b"II*\0\b\0\0\0" + files.directory(full, "<", 8)
        place = len(block)
    return block + pixels


def pack_12_bits(samples: Samples) -> bytes:
    pairs = samples.reshape(-1, 2).astype(np.uint32)
    packed = pairs[:, 0] << 12 | pairs[:, 1]
    return np.stack([packed >> 16, packed >> 8, packed], axis=-1).astype(np.uint8).tobytes()


def bmp(alpha: int) -> bytes:
    """Return a BMP with a V4 header, which has a mask for alpha."""
    height, width = PICTURE.shape
    pixels = np.dstack([COLOUR, np.full(PICTURE.shape, alpha, np.uint8)])[::-1].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += masks + bytes(108 - 56)
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header + pixels


def with_alpha(alpha: NDArray[np.uint8], colours: NDArray[np.uint8] = COLOUR) -> Image.Image:
    return Image.fromarray(np.dstack([colours, alpha]))


def flat(alpha: int) -> NDArray[np.uint8]:
    return np.full(PICTURE.shape, alpha, np.uint8)


# How far each file may differ from the picture: because of its bits, or of lossy compression.
FILES: dict[str, tuple[Callable[[], bytes], float]] = {
    # PNG, by depth
    "PNG of 1 bit": (lambda: png(levels(1), 1, GREY), 128),
    "PNG of 2 bits": (lambda: png(levels(2), 2, GREY), 43),
    "PNG of 4 bits": (lambda: png(levels(4), 4, GREY), 9),
    "PNG of 8 bits, alpha": (lambda: png(levels(8, 255), 8, GREY_ALPHA), 1),
    "PNG of 8 bits, colour": (lambda: png(levels(8, channels=3), 8, RGB), 1),
    "PNG of 8 bits, colour, alpha": (lambda: png(levels(8, 255, 3), 8, RGBA), 1),
    "PNG of 16 bits": (lambda: png(levels(16), 16, GREY), 1),
    "PNG of 16 bits, alpha": (lambda: png(levels(16, 65535), 16, GREY_ALPHA), 1),
    "PNG of 16 bits, colour": (lambda: png(levels(16, channels=3), 16, RGB), 1),
    "PNG of 16 bits, colour, alpha": (lambda: png(levels(16, 65535, 3), 16, RGBA), 1),
    # fewer bits, stored in 16
    "PNG of 8 bits in 16": (lambda: png(levels(8), 16, GREY), 1),
    "PNG of 10 bits in 16": (lambda: png(levels(10), 16, GREY), 1),
    "PNG of 12 bits in 16": (lambda: png(levels(12), 16, GREY), 1),
    "PNG of 10 bits in 16, alpha of 16": (lambda: png(levels(10, 65535), 16, GREY_ALPHA), 1),
    "PNG of 10 bits in 16, alpha of 10": (lambda: png(levels(10, 1023), 16, GREY_ALPHA), 1),
    "PNG of 8 bits in 16, colour": (lambda: png(levels(8, channels=3), 16, RGB), 1),
    "PNG of 10 bits in 16, colour": (lambda: png(levels(10, channels=3), 16, RGB), 1),
    "PNG of 14 bits in 16, colour": (lambda: png(levels(14, channels=3), 16, RGB), 1),
    "PNG of 12 bits in 16, colour, alpha": (lambda: png(levels(12, 4095, 3), 16, RGBA), 1),
    "TIFF of 10 bits in 16": (lambda: tiff(levels(10), 1), 1),
    "TIFF of 12 bits": (lambda: tiff(levels(12), 1, bits=12), 1),
    "TIFF of 10 bits in 16, colour": (lambda: tiff(levels(10, channels=3), 2), 1),
    "TIFF of 10 bits in 16, colour, alpha": (lambda: tiff(levels(10, 1023, 3), 2, extra=2), 1),
    # alpha that is the same everywhere
    "PNG, alpha 0 everywhere": (lambda: encode(with_alpha(flat(0))), 1),
    "PNG, alpha 1 everywhere": (lambda: encode(with_alpha(flat(1))), 1),
    "PNG, alpha 0 everywhere, 16 bits": (lambda: png(levels(16, 0, 3), 16, RGBA), 1),
    "PNG, alpha 0 everywhere, grey": (lambda: png(levels(8, 0), 8, GREY_ALPHA), 1),
    "WEBP, alpha 0 everywhere": (
        lambda: encode(with_alpha(flat(0)), "WEBP", lossless=True, exact=True),
        1,
    ),
    "TIFF, alpha 0 everywhere": (lambda: encode(with_alpha(flat(0)), "TIFF"), 1),
    "BMP with alpha 0 everywhere": (lambda: bmp(0), 1),
    "BMP with alpha": (lambda: bmp(255), 1),
    # TIFF's own
    "TIFF, signed 8 bits": (lambda: tiff((levels(8).astype(int) - 128).astype(np.int8), 1), 1),
    "TIFF, signed 16 bits": (lambda: tiff((levels(16).astype(int) - 32768).astype(np.int16), 1), 1),
    "TIFF, signed 16 bits, none below 0": (lambda: tiff(levels(15).astype(np.int16), 1), 1),
    "TIFF, signed 32 bits": (lambda: tiff(((levels(16) - 32768.0) * 65536).astype(np.int32), 1), 1),
    "TIFF, unsigned 32 bits": (lambda: tiff(levels(16).astype(np.uint32) * 65537, 1), 1),
    "TIFF, fractions": (lambda: tiff((levels(16) / 65535.0).astype(np.float32), 1), 1),
    "TIFF, fractions below 0": (lambda: tiff((levels(16) / 32767.5 - 1).astype(np.float32), 1), 1),
    "TIFF, floats of 12 bits": (lambda: tiff(levels(12).astype(np.float32), 1), 1),
    "TIFF, white is 0": (lambda: tiff((255 - levels(8)).astype(np.uint8), 0), 1),
    "TIFF, white is 0, 16 bits": (lambda: tiff(65535 - levels(16), 0), 1),
    "TIFF, white is 0, fractions": (
        lambda: tiff((1 - levels(16) / 65535.0).astype(np.float32), 0),
        1,
    ),
    "TIFF, premultiplied grey": (lambda: tiff(levels(8, 255).astype(np.uint8), 1, extra=1), 1),
    "TIFF, premultiplied": (lambda: tiff(levels(8, 255, 3).astype(np.uint8), 2, extra=1), 1),
    "TIFF, something beside grey": (lambda: tiff(levels(8, 7).astype(np.uint8), 1, extra=0), 1),
    "TIFF, something beside": (lambda: tiff(levels(8, 7, 3).astype(np.uint8), 2, extra=0), 1),
}
_TIFF_MODES = (
    *("L", "LA", "P", "PA", "RGB", "RGBX", "RGBA", "CMYK", "YCbCr", "LAB"),
    *("I;16", "I;16B", "I"),
)


def _saved(mode: str, packing: str) -> bytes:
    if mode.startswith("I;16"):
        order = ">" if mode.endswith("B") else "<"
        picture = Image.fromarray(levels(16)[..., 0].astype(order + "u2"))
    elif mode == "I":
        picture = Image.fromarray(levels(16)[..., 0].astype(np.int32))
    elif mode in ("P", "PA"):
        palette = Image.Palette.ADAPTIVE
        picture = Image.fromarray(COLOUR).convert("P", palette=palette).convert(mode)
    elif mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        whole = ImageCms.profileToProfile(Image.fromarray(COLOUR), srgb, lab, outputMode="LAB")
        assert whole is not None
        picture = whole
    else:
        picture = Image.fromarray(COLOUR).convert(mode)
    assert picture.mode == mode
    return encode(picture, "TIFF", compression=packing)


for _mode in _TIFF_MODES:
    for _packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        FILES[f"TIFF of mode {_mode}, {_packing}"] = (partial(_saved, _mode, _packing), 2)


@pytest.mark.parametrize("name", FILES)
def test_a_picture_is_the_same_in_every_file(name: str) -> None:
    make, tolerance = FILES[name]
    data = make()
    assert differs(data) <= tolerance
    assert decode(data, channels=3).shape == COLOUR.shape
    assert frame_ink(decode(data), height=28, width=28, box=20).max() > 200  # isn't blank


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_is_found_at_every_depth(depth: int) -> None:
    ink = np.round(INK[..., None]).astype(np.uint16) * (2**depth - 1)
    expected = np.where(INK > 0.5, 255, 0).astype(np.uint8)  # white ink, put on black
    assert differs(png(ink, depth, GREY, transparent=[0]), expected) <= 1
    assert differs(png(ink, depth, GREY, transparent=[2**depth - 1]), expected) <= 1  # a hole


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour_is_found_at_every_depth(depth: int) -> None:
    top = 2**depth - 1
    nothing = np.array([top, 0, top], np.uint16)
    pixels = np.where(INK[..., None] > 0.5, np.uint16(0), nothing)
    expected = np.where(INK > 0.5, 0, 255).astype(np.uint8)  # black ink, put on white
    assert differs(png(pixels, depth, RGB, transparent=[top, 0, top]), expected) <= 1


def test_alpha_on_a_scale_of_its_own_is_brought_to_the_usual_one() -> None:
    mask = np.round(INK).astype(np.uint8)
    black = np.zeros_like(COLOUR)
    expected = np.where(mask, 0, 255).astype(np.uint8)
    for top in (1, 15, 255):
        assert differs(encode(with_alpha(mask * top, black)), expected) <= 1


def test_a_sheet_with_transparent_corners_lies_on_paper_of_its_kind() -> None:
    sheet = Image.fromarray(COLOUR).convert("RGBA")
    corner = Image.new("RGBA", (8, 8))
    for place in ((0, 0), (52, 0), (0, 52), (52, 52)):
        sheet.paste(corner, place)
    assert differs(encode(sheet)) <= 1
    inverted = Image.fromarray(np.dstack([255 - COLOUR, np.asarray(sheet)[..., 3]]))
    assert differs(encode(inverted), 255 - PICTURE) <= 1


def test_ink_on_nothing_lies_on_what_it_stands_out_from() -> None:
    for colour, paper in (((0, 0, 60), 255), ((255, 240, 200), 0)):
        found = decode(encode(transparent(INK, colour)))
        assert abs(int(found[0, 0]) - paper) <= 1
        assert frame_ink(found, height=28, width=28, box=20).max() > 200


@pytest.mark.parametrize(
    "make",
    [
        lambda: png(levels(16) * 0 + 700, 16, GREY),
        lambda: png((levels(16) > 40000) * np.uint16(3), 16, GREY),
        lambda: encode(with_alpha(flat(0), COLOUR * 0)),
        lambda: tiff((levels(16) * 0).astype(np.float32), 1),
        lambda: tiff((levels(16) * np.nan).astype(np.float32), 1),
    ],
)
def test_a_picture_that_is_blank_is_called_so(make: Callable[[], bytes]) -> None:
    with pytest.raises(UndecodableInputError, match="blank"):
        frame_ink(decode(make()), height=28, width=28, box=20)


def test_no_number_among_fractions_is_black() -> None:
    fractions = (levels(16) / 65535.0).astype(np.float32)
    fractions[:3, :3] = [[[np.nan], [-np.inf], [np.inf]]] * 3
    found = decode(tiff(fractions, 1))
    assert found[0, :3].tolist() == [0, 0, 255]
    assert np.abs(found[3:].astype(int) - PICTURE[3:]).max() <= 1


def test_what_is_no_kind_of_picture_that_is_known_is_said_to_be_so() -> None:
    unknown = tiff(levels(8).astype(np.uint8), 32845)  # LogLuv
    with pytest.raises(UndecodableInputError, match=r"TIFF file can't be opened.*isn't supported"):
        decode(unknown)


@pytest.mark.filterwarnings("error")
def test_the_largest_floats_are_read_without_a_warning() -> None:
    values = np.where(levels(1) == 0, np.float32(-3e38), np.float32(3e38)).astype(np.float32)
    assert set(np.unique(decode(tiff(values, 1)))) == {0, 255}
