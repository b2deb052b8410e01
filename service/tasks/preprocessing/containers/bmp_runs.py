"""Run lengths in BMP files (BI_RLE8 and BI_RLE4 in Microsoft's documentation).

Pillow expands them pixel by pixel, so a few bytes can cost seconds. It also refuses a picture that
ends before its last row, although the format says that the rest is empty.
"""

from service.errors import UndecodableInputError

_END_OF_LINE, _END_OF_PICTURE, _DELTA = 0, 1, 2


def expand(runs: bytes, width: int, height: int, *, nibbles: bool) -> bytearray:
    """Return the pixels, a byte each, in rows that are padded to a multiple of four.

    Args:
        runs: the compressed pixels, and what follows them in the file.
        width: the picture's width in pixels.
        height: its height.
        nibbles: whether a byte stands for two pixels, of 4 bits each.

    Raises:
        UndecodableInputError: the runs end before the picture.
    """
    stride = (width + 3) & ~3
    pixels = bytearray(stride * height)
    x = y = at = 0
    while y < height and not (y == height - 1 and x >= width):
        if at + 2 > len(runs):
            raise _cut_off()
        count, value = runs[at], runs[at + 1]
        at += 2
        if count:
            run = _pair(value) * ((count + 1) // 2) if nibbles else bytes([value]) * count
        elif value == _END_OF_PICTURE:
            break
        elif value == _END_OF_LINE:
            x, y = 0, y + 1
            continue
        elif value == _DELTA:
            if at + 2 > len(runs):
                raise _cut_off()
            x, y = x + runs[at], y + runs[at + 1]
            at += 2
            continue
        else:
            count = value
            stored = (count + 1) // 2 if nibbles else count
            run = runs[at : at + stored]
            if len(run) < stored:
                raise _cut_off()
            run = b"".join(map(_pair, run)) if nibbles else run
            at += stored + stored % 2
        count = max(min(count, width - x), 0)
        pixels[y * stride + x : y * stride + x + count] = run[:count]
        x += count
    return pixels


def _pair(byte: int) -> bytes:
    return bytes((byte >> 4, byte & 0x0F))


def _cut_off() -> UndecodableInputError:
    return UndecodableInputError("The BMP file is truncated or damaged: send the whole file again.")
