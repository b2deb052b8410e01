"""Flow control (RFC 9113, 5.2): how much the peer may send before a WINDOW_UPDATE."""

from typing import Final

from service.transport.http2.frames import BrokenConnectionError, ErrorCode

DEFAULT_WINDOW: Final = 65_535
"""Bytes that each side may send at first, if no setting says otherwise (RFC 9113, 6.9.2)."""

MAX_WINDOW: Final = 2**31 - 1

STREAM_WINDOW: Final = 64 * 1024
"""The flow-control window of a stream: bytes of a body that a client may send before it must wait.
A stream grants more when there is memory for a large body (`Stream.grant`)."""

CONNECTION_WINDOW: Final = 16 * 1024 * 1024
"""The flow-control window of a connection, for all its bodies together."""


class ReceiveWindow:
    """How many bytes the peer may still send. When half are used, the peer gets a WINDOW_UPDATE."""

    __slots__ = ("_left", "_size", "is_held_back")

    def __init__(self, size: int) -> None:
        """Start with `size` bytes, which the peer knows."""
        self._size = self._left = size
        self.is_held_back = False
        """Whether the window isn't refilled, however much of it is used."""

    def take(self, count: int) -> int:
        """Count bytes that arrived; return by how much to enlarge the peer's window, mostly 0.

        Raises:
            BrokenConnectionError: the peer sent more than the window allowed.
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

    def grant(self, count: int) -> None:
        """Let the peer send `count` bytes more, once."""
        self.is_held_back = False
        self._left += count


def window_too_large() -> BrokenConnectionError:
    """Return what to raise when the peer grows a window beyond `MAX_WINDOW`."""
    return BrokenConnectionError(
        ErrorCode.FLOW_CONTROL_ERROR, f"a window of more than {MAX_WINDOW} bytes"
    )
