"""Receives requests: the effect of their frames on the streams."""

from collections import deque
from typing import Final

from service.transport.http2.abuse_budget import CHEAP, COSTLY, AbuseBudget
from service.transport.http2.events import Event
from service.transport.http2.flow import CONNECTION_WINDOW, DEFAULT_WINDOW, ReceiveWindow
from service.transport.http2.frame_reader import unpadded
from service.transport.http2.frames import (
    END_STREAM,
    PADDED,
    BrokenStreamError,
    ErrorCode,
    broken_rule,
    window_update,
)
from service.transport.http2.headers import HeaderReader, check_trailers
from service.transport.http2.output import Output
from service.transport.http2.stream import HALF_CLOSED_REMOTE, Stream
from service.transport.http2.streams import Streams

_SMALL: Final = 64  # bytes: a client that sends a body in smaller parts costs more than it sends


class Receiver:
    """Receives requests. A frame that breaks a rule raises an error of `frames`."""

    __slots__ = (
        "_budget",
        "_events",
        "_header_reader",
        "_output",
        "_streams",
        "_window",
        "initial_window",
        "is_refusing",
    )

    def __init__(
        self, budget: AbuseBudget, output: Output, streams: Streams, events: deque[Event]
    ) -> None:
        """Add the effects of each frame to `streams` and `events`."""
        self._budget = budget
        self._output = output
        self._streams = streams
        self._events = events
        self._header_reader = HeaderReader()
        self._window = ReceiveWindow(CONNECTION_WINDOW)
        self.initial_window = DEFAULT_WINDOW
        """The client's initial window for streams that begin from now on, in bytes."""
        self.is_refusing = False
        """Whether no more streams may begin."""

    def data(self, flags: int, number: int, payload: bytes) -> None:
        """Take a part of a body (RFC 9113, 6.1). The windows count its padding, too."""
        size, ended = len(payload), flags & END_STREAM != 0
        if flags & PADDED:
            payload = unpadded(payload)
        if not ended and len(payload) < _SMALL:
            self._budget.spend(CHEAP if payload else COSTLY)
        increment = self._window.take(size)
        if increment:
            self._output.write(window_update(0, increment))
        stream = self._streams.unanswered.get(number)
        if stream is None:
            self._streams.receive_late(number, size, ended=ended)
            return
        if stream.state is HALF_CLOSED_REMOTE:
            raise BrokenStreamError(ErrorCode.STREAM_CLOSED)
        if not ended or stream.has_window:
            increment = stream.receive_window.take(size)
            if increment and not ended:
                self._output.write(window_update(number, increment))
        self._receive(stream, payload, ended=ended)

    def _receive(self, stream: Stream, data: bytes, *, ended: bool) -> None:
        stream.receive(len(data), ended=ended)
        if stream.trailers is None:
            self._events.append((stream, data))

    def headers(self, flags: int, number: int, block: bytes) -> None:
        """Begin a stream, or end its request with trailers (RFC 9113, 6.2 and 8.1)."""
        ended = flags & END_STREAM != 0
        if number <= self._streams.last:
            self._trailers(number, block, ended=ended)
            return
        if not number & 1:
            raise broken_rule("a client's stream with an even number")
        self._streams.last = number
        head = self._header_reader.request(block)
        if self.is_refusing:
            raise BrokenStreamError(ErrorCode.REFUSED_STREAM)
        if ended and head.content_length:
            raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)
        stream = Stream(number, head, self.initial_window)
        self._streams.open(stream)
        if ended:
            stream.state = HALF_CLOSED_REMOTE
        self._events.append((stream, head))

    def _trailers(self, number: int, block: bytes, *, ended: bool) -> None:
        fields = self._header_reader.fields(block)  # in any case: the next headers refer to them
        stream = self._streams.unanswered.get(number)
        if stream is None:
            self._streams.receive_late(number, 0, ended=ended)
            return
        if stream.state is HALF_CLOSED_REMOTE:
            raise BrokenStreamError(ErrorCode.STREAM_CLOSED)
        if not ended:
            raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)
        check_trailers(fields)
        self._receive(stream, b"", ended=True)
