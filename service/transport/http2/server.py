"""The server's socket and its connections."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

from service.admission import Account
from service.transport.closing_port import Acceptance
from service.transport.http2.connection import Connection, MakeHandler
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits

_TICK: float = 1.0  # seconds between two checks of all connections
_BACKLOG = 2048  # connections that the kernel keeps waiting, at most

Ending = Callable[[Connection], None]


class Http2Server:
    """Accepts connections, and ends them when the server stops."""

    def __init__(
        self,
        make_handler: MakeHandler,
        account: Account,
        limits: TimeLimits,
        connections: OpenConnections,
    ) -> None:
        """Answer each request with a handler from `make_handler`.

        The memory of unfinished requests on all connections is taken from `account`. Clients that
        are slower than `limits` are disconnected. `connections` are all that the worker has open.
        """
        self._all = connections
        self._make_handler = make_handler
        self._account = account
        self._limits = limits
        self._connections: set[Connection] = set()
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._ending: Ending | None = None

    async def start(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on a socket that listens; other processes may share it."""
        # Otherwise a connection to a machine that has vanished would stay open for ever.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        loop = asyncio.get_running_loop()
        self._listening = listening
        self._server = await loop.create_server(
            self._make_connection, sock=listening, backlog=_BACKLOG, ssl=tls
        )
        self._ticker = loop.call_later(_TICK, self._tick)

    def _make_connection(self) -> Connection:
        return Connection(
            self._make_handler,
            self._account,
            self._limits,
            self._all,
            on_open=self._on_open,
            on_lost=self._connections.discard,
        )

    async def stop(self, drain_timeout: float, acceptance: Acceptance | None = None) -> None:
        """Send the clients away, go on accepting for a while, then end all connections.

        Clients that have no other server come back meanwhile, and are answered. In the end they are
        sent away again, and calls in progress have `drain_timeout` seconds.
        """
        if self._server is None or self._listening is None:
            return
        for connection in list(self._connections):
            if connection.is_greeted:
                connection.shut_down()
        if acceptance is not None:
            await acceptance.wait([self._listening], lambda: self._all.arrived)
        self._server.close()
        self._listening.close()
        self._end(Connection.shut_down)
        # An accepted connection opens in the next turn of the event loop.
        await asyncio.sleep(0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drain(self._server), drain_timeout)
        self._end(Connection.abort)
        await self._wait_until_lost()
        if self._ticker is not None:
            self._ticker.cancel()

    def _end(self, ending: Ending) -> None:
        """End the open connections in this way, and those that still open."""
        self._ending = ending
        for connection in list(self._connections):
            ending(connection)

    def _on_open(self, connection: Connection) -> None:
        self._connections.add(connection)
        if self._ending is not None:
            self._ending(connection)

    async def _drain(self, server: asyncio.Server) -> None:
        """Wait until connections that were accepted have opened, and all are closed."""
        await server.wait_closed()
        await self._wait_until_lost()

    async def _wait_until_lost(self) -> None:
        while self._connections:
            await next(iter(self._connections)).lost.wait()

    def _tick(self) -> None:
        """Let each connection end what has lasted too long: a timer per call would cost more."""
        now = time.monotonic()
        for connection in list(self._connections):
            connection.tick(now)
        self._ticker = asyncio.get_running_loop().call_later(_TICK, self._tick)
