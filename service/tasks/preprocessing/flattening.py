"""From any of Pillow's modes to 8 bits per channel without alpha."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageCms

from service.tasks.preprocessing.tiles import tiles
from service.tasks.preprocessing.value_range import ValueRange, is_signed

Conversion: TypeAlias = Callable[[Image.Image], Image.Image]

_FAINT = 32  # alpha up to this is invisible: the scale is another, or alpha unused
_FLAT = 20.0  # grey levels: up to this deviation, all that is visible counts as one colour


def flattener(image: Image.Image) -> Conversion:
    """Return a function that flattens a tile to "L", "RGB" or another mode of 8 bits.

    It depends on the whole picture: on its range of values, and on what is visible of it.
    """
    in_bytes = _byte_conversion(image)
    if not image.has_transparency_data:
        return in_bytes
    background = Background.suiting(in_bytes(tile) for _, tile in tiles(image))
    return lambda tile: background.put_under(in_bytes(tile))


def _byte_conversion(image: Image.Image) -> Conversion:
    """Return a function that brings a tile to 8 bits per channel; to "RGBA" if there is alpha."""
    mode = image.mode
    if mode.startswith(("I", "F")) or (mode == "L" and is_signed(image)):
        return _deep_conversion(image)
    if mode == "LAB":
        return lambda tile: ImageCms.applyTransform(tile, _lab_transform()) or tile
    if mode == "La":
        return lambda tile: tile.convert("LA").convert("RGBA")
    if image.has_transparency_data:
        return lambda tile: tile.convert("RGBA")
    if mode in ("P", "PA"):
        return lambda tile: tile.convert("RGB")
    return lambda tile: tile


def _deep_conversion(image: Image.Image) -> Conversion:
    found = ValueRange.of(image)
    transparent = image.info.get("transparency")
    if transparent is None:
        return found.apply

    def convert(tile: Image.Image) -> Image.Image:
        opaque = np.asarray(tile) != transparent
        flat = found.apply(tile)
        flat.putalpha(Image.fromarray(np.where(opaque, 255, 0).astype(np.uint8)))
        return flat.convert("RGBA")

    return convert


@cache
def _lab_transform() -> ImageCms.ImageCmsTransform:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB")


@dataclass(frozen=True, slots=True)
class Background:
    """The background of a picture, and the alpha that counts as opaque (0: ignore alpha).

    The visible part of a picture is either ink alone, which needs a background of paper that it
    stands out from; or paper with ink on it, which needs a background of the same paper.
    """

    colour: str
    opaque: int

    @classmethod
    def suiting(cls, picture: Iterable[Image.Image]) -> "Background":
        """Choose the background for a picture that comes in tiles of mode "RGBA"."""
        pixels = opaque = 0
        alpha_sum = luma_sum = square_sum = 0.0
        for tile in picture:
            alpha = np.asarray(tile.getchannel("A"))
            luma = np.asarray(tile.convert("RGB").convert("L"), np.float32)
            pixels += alpha.size
            opaque = max(opaque, int(alpha.max(initial=0)))
            alpha_sum += float(alpha.sum(dtype=np.int64))
            luma_sum += float((luma * alpha).sum(dtype=np.float64))
            square_sum += float((luma * luma * alpha).sum(dtype=np.float64))
        if opaque == 0:
            return cls("white", 0)
        mean = luma_sum / alpha_sum
        deviation = max(square_sum / alpha_sum - mean * mean, 0.0) ** 0.5
        is_ink = alpha_sum < 0.5 * opaque * pixels or deviation < _FLAT
        return cls("white" if is_ink == (mean <= 127.0) else "black", min(opaque, 255))

    def put_under(self, tile: Image.Image) -> Image.Image:
        """Return an "RGBA" tile of the picture as "RGB", on the background."""
        if self.opaque == 0:
            return tile.convert("RGB")
        if self.opaque <= _FAINT:
            alpha = tile.getchannel("A").point(
                [min(a * 255 // self.opaque, 255) for a in range(256)]
            )
            tile.putalpha(alpha)
        background = Image.new("RGBA", tile.size, self.colour)
        return Image.alpha_composite(background, tile).convert("RGB")
