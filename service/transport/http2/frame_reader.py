"""From bytes to frames: they are cut, header blocks are joined, payloads are checked."""

import struct
from collections.abc import Iterator
from enum import Enum
from typing import Final

from service.transport.http2.abuse_budget import COSTLY, AbuseBudget
from service.transport.http2.flow import MAX_WINDOW, window_too_large
from service.transport.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    FRAME_HEAD,
    HEADERS,
    MAX_FRAME_SIZE,
    PADDED,
    PREFACE,
    PRIORITISED,
    SETTINGS,
    STREAM_MASK,
    BrokenConnectionError,
    ErrorCode,
    Setting,
    broken_rule,
)
from service.transport.http2.headers import MAX_HEADER_LIST, too_many_headers

_PLAIN: Final = END_HEADERS | PADDED | PRIORITISED  # a plain HEADERS has only the first

_SETTINGS: Final[dict[int, tuple[int, int]]] = {
    Setting.ENABLE_PUSH: (0, 1),
    Setting.MAX_FRAME_SIZE: (MAX_FRAME_SIZE, 2**24 - 1),
}

_TYPE: Final = 3  # where a frame's type is

Frame = tuple[int, int, int, bytes]
"""A frame's type, its flags, its stream and its payload."""


class Unfinished(Enum):
    """What hasn't arrived completely yet."""

    DATA = "data"
    OTHER = "other"
    """The greeting, a header block, or any frame but DATA."""


class FrameReader:
    """Cuts what a client sends into frames.

    HEADERS have the whole header block as payload: CONTINUATION frames are joined to them, padding
    and priorities are removed.
    """

    __slots__ = ("_budget", "_expected", "_has_preface", "_head", "block", "finished", "rest")

    def __init__(self, budget: AbuseBudget) -> None:
        """Expect the client's preface."""
        self._budget = budget
        self._has_preface = False
        self.rest = b""
        """The bytes of an incomplete frame."""
        self.block = bytearray()
        """The bytes of an incomplete header block."""
        self._expected: int | None = SETTINGS  # the only type that the next frame may have
        self._head = 0, 0  # flags and stream of the HEADERS that `block` began with
        self.finished = 0
        """It changes as frames and header blocks are finished, and not meanwhile."""

    @property
    def held(self) -> int:
        """How many bytes of incomplete frames and header blocks there are."""
        return len(self.rest) + len(self.block)

    @property
    def unfinished(self) -> Unfinished | None:
        """What the client has begun to send, and hasn't finished."""
        if self._expected is not None:
            return Unfinished.OTHER
        if not self.rest:
            return None
        is_data = len(self.rest) > _TYPE and self.rest[_TYPE] == DATA
        return Unfinished.DATA if is_data else Unfinished.OTHER

    def read(self, data: bytes) -> Iterator[Frame]:
        """Yield the complete frames. It keeps the rest, if all frames are taken.

        Raises:
            BrokenConnectionError: the peer broke a rule.
        """
        if self.rest:
            data, self.rest = self.rest + data, b""
        position, size = self._read_preface(data), len(data)
        while position + 9 <= size and self._has_preface:
            high, low, kind, flags, number = FRAME_HEAD.unpack_from(data, position)
            end = position + 9 + (high << 8 | low)
            if high >= MAX_FRAME_SIZE >> 8 and end - position - 9 > MAX_FRAME_SIZE:
                raise BrokenConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a frame too long")
            if end > size:
                break
            if self._expected is not None and kind != self._expected:
                raise _unexpected(self._expected)
            payload = data[position + 9 : end]
            position = end
            if kind == CONTINUATION or (kind == HEADERS and flags & _PLAIN != END_HEADERS):
                whole = self._headers(kind, flags, number & STREAM_MASK, payload)
                if whole is not None:
                    yield whole
            else:
                self._expected = None
                yield kind, flags, number & STREAM_MASK, payload
        self.rest = data[position:]
        if position and self._expected is None:
            self.finished += 1

    def _read_preface(self, data: bytes) -> int:
        """Return how much of the data is the preface (RFC 9113, 3.4)."""
        if self._has_preface:
            return 0
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise broken_rule("this port speaks HTTP/2, without TLS")
        self._has_preface = len(data) >= len(PREFACE)
        return len(PREFACE) if self._has_preface else 0

    def _headers(self, kind: int, flags: int, number: int, payload: bytes) -> Frame | None:
        """Return HEADERS with a whole block if it is complete."""
        if kind == CONTINUATION:
            return self._continuation(flags, number, payload)
        if flags & PADDED:
            payload = unpadded(payload)
        if flags & PRIORITISED:
            check_size(payload, at_least=5)
            payload = payload[5:]
        if flags & END_HEADERS:
            return HEADERS, flags, number, payload
        self.finished += 1
        self._expected, self.block = CONTINUATION, bytearray(payload)
        self._head = flags, number
        return None

    def _continuation(self, flags: int, number: int, payload: bytes) -> Frame | None:
        self._budget.spend(COSTLY)
        if self._expected != CONTINUATION or number != self._head[1]:
            raise broken_rule("CONTINUATION without HEADERS before it")
        self.block += payload
        if len(self.block) > MAX_HEADER_LIST:
            raise too_many_headers()
        if not flags & END_HEADERS:
            return None
        self._expected = None
        block, self.block = bytes(self.block), bytearray()
        return HEADERS, self._head[0], number, block


def unpadded(payload: bytes) -> bytes:
    """Return a payload without its padding (RFC 9113, 6.1). Raises BrokenConnectionError."""
    check_size(payload, at_least=1)
    if payload[0] >= len(payload):
        raise broken_rule("more padding than payload")
    return payload[1 : len(payload) - payload[0]]


def settings_of(payload: bytes) -> dict[int, int]:
    """Return the values of a SETTINGS frame; if a setting is repeated, the last value.

    Raises:
        BrokenConnectionError: the payload isn't a list of settings, or a value isn't allowed.
    """
    if len(payload) % 6:
        raise _wrong_size()
    pairs = list(struct.iter_unpack(">HL", payload))
    for name, value in pairs:
        _check_setting(name, value)
    return dict(pairs)


def _check_setting(name: int, value: int) -> None:
    """Check a value (RFC 9113, 6.5.2); settings that aren't known are ignored."""
    if name == Setting.INITIAL_WINDOW_SIZE and value > MAX_WINDOW:
        raise window_too_large()
    lowest, highest = _SETTINGS.get(name, (0, value))
    if not lowest <= value <= highest:
        raise broken_rule("a setting out of bounds")


def check_size(payload: bytes, size: int | None = None, *, at_least: int = 0) -> None:
    """Raise BrokenConnectionError unless a payload has `size` bytes, or `at_least` so many."""
    if len(payload) < at_least or size not in (None, len(payload)):
        raise _wrong_size()


def _wrong_size() -> BrokenConnectionError:
    return BrokenConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a frame of a wrong size")


def _unexpected(expected: int) -> BrokenConnectionError:
    name = "SETTINGS" if expected == SETTINGS else "CONTINUATION"
    return broken_rule(f"the next frame must be {name}")
