"""uvicorn's server, but it stops within a limited time.

uvicorn asks each connection that it knows to close, and then waits without limit: for a connection
that opened a moment later, for a client that sends only half a request, or for one that doesn't
read its answer.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from uvicorn import Config, Server

from service.transport.http1.connection import HttpConnection
from service.transport.http1.server_context import ServerContext

logger = logging.getLogger(__name__)

_TICK: Final = 0.05  # seconds between two checks of the connections
_IDLE_SECONDS: Final = 1.0  # for a request that is on its way, or the client to close its side
_NOTICE_SECONDS: Final = 0.2  # for cancelled answers to end


@dataclass(frozen=True, slots=True)
class Door:
    """A socket that listens, besides the server's own, and how its connections are served."""

    listening: socket.socket
    context: ServerContext
    tls: ssl.SSLContext | None


class DrainingServer(Server):
    """Stops within `drain_timeout` seconds, whatever its connections do."""

    def __init__(
        self,
        config: Config,
        *,
        drain_timeout: float,
        on_stop: Callable[[], None],
        tls: ssl.SSLContext | None = None,
        doors: Sequence[Door] = (),
    ) -> None:
        """Serve with `tls`, and by other doors too.

        `on_stop` is called when the server begins to stop, before anything is closed.
        """
        super().__init__(config)
        self._tls = tls
        self._doors = doors
        self._drain_timeout = drain_timeout
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        if self._tls is not None:
            self.config.ssl = self._tls
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for door in self._doors:
            connect = partial(
                HttpConnection, door.context, self.config, self.server_state, self.lifespan.state
            )
            self.servers.append(
                await loop.create_server(connect, sock=door.listening, ssl=door.tls)
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain: accept no connections, answer the requests in progress, then close the rest."""
        deadline = time.monotonic() + self._drain_timeout
        self._on_stop()
        for server in self.servers:
            server.close()
        for listening in (*(sockets or ()), *(door.listening for door in self._doors)):
            listening.close()
        await self._drain(deadline)
        await self._abort()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _drain(self, deadline: float) -> None:
        opening = asyncio.gather(*(server.wait_closed() for server in self.servers))
        opening_until = time.monotonic() + _IDLE_SECONDS
        idle_since: dict[HttpConnection, float] = {}
        while not self.force_exit and (now := time.monotonic()) < deadline:
            for connection in self._connections():
                connection.shutdown()
                if not connection.is_idle():
                    idle_since.pop(connection, None)
                elif now - idle_since.setdefault(connection, now) >= _IDLE_SECONDS:
                    del idle_since[connection]
                    _end(connection)
            if not self._is_busy() and (opening.done() or now >= opening_until):
                return
            await asyncio.sleep(_TICK)

    def _connections(self) -> list[HttpConnection]:
        return cast("list[HttpConnection]", list(self.server_state.connections))

    def _is_busy(self) -> bool:
        return bool(self.server_state.connections or self.server_state.tasks)

    async def _abort(self) -> None:
        """Close the remaining connections, answered or not, and let their requests notice."""
        left = self._connections()
        if left:
            logger.warning("closing %d HTTP connections, %s", len(left), self._reason())
        for connection in left:
            connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_NOTICE_SECONDS)

    def _reason(self) -> str:
        if self.force_exit:
            return "because the stop is forced"
        return f"still busy {self._drain_timeout:g} s after the stop began"


def _end(connection: HttpConnection) -> None:
    """Close a connection without a request. If our side is closed, don't wait for the client's.

    That may take for ever: a TLS client that isn't reading doesn't answer the session's end.
    """
    if not connection.transport.is_closing():
        connection.close()
    elif not connection.transport.is_unsent():
        connection.transport.abort()
