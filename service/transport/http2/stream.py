"""A stream: one request and its answer (RFC 9113, 5.1 and 8.1)."""

from enum import Enum
from typing import Final

from service.transport.http2.flow import MAX_WINDOW, STREAM_WINDOW, ReceiveWindow
from service.transport.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    BrokenStreamError,
    ErrorCode,
    frame,
)
from service.transport.http2.handler import StreamHandler
from service.transport.http2.headers import RequestHead
from service.transport.http2.output import Output


class StreamState(Enum):
    """States of a stream, named as in RFC 9113, 5.1. Without push there is no reserved one."""

    IDLE = "idle"
    OPEN = "open"
    HALF_CLOSED_REMOTE = "half-closed (remote)"  # the request is complete
    HALF_CLOSED_LOCAL = "half-closed (local)"  # the answer is complete
    CLOSED = "closed"


OPEN: Final = StreamState.OPEN
HALF_CLOSED_REMOTE: Final = StreamState.HALF_CLOSED_REMOTE
HALF_CLOSED_LOCAL: Final = StreamState.HALF_CLOSED_LOCAL
CLOSED: Final = StreamState.CLOSED

_STREAM_BYTES: Final = 2048  # bytes of a stream, its handler and the task that answers it

_NOTHING: Final = memoryview(b"")

ENDED: Final = END_HEADERS | END_STREAM


class Stream:
    """One stream from its headers to its end."""

    __slots__ = (
        "_missing",
        "_receive_window",
        "handler",
        "number",
        "send_window",
        "size",
        "state",
        "trailers",
        "unsent",
    )

    def __init__(self, number: int, head: RequestHead, send_window: int) -> None:
        """Open a stream. The body must have the content length, if the head has one."""
        self._missing = head.content_length
        self._receive_window: ReceiveWindow | None = None
        self.number = number
        self.size = head.size + _STREAM_BYTES
        """Bytes that the stream takes in memory, without its body."""
        self.send_window = send_window
        """The peer's window in bytes; below 0 if its settings reduced it by more than was left."""
        self.state = OPEN
        self.unsent = _NOTHING
        """Data of the answer that waits for a window."""
        self.trailers: bytes | None = None
        """The header block that ends the answer, when it is known."""
        self.handler: StreamHandler | None = None
        """For the layer above, which sets and removes it; the protocol doesn't use it."""

    @property
    def has_whole_request(self) -> bool:
        """Whether the request is complete."""
        return self.state is HALF_CLOSED_REMOTE or self.state is CLOSED

    @property
    def has_window(self) -> bool:
        """Whether a part of the body has been counted: a small one is a single part."""
        return self._receive_window is not None

    @property
    def receive_window(self) -> ReceiveWindow:
        """Our window: what the peer may still send of the body."""
        if self._receive_window is None:
            self._receive_window = ReceiveWindow(STREAM_WINDOW)
        return self._receive_window

    def receive(self, size: int, *, ended: bool) -> None:
        """Count `size` bytes of the body; `ended` says that they are the last.

        Raises:
            BrokenStreamError: they don't match the content length (RFC 9113, 8.1.1).
        """
        if ended:
            self.state = HALF_CLOSED_REMOTE
        if self._missing is not None:
            self._missing -= size
            if self._missing < 0 or (ended and self._missing):
                raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)

    def grow(self, increment: int) -> None:
        """Enlarge the peer's window, or reduce it if its settings say so (RFC 9113, 6.9).

        Raises:
            BrokenStreamError: the window would be larger than allowed.
        """
        if self.send_window + increment > MAX_WINDOW:
            raise BrokenStreamError(ErrorCode.FLOW_CONTROL_ERROR)
        self.send_window += increment

    def send_unsent(self, output: Output) -> bool:
        """Send what waits, as far as the windows allow; return whether all of it was sent."""
        while self.unsent:
            size = min(len(self.unsent), self.send_window, output.room())
            if size <= 0:
                return False
            self.send_window -= size
            output.window -= size
            output.write(frame(DATA, 0, self.number, self.unsent[:size]))
            self.unsent = self.unsent[size:]
        if self.trailers is not None:
            output.write(frame(HEADERS, ENDED, self.number, self.trailers))
        return True

    def end_answer(self) -> None:
        """Record that the answer has been sent."""
        self.state = HALF_CLOSED_LOCAL if self.state is OPEN else CLOSED

    def close(self) -> None:
        """End both sides at once."""
        self.state = CLOSED
        self.unsent = _NOTHING
