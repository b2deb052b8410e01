"""Flow control (RFC 9113, 5.2): how much each side may send before the other has to speak."""

import asyncio
from typing import TYPE_CHECKING, Final

from service.transport.http2.frames import MAX_FRAME_SIZE, BrokenConnectionError, ErrorCode

if TYPE_CHECKING:
    from service.transport.http2.stream import Stream

DEFAULT_WINDOW: Final = 65_535
"""Bytes that each side may send at first, if nothing else was said (RFC 9113, 6.9.2)."""

MAX_WINDOW: Final = 2**31 - 1

STREAM_WINDOW: Final = 64 * 1024
"""Bytes of a body that a client may send before it hears of more. A stream asks for more where
there is room for a large body (`Stream.widen`)."""

CONNECTION_WINDOW: Final = 16 * 1024 * 1024
"""The same for all bodies of a connection, at first and ever after."""

_ENOUGH: Final = 65_536  # bytes that go at once, however many more the turn brings


class ReceiveWindow:
    """What the peer may still send of a body: told anew only when half of it is used up."""

    __slots__ = ("_left", "_size", "is_held_back")

    def __init__(self, size: int) -> None:
        """Begin with `size` bytes, of which the peer knows."""
        self._size = self._left = size
        self.is_held_back = False
        """Whether the peer shall send no more than it knows it may."""

    def take(self, count: int) -> int:
        """Note bytes that came; return by how many to grow the window at the peer, mostly 0.

        Raises:
            BrokenConnectionError: the peer sent more than it might.
        """
        self._left -= count
        if self._left * 2 > self._size:
            return 0
        if self._left < 0:
            raise BrokenConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "data over the window")
        if self.is_held_back:
            return 0
        increment = self._size - self._left
        self._left = self._size
        return increment

    def widen(self, count: int) -> None:
        """Let the peer send `count` bytes more, once."""
        self.is_held_back = False
        self._left += count


class Sender:
    """The way out of a connection: what the windows and the transport take goes, the rest waits.

    `window` is the connection's own, in bytes; `stream_window` the one that new streams begin
    with; `frame_size` the largest payload that the peer takes; `paused` whether the transport
    has more than enough; `closed` whether nothing can be sent any more.
    """

    __slots__ = (
        "_frames",
        "_loop",
        "_size",
        "_transport",
        "_waiting",
        "closed",
        "frame_size",
        "paused",
        "stream_window",
        "window",
    )

    def __init__(self, transport: asyncio.Transport) -> None:
        """Begin as the protocol does, before any SETTINGS."""
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._frames: list[bytes] = []
        self._size = 0
        self._waiting: dict[Stream, None] = {}
        self.window = DEFAULT_WINDOW
        self.stream_window = DEFAULT_WINDOW
        self.frame_size = MAX_FRAME_SIZE
        self.paused = False
        self.closed = False

    def write(self, frames: bytes) -> None:
        """Send frames that no window counts, or that were counted already.

        All that a turn of the event loop brings goes together: each write is a call of the kernel.
        """
        if self.closed:
            return
        if not self._frames:
            self._loop.call_soon(self.flush)
        self._frames.append(frames)
        self._size += len(frames)
        if self._size >= _ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Send what was gathered in this turn."""
        frames, self._frames, self._size = self._frames, [], 0
        if frames and not self.closed:
            self._transport.write(b"".join(frames))

    def close(self) -> None:
        """Send what was gathered, and nothing more."""
        self.flush()
        self.closed = True

    def room(self) -> int:
        """Return how many bytes of data can be sent in a frame now, as far as streams share it."""
        return 0 if self.paused else min(self.window, self.frame_size)

    def wait(self, stream: "Stream") -> None:
        """Remember a stream that has more to send than it can."""
        self._waiting[stream] = None

    def forget(self, stream: "Stream") -> None:
        """Forget a stream that has ended."""
        self._waiting.pop(stream, None)

    def pump(self) -> None:
        """Send what waits, as far as it can go now."""
        for stream in list(self._waiting):
            if self.room() <= 0:
                return
            stream.flush()
