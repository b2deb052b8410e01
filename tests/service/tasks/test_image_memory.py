"""Decoding a large picture uses no more memory than its header predicts, and the docs say."""

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.errors import TooLargeError
from service.settings import Settings
from service.tasks.preprocessing.image_opening import MOST_PIXEL_BYTES
from service.tasks.preprocessing.images import decode_image, decoding_bytes
from tests.service.drawings import encode
from tests.service.fresh_process import printed
from tests.service.tasks import odd_files as files

MOST_PIXELS: int = Settings.model_fields["max_pixels"].default
OTHER_BYTES = 150_000_000  # beside what the pixels take; docs/operations.md says so

# Decodes a small picture of each format first: libraries are loaded once.
MEASURE = """
import json
from pathlib import Path
from PIL import Image
from service.tasks.preprocessing.images import FORMATS, decode_image
from tests.service.drawings import encode

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

for file_format in FORMATS:
    decode_image(encode(Image.new("L", (600, 600)), file_format), channels=3, max_pixels=10**6)
peaks = []
for _, path, channels in {pictures!r}:
    data = Path(path).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak until now
    before = status("VmRSS")
    decode_image(data, channels=channels, max_pixels={most_pixels})
    peaks.append(status("VmHWM") - before)
print(json.dumps(peaks))
"""


def large_png(width: int, height: int, depth: int, colour: int, channels: int) -> bytes:
    """Return a small PNG of a large picture: a bright band across its middle."""
    row_bytes = width * channels * depth // 8
    dark, bright = b"\0" + bytes(row_bytes), b"\0" + b"\xff" * row_bytes
    at_once = max(1_000_000 // row_bytes, 1)
    packer = zlib.compressobj(1)
    packed, rows = [], height
    while rows:
        count = min(at_once, rows)
        row = bright if abs(rows - height / 2) < height / 6 else dark
        packed.append(packer.compress(row * count))
        rows -= count
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = files.chunk(b"IDAT", b"".join([*packed, packer.flush()]))
    head = b"\x89PNG\r\n\x1a\n" + files.chunk(b"IHDR", header)
    return head + pixels + files.chunk(b"IEND", b"")


def picture(mode: str, side: int = 3000) -> Image.Image:
    """Return a picture of a bright square, of any mode."""
    image = Image.new(mode, (side, side))
    image.paste(Image.new("L", (side // 4, side // 4), 255).convert(mode), (side // 4, side // 4))
    return image


AT_THE_LIMIT: dict[str, Callable[[], bytes]] = {
    "RGBA": lambda: large_png(8000, 8000, 8, 6, 4),
    "16 bits": lambda: large_png(8000, 8000, 16, 0, 1),
    "narrow": lambda: large_png(1, 60_000_000, 8, 0, 1),
    "flat": lambda: large_png(60_000_000, 1, 8, 0, 1),
    "WebP": lambda: encode(picture("RGB", 8000), "WEBP", method=0),
}
SMALLER: dict[str, Callable[[], bytes]] = {
    "colour PNG": lambda: encode(picture("RGB")),
    "PNG of 16 bits with alpha": lambda: large_png(3000, 3000, 16, 6, 4),
    "dark PNG of 16 bits": lambda: encode(picture("I;16")),
    "palette": lambda: encode(picture("P")),
    "GIF": lambda: encode(picture("L"), "GIF"),
    "GIF without its end": lambda: encode(picture("L"), "GIF")[:-3],
    "JPEG": lambda: encode(picture("RGB"), "JPEG"),
    "JPEG without its end": lambda: encode(picture("RGB", 500), "JPEG")[:-2],
    "progressive CMYK": lambda: encode(picture("CMYK"), "JPEG", progressive=True, subsampling=0),
    "lossless WebP": lambda: encode(picture("RGBA"), "WEBP", lossless=True, method=0),
    "BMP of 1 bit": lambda: encode(picture("1", 6000), "BMP"),
    "BMP": lambda: encode(picture("RGB", 2000), "BMP"),
    "TIFF of fax": lambda: encode(picture("1"), "TIFF", compression="group4"),
    "TIFF of floats": lambda: encode(picture("F"), "TIFF", compression="tiff_lzw"),
    "TIFF in one strip": lambda: encode(
        picture("RGBA"), "TIFF", compression="tiff_adobe_deflate", strip_size=10**9
    ),
    "TIFF of JPEG": lambda: encode(picture("RGB"), "TIFF", compression="jpeg"),
    "uncompressed TIFF": lambda: encode(picture("CMYK", 2000), "TIFF"),
}


def check(choice: dict[str, Callable[[], bytes]], channels: Sequence[int], folder: Path) -> None:
    """Compare the pictures' memory with the prediction, and the prediction with the limit."""
    pictures = {name: make() for name, make in choice.items()}
    wanted = []
    for number, (name, data) in enumerate(pictures.items()):
        (folder / str(number)).write_bytes(data)
        wanted += [(name, str(folder / str(number)), count) for count in channels]
    peaks = json.loads(printed(MEASURE.format(pictures=wanted, most_pixels=MOST_PIXELS)))
    for (name, _, count), peak in zip(wanted, peaks, strict=True):
        told = decoding_bytes(pictures[name], channels=count)
        assert peak <= told, f"{name} takes {peak} bytes, not {told}"
        assert told <= MOST_PIXEL_BYTES * MOST_PIXELS + OTHER_BYTES, name


def test_a_picture_at_the_limit_takes_no_more_than_is_told_of_it(tmp_path: Path) -> None:
    check(AT_THE_LIMIT, [3], tmp_path)


def test_no_picture_takes_more_than_is_told_of_it(tmp_path: Path) -> None:
    check(SMALLER, [1, 3], tmp_path)


def test_a_picture_that_would_take_more_is_refused_by_its_header() -> None:
    narrow = large_png(1, 4_000_000, 8, 2, 3)
    with pytest.raises(TooLargeError, match="less narrow"):
        decode_image(narrow, channels=1, max_pixels=4_000_000)
    assert decode_image(narrow, channels=1, max_pixels=8_000_000).shape == (4_000_000, 1)
    sides = [(number, files.LONG, 1, struct.pack("<L", 60_000)) for number in (322, 323)]
    with pytest.raises(TooLargeError, match="Reading the image needs"):
        decode_image(files.tiff_with(picture("L", 50), sides), channels=1, max_pixels=64_000_000)


def test_the_limit_may_be_above_the_one_that_pillow_has() -> None:
    data = large_png(14_000, 13_000, 8, 0, 1)  # 182 megapixels
    assert decode_image(data, channels=1, max_pixels=182_000_000).shape == (3250, 3500)
    with pytest.raises(TooLargeError, match="over the limit of 181999999"):
        decode_image(data, channels=1, max_pixels=181_999_999)


def test_a_large_picture_comes_reduced_and_is_the_same() -> None:
    side = 5000
    steps = (np.arange(side) // 20 % 128).astype(np.uint8)
    smooth = steps + steps[:, None]
    whole = decode_image(encode(Image.fromarray(smooth)), channels=1, max_pixels=side * side)
    expected = np.asarray(Image.fromarray(smooth).reduce(2))
    assert np.array_equal(whole, expected)
    deep = encode(Image.fromarray(smooth.astype(np.uint16) << 4))  # 12 bits
    found = decode_image(deep, channels=1, max_pixels=side * side)
    assert np.abs(found.astype(np.int16) - expected).max() <= 1
