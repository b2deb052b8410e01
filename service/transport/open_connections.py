"""The open connections of a worker, of all protocols: how many, and which may be closed."""

import logging
import sys
import time
from collections import OrderedDict
from typing import Final, Protocol

from service.telemetry.connection_metrics import record_closed, record_opened, record_over_limit

logger = logging.getLogger(__name__)

_WARN_SECONDS: Final = 60.0  # between two warnings
_LOOKS: Final = 10  # idle connections that are tried, when something has just arrived on the others


class ClientConnection(Protocol):
    """A connection of either protocol."""

    protocol: str
    """"http" or "grpc"."""

    def close_idle(self) -> bool:
        """Close at once, unless something from the client waits; return whether it is closed."""


class OpenConnections:
    """Counts connections, and makes room for a new one when there are too many.

    The one that has been idle for the longest time is closed then. Idle means that no request
    waits for an answer: nothing was sent, or not yet the whole head of a request.
    """

    def __init__(self, most: int = sys.maxsize) -> None:
        """Allow `most` connections at a time."""
        self._most = most
        self._open: set[ClientConnection] = set()
        self._idle: OrderedDict[ClientConnection, None] = OrderedDict()
        self._warned = -_WARN_SECONDS
        self.arrived = 0
        """How many connections have come so far."""
        self.closing = False
        """Whether the worker stops: then each answer is the last one on its connection."""

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: ClientConnection) -> bool:
        """Add a new connection, which is idle; return False if it must be refused."""
        self.arrived += 1
        if len(self._open) >= self._most and not self._make_room(connection.protocol):
            return False
        self._open.add(connection)
        self._idle[connection] = None
        record_opened(connection.protocol)
        return True

    def remove(self, connection: ClientConnection) -> None:
        """Forget a connection that is closed."""
        if connection in self._open:
            self._open.remove(connection)
            self._idle.pop(connection, None)
            record_closed(connection.protocol)

    def set_busy(self, connection: ClientConnection) -> None:
        """Record that a request has begun."""
        self._idle.pop(connection, None)

    def set_idle(self, connection: ClientConnection) -> None:
        """Record that all its requests are answered."""
        if connection in self._open:
            self._idle[connection] = None

    def _make_room(self, protocol: str) -> bool:
        for _ in range(min(_LOOKS, len(self._idle))):
            oldest = next(iter(self._idle))
            if oldest.close_idle():
                self.remove(oldest)
                self._warn("the one that was idle for the longest time is closed for each new one")
                record_over_limit(protocol, refused=False)
                return True
            self._idle.move_to_end(oldest)
        self._warn("all are busy, and new ones are refused")
        record_over_limit(protocol, refused=True)
        return False

    def _warn(self, consequence: str) -> None:
        now = time.monotonic()
        if now >= self._warned + _WARN_SECONDS:
            self._warned = now
            logger.warning(
                "%d connections are open, which is the limit (TRIDENT_MAX_CONNECTIONS): %s",
                len(self._open),
                consequence,
            )
