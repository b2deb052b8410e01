"""Colours of 16 bits per channel, of which Pillow keeps the upper 8.

That is enough, unless a camera's 10 or 12 bits were stored in 16: then the upper 8 contain almost
nothing. To get the lower 8, the file is read again in the other byte order.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from service.tasks.preprocessing.tiles import Box, tiles

_SWAPPED: Final = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B",  # N is the machine's own byte order, which is L
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B",
    "RGBX;16B": "RGBX;16L",
    "RGBX;16L": "RGBX;16B",
    "RGBX;16N": "RGBX;16B",
    "LA;16B": "RGBA",  # this has no other order, but four bytes: the upper and the lower
}
"""For each of Pillow's raw modes, the raw mode that returns the lower bytes."""

_GREY_AND_ALPHA: Final = (1, 1, 1, 3)  # positions of the lower bytes in an RGBA pixel
_HALF = 128  # if an upper byte is at least this, all 16 bits are used


def low_raw_mode(image: Image.Image) -> str | None:
    """Return the raw mode for the lower bytes of an opened file, or None if it has none.

    Call it before the file's pixels are read.
    """
    if not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return None
    if "transparency" in image.info:  # a transparent colour, which would have to be found again
        return None
    return _SWAPPED.get(_raw_mode(image))


def lacks_light(image: Image.Image) -> bool:
    """Tell whether the upper bytes are so low that the lower ones are needed."""
    return not any(any(image.getchannel(band).histogram()[_HALF:]) for band in "RGB")


def choose_raw_mode(image: Image.Image, raw_mode: str) -> None:
    """Make Pillow read an opened file as if its pixels were stored in another raw mode."""
    if isinstance(image, ImageFile.ImageFile):
        image.tile = [tile._replace(args=_changed(tile.args, raw_mode)) for tile in image.tile]


def with_low_bytes(upper: Image.Image, lower: Image.Image, raw_mode: str) -> Image.Image:
    """Return a picture of 8 bits, from the highest bit that is used downwards."""
    channels = _GREY_AND_ALPHA if raw_mode == "RGBA" else range(len(upper.getbands()))
    most = np.zeros(len(upper.getbands()), np.uint16)
    for _, high, low in _tile_pairs(upper, lower, channels):
        most = np.maximum(most, (high << 8 | low).reshape(-1, most.size).max(axis=0))
    most[:3] = most[:3].max()  # colours keep their proportions
    shifts = [max(int(value).bit_length() - 8, 0) for value in most]
    for box, high, low in _tile_pairs(upper, lower, channels):
        upper.paste(Image.fromarray(((high << 8 | low) >> shifts).astype(np.uint8)), box)
    return upper


def _raw_mode(image: ImageFile.ImageFile) -> str:
    args = image.tile[0].args
    return str(args if isinstance(args, str) or not args else args[0])


def _changed(args: Any, raw_mode: str) -> Any:
    return raw_mode if isinstance(args, str) else (raw_mode, *args[1:])


def _tile_pairs(
    upper: Image.Image, lower: Image.Image, channels: Sequence[int]
) -> Iterator[tuple[Box, NDArray[np.uint16], NDArray[np.uint16]]]:
    """Yield both pictures' tiles, uint16 [height, width, channels], and their places."""
    for (box, high), (_, low) in zip(tiles(upper), tiles(lower), strict=True):
        wanted = np.asarray(low)[..., list(channels)]
        yield box, np.asarray(high).astype(np.uint16), wanted.astype(np.uint16)
