"""The end of a port: no connection is lost between the last look and the close.

When the last process closes a listening socket, the kernel resets the connections that nobody has
taken. It goes on accepting until then, so one may always have come after the last look.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_SO_BINDTOIFINDEX: Final = 62  # Linux 5.1; Python has no name for it
_NO_INTERFACE: Final = 2**31 - 1
_TICK: Final = 0.02  # seconds between two looks
_QUIET_SECONDS: Final = 0.2  # for the handshakes that have begun: longer than a round trip
_MOST_SECONDS: Final = 1.0


def refuse_connections(listening: socket.socket) -> None:
    """Have the kernel refuse new connections; those that it has accepted can still be taken.

    It concerns all processes that have this socket, and can't be undone. The socket is bound to a
    network interface that doesn't exist: nothing arrives there. Where the kernel can't do that,
    nothing happens.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # another process has done it already
            listening.setsockopt(socket.SOL_SOCKET, _SO_BINDTOIFINDEX, _NO_INTERFACE)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How a process that stops goes on accepting connections."""

    grace: float = 0.0
    """Seconds for which balancers and clients may still send what they like."""
    is_alone: bool = False
    """Whether no other process will have the kernel refuse connections, so that this one must."""

    async def wait(self, listening: Iterable[socket.socket], arrived: Callable[[], int]) -> None:
        """Return when the sockets can be closed. `arrived` tells how many have come so far."""
        await asyncio.sleep(self.grace)
        if self.is_alone:
            for sock in listening:
                refuse_connections(sock)
        await until_quiet(arrived)


async def until_quiet(arrived: Callable[[], int]) -> None:
    """Return when no connection has come for a moment, after a second at the latest.

    `arrived` tells how many have come so far.
    """
    now = quiet_since = time.monotonic()
    give_up, before = now + _MOST_SECONDS, arrived()
    while now < min(give_up, quiet_since + _QUIET_SECONDS):
        await asyncio.sleep(_TICK)
        now = time.monotonic()
        if arrived() != before:
            before, quiet_since = arrived(), now
