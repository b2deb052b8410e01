"""A large picture in tiles, so that no second copy of all of it is in memory."""

from collections.abc import Iterator

from PIL import Image

TILE_PIXELS = 1024 * 1024
"""Most pixels of a tile."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, as Pillow writes a box."""


def tiles(image: Image.Image, step: int = 1) -> Iterator[tuple[Box, Image.Image]]:
    """Yield the picture's tiles, of about a million pixels, each with its place.

    Every side of a tile is a multiple of `step`, except at the picture's right and bottom.
    """
    if image.width * image.height <= TILE_PIXELS:
        yield (0, 0, *image.size), image
        return
    width = min(image.width, TILE_PIXELS // step * step)
    height = max(TILE_PIXELS // width // step, 1) * step
    for top in range(0, image.height, height):
        for left in range(0, image.width, width):
            right, bottom = min(left + width, image.width), min(top + height, image.height)
            box = (left, top, right, bottom)
            yield box, image.crop(box)
