"""A connection's transport, as its requests see it."""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from service.transport.kernel_queue import unreceived

_IDLE_SECONDS: Final = 60  # before the first probe of a connection without data
_PROBE_SECONDS: Final = 10
_PROBES: Final = 6


class CountingTransport(asyncio.Transport):
    """Counts what is written and what the client reads, and closes in the connection's way."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        """`close` is called instead of the transport's own."""
        super().__init__()
        self.raw = transport
        self.closed = False
        """Whether nothing more is written."""
        self._close = close
        self._written = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, unless the connection is being closed."""
        if not self.closed:
            self._written += len(data)
            self.raw.write(data)

    def close(self) -> None:
        """Close when the client has had time to read what was written."""
        self._close()

    def is_closing(self) -> bool:
        """Tell whether nothing more can be written."""
        return self.closed or self.raw.is_closing()

    def abort(self) -> None:
        """Close at once. Data that isn't sent yet is lost."""
        self.closed = True
        self.raw.abort()

    def pause_reading(self) -> None:
        """Pause reading."""
        self.raw.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self.raw.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the socket."""
        return self.raw.get_extra_info(name, default)

    def is_unsent(self) -> bool:
        """Tell whether data waits here until the client has read what was sent before."""
        return self.raw.get_write_buffer_size() > 0

    def taken(self) -> int:
        """Return how many bytes the client's machine has received in total."""
        return self._written - self.raw.get_write_buffer_size() - unreceived(self.raw)


def keep_probing(sock: socket.socket) -> None:
    """Let the kernel detect that the client's machine has vanished."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
