"""JPEG: segments (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterator

from service.errors import UndecodableInputError
from service.tasks.preprocessing.containers.container import (
    MOST_BLOCKS,
    Header,
    Stripped,
    damaged_header,
)
from service.tasks.preprocessing.containers.orientation import find_orientation

REDUCED_SIDE = 256
"""A picture is read at the smallest scale that keeps both sides above this."""

SIGNATURE = re.compile(rb"\xff\xd8\xff")
_END = b"\xff\xd9"

_JFIF, _EXIF_OR_XMP, _ADOBE = 0xE0, 0xE1, 0xEE
_SCAN = 0xDA
_MOST_SCANS = 100  # the usual progressive file has ten
_SEGMENT = struct.Struct(">BBH")  # 0xFF, marker, length
_FRAME = struct.Struct(">5xHHB")  # height, width, components
_PROGRESSIVE = {b"\xc2", b"\xc6", b"\xca", b"\xce"}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = {0xC4, 0xCC, 0xDB, 0xDD}  # Huffman, arithmetic coding, quantization; restart interval
_NO_SEGMENT = {0x00, 0x01, *range(0xD0, 0xD9), 0xFF}  # no markers, or markers without a segment
_NOISE = b"\xa5\x3c\x69\xc3\x5a\x96" * 8  # arbitrary bytes of compressed pixels
_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"


def read_header(data: bytes) -> Header:
    """Read what comes before the pixels. Raises UndecodableInputError."""
    frame, coefficient_bytes = b"", 0
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            frame = data[start:end]
        elif marker == _SCAN and not _is_single_scan(frame, data[start + 4 : end]):
            coefficient_bytes = 2
    if len(frame) < _FRAME.size:
        raise damaged_header("JPEG")
    height, width, components = _FRAME.unpack_from(frame)
    # With several scans all coefficients are kept. A file without its end is read twice (see
    # `endings`), which makes two pictures.
    reduction = _reduction(width, height)
    pixel_bytes = components * coefficient_bytes + 2 * 4 / reduction**2
    return Header(width, height, pixel_bytes, reduction=reduction)


def _reduction(width: int, height: int) -> int:
    """Return the factor by which Pillow reduces a picture when it is asked for `REDUCED_SIDE`."""
    most = min(width // REDUCED_SIDE, height // REDUCED_SIDE)
    return max((part for part in (1, 2, 4, 8) if part <= most), default=1)


def strip(data: bytes) -> Stripped:
    """Keep the frame, the tables, and the two application segments that name the colour model."""
    kept, exif, xmp = [data[:2]], [], []
    frame = b""
    for marker, start, end in _segments(data):
        content = data[start + 4 : end]
        if marker == _SCAN:
            if not _is_single_scan(frame, content):
                _check_scans(data, start)
            kept.append(data[start:])
        elif marker in _FRAMES:
            frame = data[start:end]
            kept.append(frame)
        elif marker in _TABLES or _tells_colours(marker, content):
            kept.append(data[start:end])
        elif marker == _EXIF_OR_XMP and content.startswith(b"Exif\0"):
            exif.append(content)
        elif marker == _EXIF_OR_XMP and content.startswith(_XMP_NAME):
            xmp.append(content)
    return Stripped(b"".join(kept), find_orientation(exif, xmp))


def _is_single_scan(frame: bytes, scan: bytes) -> bool:
    """Tell from the frame's segment and the first scan's content whether there is only one scan."""
    return frame[1:2] not in _PROGRESSIVE and scan[:1] == frame[9:10]


def _check_scans(data: bytes, start: int) -> None:
    """Refuse a file with more scans than any real picture: each costs as much as all its pixels."""
    end = data.find(_END, start)
    if data.count(bytes([0xFF, _SCAN]), start, end if end >= 0 else len(data)) > _MOST_SCANS:
        raise UndecodableInputError(
            f"The JPEG file has over {_MOST_SCANS} scans: save it again with another program."
        )


def _tells_colours(marker: int, content: bytes) -> bool:
    jfif = marker == _JFIF and content.startswith(b"JFIF\0") and len(content) >= 14
    return jfif or (marker == _ADOBE and content.startswith(b"Adobe") and len(content) >= 12)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each segment's marker, start and end, up to the first scan's header."""
    at = 2
    for _ in range(MOST_BLOCKS):
        if at + _SEGMENT.size > len(data):
            return
        lead, marker, length = _SEGMENT.unpack_from(data, at)
        if lead != 0xFF or marker in _NO_SEGMENT:  # junk, padding, or a marker without a segment
            at = data.find(b"\xff", at + 1)
            if at < 0:
                return
            continue
        end = at + 2 + length
        if marker == _END[1] or end > len(data):
            return
        yield marker, at, end
        if marker == _SCAN:
            return
        at = end


def endings(data: bytes) -> tuple[bytes, ...]:
    """Return two possible ends for a file without its end marker.

    One is the marker: missing pixels become zeros. The other is noise, repeated after each restart
    marker that would follow. There are no ends if whole scans are missing.
    """
    if _END in data or not _is_scanned(data):
        return ()
    due = _next_restart(data)
    restarts = b"".join(bytes([0xFF, 0xD0 + (due + i) % 8]) + _NOISE for i in range(8))
    return _END, _NOISE + restarts + _END


def _next_restart(data: bytes) -> int:
    """Return the number of the next restart marker: they count from 0 to 7 in each scan."""
    scan = data.rfind(bytes([0xFF, _SCAN]))
    places = {data.rfind(bytes([0xFF, 0xD0 + number]), scan): number for number in range(8)}
    last = max(places)
    return places[last] + 1 if last >= 0 else 0


def _is_scanned(data: bytes) -> bool:
    """Tell whether the scans contain all bits of each component's coefficients."""
    frame = next((data[s + 4 : e] for marker, s, e in _segments(data) if marker in _FRAMES), b"")
    missing = {component: set(range(64)) for component in frame[6::3]}
    at = data.find(bytes([0xFF, _SCAN]))
    while 0 <= at < len(data) - 4:
        count = data[at + 4]
        components = data[at + 5 : at + 5 + 2 * count : 2]
        first, last, bits = data[at + 5 + 2 * count : at + 8 + 2 * count].ljust(3, b"\xff")
        if bits & 0x0F == 0:
            for component in components:
                missing.get(component, set()).difference_update(range(first, last + 1))
        at = data.find(bytes([0xFF, _SCAN]), at + 2)
    return not any(missing.values())
