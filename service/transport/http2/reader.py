"""From bytes to frames: cut, checked each by itself, and handed on."""

import struct
from typing import Final, Protocol

from service.transport.http2.frames import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    FRAME_HEAD,
    MAX_FRAME_SIZE,
    PADDED,
    PREFACE,
    PRIORITISED,
    SETTINGS,
    STREAM_MASK,
    BrokenConnectionError,
    BrokenStreamError,
    ErrorCode,
)
from service.transport.http2.headers import MAX_HEADER_LIST, too_many_headers
from service.transport.http2.patience import GREAT_NUISANCE, NUISANCE, Patience


class FrameHandler(Protocol):
    """What is told of each frame; `number` is its stream."""

    def on_data(self, number: int, data: bytes, size: int, *, ended: bool) -> None:
        """Take a part of a body; `size` is what the windows count, with the padding."""

    def on_headers(self, number: int, block: bytes, *, ended: bool) -> None:
        """Take a whole block of headers or of trailers."""

    def on_reset(self, number: int) -> None:
        """End a stream."""

    def on_settings(self, values: dict[int, int]) -> None:
        """Keep to the peer's settings."""

    def on_ping(self, payload: bytes, *, is_answer: bool) -> None:
        """Answer a ping, or take an answer."""

    def on_window_update(self, number: int, increment: int) -> None:
        """Note that the peer takes more."""

    def on_broken_stream(self, number: int, code: ErrorCode) -> None:
        """End a stream in which the peer broke a rule."""


class FrameReader:
    """Reads what a client sends. Rules that one frame alone can break are kept here."""

    def __init__(self, handler: FrameHandler, patience: Patience) -> None:
        """Tell `handler` of the frames."""
        self._handler = handler
        self._patience = patience
        self._rest = b""
        self._only: int | None = SETTINGS  # the one type of frame that may come next
        self._block = bytearray()
        self._block_stream, self._block_ended = 0, False
        self.has_preface = False

    def read(self, data: bytes) -> None:
        """Handle the frames that are whole by now, and keep the rest.

        Raises:
            BrokenConnectionError: the peer broke a rule.
        """
        if self._rest:
            data = self._rest + data
        self._rest = data[self._read_frames(data, self._read_preface(data)) :]

    def _read_preface(self, data: bytes) -> int:
        """Return how much of the data is the preface (RFC 9113, 3.4)."""
        if self.has_preface:
            return 0
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise _rule("this port speaks HTTP/2, without TLS")
        self.has_preface = len(data) >= len(PREFACE)
        return len(PREFACE) if self.has_preface else 0

    def _read_frames(self, data: bytes, position: int) -> int:
        """Handle frames; return where the rest begins."""
        size = len(data)
        while position + 9 <= size and self.has_preface:
            high, low, kind, flags, number = FRAME_HEAD.unpack_from(data, position)
            end = position + 9 + (high << 8 | low)
            if high >= MAX_FRAME_SIZE >> 8 and end - position - 9 > MAX_FRAME_SIZE:
                raise BrokenConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a frame too long")
            if end > size:
                break
            if self._only is not None and kind != self._only:
                raise _rule("another frame was due")
            try:
                if kind < len(self._READERS):
                    self._READERS[kind](self, flags, number & STREAM_MASK, data[position + 9 : end])
                else:
                    self._patience.try_by(NUISANCE)
            except BrokenStreamError as error:
                self._patience.try_by(GREAT_NUISANCE)
                self._handler.on_broken_stream(number & STREAM_MASK, error.code)
            position = end
        return position

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        if flags & PADDED:
            payload = _unpadded(payload)
        if not payload and not flags & END_STREAM:
            self._patience.try_by(GREAT_NUISANCE)
        self._handler.on_data(number, payload, size, ended=bool(flags & END_STREAM))

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if flags & PADDED:
            payload = _unpadded(payload)
        if flags & PRIORITISED:
            _check_size(payload, at_least=5)
            payload = payload[5:]
        if flags & END_HEADERS:
            self._handler.on_headers(number, payload, ended=bool(flags & END_STREAM))
        else:
            self._only, self._block = CONTINUATION, bytearray(payload)
            self._block_stream, self._block_ended = number, bool(flags & END_STREAM)

    def _continuation(self, flags: int, number: int, payload: bytes) -> None:
        self._patience.try_by(GREAT_NUISANCE)
        if self._only != CONTINUATION or number != self._block_stream:
            raise _rule("no headers to continue")
        self._block += payload
        if len(self._block) > MAX_HEADER_LIST:
            raise too_many_headers()
        if flags & END_HEADERS:
            self._only = None
            block, self._block = bytes(self._block), bytearray()
            self._handler.on_headers(number, block, ended=self._block_ended)

    def _priority(self, _: int, number: int, payload: bytes) -> None:
        """Ignore what HTTP/2 has given up (RFC 9113, 5.3.2)."""
        self._patience.try_by(NUISANCE)
        if not number:
            raise _rule("a priority of no stream")
        if len(payload) != 5:
            raise BrokenStreamError(ErrorCode.FRAME_SIZE_ERROR)

    def _rst_stream(self, _: int, number: int, payload: bytes) -> None:
        self._patience.try_by(GREAT_NUISANCE)
        _check_size(payload, 4)
        self._handler.on_reset(number)

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        self._patience.try_by(GREAT_NUISANCE)
        if number:
            raise _rule("settings of a stream")
        self._only = None
        if flags & ACK:
            _check_size(payload, 0)
        elif len(payload) % 6:
            raise _wrong_size()
        else:
            # Of several values for a setting the last one counts.
            self._handler.on_settings(dict(struct.iter_unpack(">HL", payload)))

    def _push_promise(self, *_: object) -> None:
        raise _rule("a push by a client")

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        self._patience.try_by(GREAT_NUISANCE)
        if number:
            raise _rule("a ping of a stream")
        _check_size(payload, 8)
        self._handler.on_ping(payload, is_answer=bool(flags & ACK))

    def _goaway(self, _: int, number: int, payload: bytes) -> None:
        """Do nothing: the client opens no more streams, and closes when it has its answers."""
        self._patience.try_by(NUISANCE)
        if number:
            raise _rule("a farewell of a stream")
        _check_size(payload, at_least=8)

    def _window_update(self, _: int, number: int, payload: bytes) -> None:
        self._patience.try_by(NUISANCE)
        _check_size(payload, 4)
        increment = int.from_bytes(payload, "big") & STREAM_MASK
        if increment:
            self._handler.on_window_update(number, increment)
        elif number:
            raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)
        else:
            raise _rule("a window that doesn't grow")

    # What reads a frame, by its type.
    _READERS: Final = (
        _data,
        _headers,
        _priority,
        _rst_stream,
        _settings,
        _push_promise,
        _ping,
        _goaway,
        _window_update,
        _continuation,
    )


def _unpadded(payload: bytes) -> bytes:
    """Return what a padded payload holds (RFC 9113, 6.1)."""
    _check_size(payload, at_least=1)
    if payload[0] >= len(payload):
        raise _rule("more padding than payload")
    return payload[1 : len(payload) - payload[0]]


def _check_size(payload: bytes, size: int | None = None, *, at_least: int = 0) -> None:
    if len(payload) < at_least or size not in (None, len(payload)):
        raise _wrong_size()


def _wrong_size() -> BrokenConnectionError:
    return BrokenConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a frame of a wrong size")


def _rule(sentence: str) -> BrokenConnectionError:
    return BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, sentence)
