"""The server's socket, and the connections that came of it."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from service.transport.http2.connection import Connection, MakeStream

_TICK: float = 1.0  # seconds

Farewell = Callable[[Connection], None]


class Listener:
    """Takes connections, and ends them with the server."""

    def __init__(self, make_stream: MakeStream) -> None:
        """Make of each request what `make_stream` does."""
        self._make_stream = make_stream
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._farewell: Farewell | None = None

    @property
    def listening(self) -> bool:
        """Whether it takes connections, or did."""
        return self._server is not None

    async def start(self, host: str, port: int, *, share_port: bool) -> None:
        """Listen. With `share_port`, other processes may too. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._make_stream, self._on_open, self._connections.discard),
            host,
            port,
            reuse_port=share_port,
            backlog=2048,
        )
        for listening in self._server.sockets:
            # A peer whose machine vanished would otherwise stay for ever.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._ticker = loop.call_later(_TICK, self._tick)

    async def stop(self, grace: float) -> None:
        """Take no more connections or streams; after `grace` seconds end those there are."""
        if self._server is None:
            return
        self._server.close()
        self._say(Connection.shut_down)
        # A connection is opened in the turn of the loop after the one that took it.
        await asyncio.sleep(0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wait_until_alone(), grace)
        self._say(Connection.abort)
        await self._wait_until_alone()
        if self._ticker is not None:
            self._ticker.cancel()

    def _say(self, farewell: Farewell) -> None:
        """End the connections there are in this way, and those that are still to open."""
        self._farewell = farewell
        for connection in list(self._connections):
            farewell(connection)

    def _on_open(self, connection: Connection) -> None:
        self._connections.add(connection)
        if self._farewell is not None:
            self._farewell(connection)

    async def _wait_until_alone(self) -> None:
        while self._connections:
            await next(iter(self._connections)).lost.wait()

    def _tick(self) -> None:
        """Have each connection end what has lasted too long: a timer a call would cost more."""
        now = time.monotonic()
        for connection in list(self._connections):
            connection.tick(now)
        self._ticker = asyncio.get_running_loop().call_later(_TICK, self._tick)
