"""The frames to send on a connection, and how much more data may be added."""

from typing import Final

from service.transport.http2.flow import DEFAULT_WINDOW, MAX_WINDOW, window_too_large
from service.transport.http2.frames import MAX_FRAME_SIZE

_MAX_PENDING: Final = 65_536  # bytes of frames; with more, data waits until they are taken


class Output:
    """Frames in the order in which they are sent."""

    __slots__ = ("_frames", "frame_size", "is_closed", "is_paused", "pending", "window")

    def __init__(self) -> None:
        """Start with the values that hold before the peer's SETTINGS."""
        self._frames: list[bytes] = []
        self.pending = 0
        """Bytes of the frames that aren't taken yet."""
        self.window = DEFAULT_WINDOW
        """Bytes of data that the peer accepts on the connection."""
        self.frame_size = MAX_FRAME_SIZE
        """Bytes of the largest payload that the peer accepts."""
        self.is_paused = False
        """Whether the carrier below is full: then no data is added."""
        self.is_closed = False
        """Whether nothing can be added any more."""

    def write(self, frames: bytes) -> None:
        """Add frames. The windows of data must have been counted before."""
        if not self.is_closed:
            self._frames.append(frames)
            self.pending += len(frames)

    def grow(self, increment: int) -> None:
        """Enlarge the connection's window. Raises BrokenConnectionError."""
        if self.window + increment > MAX_WINDOW:
            raise window_too_large()
        self.window += increment

    def room(self) -> int:
        """Return how many bytes of data the next frame may have, as far as streams share it."""
        if self.is_paused or self.pending >= _MAX_PENDING:
            return 0
        return min(self.window, self.frame_size)

    def take(self) -> bytes:
        """Return the frames that were added since the last call."""
        frames, self._frames, self.pending = self._frames, [], 0
        return b"".join(frames)
