"""Accepting connections in turn, so that workers on one socket share its connections.

Of connections that arrive together, the worker that wakes first accepts most, since waking takes
longer than accepting: of 32, one of two workers had 24 to 31. So a worker accepts one, gives the
others a millisecond to wake, then accepts two, then four at a time. Bursts are shared then, and
4,000 connections a second are more than a worker can serve. A worker that isn't ready accepts none
while another is ready, and else those that have waited for a while.
"""

import asyncio
import logging
import select
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvloop

from service.transport.tls import HANDSHAKE_SECONDS, SHUTDOWN_SECONDS

logger = logging.getLogger(__name__)

_TURN = 0.001  # seconds that are left to the others
_MOST = 4  # connections that are accepted at a time
_BACKLOG = 2048  # connections that the kernel keeps waiting, at most
_PAUSE = 1.0  # seconds, when the process can't open more connections
_GLANCE = 0.025  # seconds between two checks whether connections still wait, ...
_GLANCES = 10  # ... after this many a worker that isn't ready accepts one


class ServingLoop(uvloop.Loop):
    """An event loop whose servers give clients a short time to begin and to end TLS."""

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """Listen."""
        return await super().create_server(*args, **options | _tls_times(options.get("ssl")))


class SharingLoop(ServingLoop):
    """An event loop for a process among several that listen on the same socket."""

    @staticmethod
    def is_ready() -> bool:
        """Tell whether the process is ready to serve."""
        return True

    @staticmethod
    def is_another_ready() -> bool:
        """Tell, in a process that isn't ready, whether another one is."""
        return False

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """Listen; on a socket given as `sock`, connections are shared with other processes."""
        sock: socket.socket | None = options.get("sock")
        if sock is None:
            return await super().create_server(*args, **options)
        listening = _SharedSocket(self, sock, args[0], options.get("ssl"))
        listening.start()
        return listening


class _SharedSocket:
    """The server of one socket, as far as uvicorn needs one."""

    def __init__(
        self,
        loop: SharingLoop,
        sock: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        sock.settimeout(0)
        self._loop = loop
        self._socket = sock
        self._take_on: Callable[[socket.socket], Awaitable[Any]] = partial(
            loop.connect_accepted_socket, make_protocol, ssl=tls, **_tls_times(tls)
        )
        self._opening: set[asyncio.Task[Any]] = set()
        self._closed = False

    def start(self) -> None:
        """Accept connections from now on."""
        if not self._closed:
            self._loop.add_reader(self._socket, self._on_arrival)

    def close(self) -> None:
        """Accept the connections that wait, and no more after that; open ones stay.

        When the last process closes the socket, the kernel resets connections that still wait. If
        this process isn't ready, those are left to another that is.
        """
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket)
        if not self._loop.is_ready() and self._loop.is_another_ready():
            return
        with suppress(OSError):
            for _ in range(_BACKLOG):
                self._accept()

    async def wait_closed(self) -> None:
        """Return when each accepted connection is open, or has failed to open."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _on_arrival(self) -> None:
        self._loop.remove_reader(self._socket)
        if self._loop.is_ready():
            self._take(1)
        else:
            self._wait_for_others(_GLANCES)

    def _wait_for_others(self, glances: int) -> None:
        """Accept a connection if one has waited all the time, and nobody else will."""
        if self._closed:
            return
        if not select.select([self._socket], [], [], 0)[0]:
            self.start()
        elif glances or self._loop.is_another_ready():
            self._loop.call_later(_GLANCE, self._wait_for_others, max(0, glances - 1))
        else:
            self._take(1)

    def _take(self, count: int) -> None:
        """Accept up to so many connections, and more next time, until none is left."""
        if self._closed:
            return
        try:
            for _ in range(count):
                self._accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            self.start()
        except OSError as error:
            logger.error("no connections are accepted for %d s: %s", _PAUSE, error.strerror)  # noqa: TRY400
            self._loop.call_later(_PAUSE, self.start)
        else:
            self._loop.call_later(_TURN, self._go_on, min(2 * count, _MOST))

    def _go_on(self, count: int) -> None:
        if self._loop.is_ready():
            self._take(count)
        else:
            self.start()

    def _accept(self) -> None:
        connection, _ = self._socket.accept()
        opening = self._loop.create_task(self._open(connection))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._take_on(connection)
        except OSError as error:  # the client has gone, or can't agree on TLS
            logger.debug("a connection failed to open: %s", error)
            connection.close()


def _tls_times(tls: ssl.SSLContext | None) -> dict[str, Any]:
    if tls is None:
        return {}
    return {
        "ssl_handshake_timeout": HANDSHAKE_SECONDS,
        "ssl_shutdown_timeout": SHUTDOWN_SECONDS,
    }
