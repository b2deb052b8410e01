"""Checks one client's connection, so that none lasts for ever."""

import logging
from enum import Enum, auto
from typing import Final, Protocol

from service.errors import SlowClientError, TridentError
from service.transport.http1.reader import RequestReader
from service.transport.http1.transport import CountingTransport
from service.transport.pace import Pace, TimeLimits

logger = logging.getLogger(__name__)

_LINGERING_SECONDS: Final = 30  # seconds for which a client may still send what is ignored, ...
_SILENT_SECONDS: Final = 5  # ... or be silent before it closes
_PROBE_AFTER: Final = 1  # seconds after which an interim answer tests a half-closed client


class Phase(Enum):
    """What a connection waits for."""

    REQUEST = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    HALF_CLOSED_ANSWER = auto()
    """An answer, for a half-closed client."""
    FAREWELL = auto()
    """The client's close of a connection that is already closed on our side."""


class Watched(Protocol):
    """A connection that is watched."""

    transport: CountingTransport
    reader: RequestReader

    @property
    def phase(self) -> Phase:
        """What it waits for."""

    def refuse(self, error: TridentError) -> None:
        """Answer with an error and close."""

    def close_idle(self) -> bool:
        """Close at once, unless something has just arrived; return whether it is closed."""

    def probe(self) -> None:
        """Send something that clients ignore, to find out whether the client is still there."""


class Watch:
    """Checks a connection once a second, and ends what takes too long."""

    def __init__(self, connection: Watched, limits: TimeLimits, keep_alive: float) -> None:
        """`keep_alive` is how many seconds a connection may wait for its next request."""
        self._connection = connection
        self._limits = limits
        self._keep_alive = keep_alive
        self._sending = Pace(limits)
        self._reading = Pace(limits)
        self._waits_for: tuple[Phase, int] = (Phase.REQUEST, 0)
        self._seconds = 0
        self._ignored = 0
        self._silent = 0

    def look(self) -> None:
        """Look once."""
        connection = self._connection
        if self._reads_too_slowly():
            logger.info("a client doesn't read its answer: closing its connection")
            connection.transport.abort()
            return
        self._count_seconds()
        match connection.phase:
            case Phase.REQUEST | Phase.HEAD:
                self._wait_for_request()
            case Phase.BODY:
                if self._sending.is_too_slow(
                    connection.reader.requests, connection.reader.body_bytes
                ):
                    connection.refuse(_slow_body(self._limits))
            case Phase.HALF_CLOSED_ANSWER:
                if self._seconds >= _PROBE_AFTER:
                    connection.probe()
            case Phase.FAREWELL:
                self._wait_for_farewell()

    def _count_seconds(self) -> None:
        """Count how long the connection has waited for the same thing."""
        waits_for = (self._connection.phase, self._connection.reader.requests)
        self._seconds = self._seconds + 1 if waits_for == self._waits_for else 0
        self._waits_for = waits_for

    def _reads_too_slowly(self) -> bool:
        transport = self._connection.transport
        if transport.is_unsent():
            return self._reading.is_too_slow("answer", transport.taken())
        self._reading.forget()
        return False

    def _wait_for_request(self) -> None:
        connection, limits = self._connection, self._limits
        if connection.phase is Phase.HEAD:
            if self._seconds >= limits.header_timeout:
                connection.refuse(_slow_head(limits))
        elif self._seconds >= (
            self._keep_alive if connection.reader.requests else limits.header_timeout
        ):
            connection.close_idle()

    def _wait_for_farewell(self) -> None:
        if self._connection.transport.is_unsent():
            return
        ignored = self._connection.reader.ignored_bytes
        self._silent = self._silent + 1 if ignored == self._ignored else 0
        self._ignored = ignored
        if self._silent >= _SILENT_SECONDS or self._seconds >= _LINGERING_SECONDS:
            self._connection.transport.abort()


def _slow_head(limits: TimeLimits) -> SlowClientError:
    return SlowClientError(
        f"The headers weren't complete within {limits.header_timeout:g} s: send them faster."
    )


def _slow_body(limits: TimeLimits) -> SlowClientError:
    return SlowClientError(
        f"The body arrives too slowly: send at least {limits.min_rate:g} bytes a second, on "
        f"average over {limits.stall_timeout:g} s."
    )
