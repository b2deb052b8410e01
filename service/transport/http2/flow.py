"""Flow control (RFC 9113, 5.2): how much the peer may send before it is told to go on."""

from typing import Final

from service.transport.http2.frames import BrokenConnectionError, ErrorCode

DEFAULT_WINDOW: Final = 65_535
"""Bytes that each side may send at first, if no setting says otherwise (RFC 9113, 6.9.2)."""

MAX_WINDOW: Final = 2**31 - 1

STREAM_WINDOW: Final = 64 * 1024
"""Bytes of a body that a client may send before it must wait. A stream grants more once there is
room for a large body (`Stream.grant`)."""

CONNECTION_WINDOW: Final = 16 * 1024 * 1024
"""The same for all bodies of a connection together."""


class ReceiveWindow:
    """How many bytes the peer may still send. The peer is told when half of them are used up."""

    __slots__ = ("_left", "_size", "is_held_back")

    def __init__(self, size: int) -> None:
        """Begin with `size` bytes, of which the peer knows."""
        self._size = self._left = size
        self.is_held_back = False
        """Whether the window stays as it is, however much of it is used."""

    def take(self, count: int) -> int:
        """Count bytes that came; return by how many to grow the peer's window, mostly 0.

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
