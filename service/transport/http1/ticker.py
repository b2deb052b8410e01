"""A check of every connection once a second: a timer for each request would cost more."""

import asyncio
from typing import Final, Protocol

_TICK: Final = 1.0  # seconds


class Ticking(Protocol):
    """What a ticker checks."""

    loop: asyncio.AbstractEventLoop

    def tick(self) -> None:
        """End what has lasted too long."""


class Ticker:
    """Calls `tick` of each connection once a second, as long as there is one."""

    def __init__(self) -> None:
        self._connections: set[Ticking] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: Ticking) -> None:
        """Add a connection."""
        self._connections.add(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(_TICK, self._tick, connection.loop)

    def remove(self, connection: Ticking) -> None:
        """Remove a connection."""
        self._connections.discard(connection)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        for connection in list(self._connections):
            connection.tick()
        self._timer = loop.call_later(_TICK, self._tick, loop) if self._connections else None
