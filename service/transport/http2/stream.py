"""A stream: one request and its answer (RFC 9113, 5.1 and 8.1)."""

import asyncio
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from service.transport.http2.flow import MAX_WINDOW, STREAM_WINDOW, ReceiveWindow
from service.transport.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_HEAD,
    HEADERS,
    BrokenStreamError,
    ErrorCode,
    frame,
    window_update,
)
from service.transport.http2.headers import Request

if TYPE_CHECKING:
    from service.transport.http2.connection import Connection

_ENDED = END_HEADERS | END_STREAM
_pack = FRAME_HEAD.pack


class Stream(ABC):
    """What the layer above makes of a request: it overrides the methods that tell it of events.

    Nothing is told any more of a stream that has ended, by its answer or by `gone`. Header blocks
    are encoded already, and short enough for one frame.
    """

    __slots__ = (
        "_connection",
        "_missing",
        "_receive_window",
        "_sender",
        "_sent",
        "_tail",
        "_unsent",
        "_window",
        "deadline",
        "ended",
        "number",
        "request",
    )

    def __init__(self, connection: "Connection", number: int, request: Request) -> None:
        self._connection = connection
        self._sender = connection.sender
        self._window = connection.sender.stream_window
        self._missing = request.content_length
        self._receive_window: ReceiveWindow | None = None
        self._unsent = memoryview(b"")
        self._tail: bytes | None = None
        self._sent: asyncio.Future[None] | None = None
        self.number = number
        self.request = request
        self.ended = False
        """Whether the request is whole."""
        self.deadline = math.inf
        """The point of `time.monotonic()` at which `expire` is called, give or take a second."""

    @abstractmethod
    def begin(self) -> None:
        """Begin: the headers are in."""

    @abstractmethod
    def take_body(self, data: bytes) -> None:
        """Take a part of the body; the last one if the stream has `ended`."""

    @abstractmethod
    def gone(self) -> None:
        """Give up: the peer, or the connection, ended the stream before its answer did."""

    @abstractmethod
    def expire(self) -> None:
        """End the stream: its deadline has passed."""

    @abstractmethod
    def stop(self) -> None:
        """Finish soon if this would go on for long: the server is stopping."""

    @property
    def receive_window(self) -> ReceiveWindow:
        """What the peer may still send of the body."""
        if self._receive_window is None:
            self._receive_window = ReceiveWindow(STREAM_WINDOW)
        return self._receive_window

    def make_room(self, size: int) -> int:
        """Note a part of a body of several; return by how many bytes to grow its window, or 0."""
        return self.receive_window.take(size)

    def hold_back(self) -> None:
        """Have the peer send no more of the body than it knows it may, until `widen`."""
        self.receive_window.is_held_back = True

    def widen(self, size: int) -> None:
        """Have the peer send `size` bytes of the body more than it knows it may."""
        self.receive_window.widen(size)
        self._sender.write(window_update(self.number, size))

    def take(self, data: bytes) -> None:
        """Take a part of the body, if it agrees with the header's length (RFC 9113, 8.1.1)."""
        if self._missing is not None:
            self._missing -= len(data)
            if self._missing < 0 or (self.ended and self._missing):
                raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)
        if self._tail is None:
            self.take_body(data)

    def answer(self, head: bytes, body: bytes, tail: bytes) -> None:
        """Send a whole answer: headers, body, trailers."""
        size = len(body)
        if size > self._window or size > self._sender.room():
            self.send_head(head)
            self._unsent = memoryview(body)
            self.finish(tail)
            return
        self._sender.window -= size
        number, head_size, tail_size = self.number, len(head), len(tail)
        self._sender.write(
            b"".join(
                (
                    _pack(head_size >> 8, head_size & 0xFF, HEADERS, END_HEADERS, number),
                    head,
                    _pack(size >> 8, size & 0xFF, DATA, 0, number),
                    body,
                    _pack(tail_size >> 8, tail_size & 0xFF, HEADERS, _ENDED, number),
                    tail,
                )
            )
        )
        self._connection.finished(self)

    def send_head(self, head: bytes) -> None:
        """Send the headers of an answer that comes in parts."""
        self._sender.write(frame(HEADERS, END_HEADERS, self.number, head))

    async def send_body(self, data: bytes) -> None:
        """Send a part of the body; return once the peer has made room for all of it."""
        self._unsent = memoryview(data)
        self.flush()
        if self._unsent:
            self._sent = asyncio.get_running_loop().create_future()
            await self._sent

    def finish(self, tail: bytes) -> None:
        """End the answer by its trailers, or by headers alone, after what waits to be sent."""
        self._tail = tail
        self.flush()

    def reset(self, code: ErrorCode) -> None:
        """End the stream without an answer, or in the midst of it."""
        self._connection.reset(self.number, code)

    @property
    def is_stuck(self) -> bool:
        """Whether something waits for the peer to take it."""
        return bool(self._unsent)

    def grow(self, increment: int) -> None:
        """Let the peer take more, or less if it changed its mind (RFC 9113, 6.9)."""
        self._window += increment
        if self._window > MAX_WINDOW:
            raise BrokenStreamError(ErrorCode.FLOW_CONTROL_ERROR)
        if self._unsent:
            self.flush()

    def flush(self) -> None:
        """Send what can be sent of what waits."""
        sender = self._sender
        while self._unsent:
            size = min(len(self._unsent), self._window, sender.room())
            if size <= 0:
                sender.wait(self)
                return
            self._window -= size
            sender.window -= size
            sender.write(frame(DATA, 0, self.number, self._unsent[:size]))
            self._unsent = self._unsent[size:]
        sender.forget(self)
        if self._tail is not None:
            sender.write(frame(HEADERS, _ENDED, self.number, self._tail))
            self._connection.finished(self)
        elif self._sent is not None and not self._sent.done():
            self._sent.set_result(None)
