"""uvicorn's server, but it loses no request when it stops, and stops within a limited time.

uvicorn closes its sockets, asks each connection that it knows to close, and then waits without
limit: for a connection that opened a moment later, for a client that sends only half a request, or
for one that doesn't read its answer.
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

from service.transport.closing_port import Acceptance
from service.transport.http1.connection import HttpConnection
from service.transport.http1.server_context import ServerContext
from service.transport.open_connections import OpenConnections

logger = logging.getLogger(__name__)

_TICK: Final = 0.05  # seconds between two checks of the connections
_IDLE_SECONDS: Final = 1.0  # without a request, before a connection is closed
_NOTICE_SECONDS: Final = 0.2  # for cancelled answers to end


@dataclass(frozen=True, slots=True)
class Door:
    """A socket that listens, besides the server's own, and how its connections are served."""

    listening: socket.socket
    context: ServerContext
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class StopPlan:
    """How a server stops."""

    drain_timeout: float
    """Seconds for what is in progress when no more connections are accepted."""
    acceptance: Callable[[], Acceptance | None]
    """Tells when the stop begins how connections are accepted meanwhile; None if they aren't."""
    on_stop: Callable[[Acceptance | None], None]
    """Is told the same then."""


class DrainingServer(Server):
    """Stops as planned, whatever its connections do."""

    def __init__(
        self,
        config: Config,
        *,
        plan: StopPlan,
        connections: OpenConnections,
        tls: ssl.SSLContext | None = None,
        doors: Sequence[Door] = (),
    ) -> None:
        """Serve with `tls`, and by other doors too.

        `connections` are those that this server and others of the worker have open.
        """
        super().__init__(config)
        self._tls = tls
        self._doors = doors
        self._plan = plan
        self._all = connections
        self._idle_since: dict[HttpConnection, float] = {}

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
        """Accept connections for a while, answer the requests in progress, then close the rest.

        From the beginning each answer says that it is the last one on its connection.
        """
        listening = [*(sockets or ()), *(door.listening for door in self._doors)]
        acceptance = self._plan.acceptance()
        for connections in (self._all, *(door.context.connections for door in self._doors)):
            connections.closing = True
        self._plan.on_stop(acceptance)
        if acceptance is not None:
            waiting = acceptance.wait(listening, lambda: self._all.arrived)
            accepting = asyncio.create_task(waiting)
            await self._watch_until(accepting.done)
        for server in self.servers:
            server.close()
        for sock in listening:
            sock.close()
        await self._drain(time.monotonic() + self._plan.drain_timeout)
        await self._abort()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _drain(self, deadline: float) -> None:
        opening = asyncio.gather(*(server.wait_closed() for server in self.servers))
        opening_until = time.monotonic() + _IDLE_SECONDS

        def is_over() -> bool:
            now = time.monotonic()
            self._close_idle(now)
            is_open = self._is_busy() or not (opening.done() or now >= opening_until)
            return now >= deadline or not is_open

        await self._watch_until(is_over)

    async def _watch_until(self, is_over: Callable[[], bool]) -> None:
        """Look at the connections again and again until this stage of the stop is over."""
        while not self.force_exit:
            now = time.monotonic()
            for connection in self._connections():
                connection.shutdown()
                if not connection.is_idle():
                    self._idle_since.pop(connection, None)
                else:
                    self._idle_since.setdefault(connection, now)
            if is_over():
                return
            await asyncio.sleep(_TICK)

    def _close_idle(self, now: float) -> None:
        """Close the connections that have had no request for a moment (as nginx does).

        A request that crosses the close is lost: HTTP has no way to prevent that (RFC 9112, 9.6).
        So busy clients get their last answer before.
        """
        for connection, since in list(self._idle_since.items()):
            if now >= since + _IDLE_SECONDS and not connection.has_unread():
                del self._idle_since[connection]
                _end(connection)

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
        return f"still busy {self._plan.drain_timeout:g} s after the last one was accepted"


def _end(connection: HttpConnection) -> None:
    """Close a connection without a request. If our side is closed, don't wait for the client's.

    That may take for ever: a TLS client that isn't reading doesn't answer the session's end.
    """
    if not connection.transport.is_closing():
        connection.close()
    elif not connection.transport.is_unsent():
        connection.transport.abort()
