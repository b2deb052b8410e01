"""How much one client may ask for: requests a second, and requests at a time."""

import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv6Address, ip_network
from pathlib import Path
from typing import Final, TypeAlias

from service.api.access.client_table import ClientTable, Place
from service.errors import OverloadedError
from service.telemetry.exchange import NO_CALLER

Leave: TypeAlias = Callable[[], None]
"""Is called once, when a request that was let in is over."""

_BURST: Final = 1.0  # seconds: a client may send what it may send in this time at once
_PAST_WEIGHT: Final = 0.9  # weight of the past in moving averages
_IPV6_NETWORK: Final = 64  # bits of an address: one customer usually has all addresses behind them


class ClientLimits:
    """Limits each client of the service, whichever worker it reaches.

    A client is a key, by its name; without a key it is the address of the connection.
    """

    def __init__(
        self, *, rate: float, concurrency: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Limit clients to `rate` requests a second and `concurrency` at a time; 0 is no limit.

        The clock must be the same for all processes of the machine.
        """
        self._rate = rate
        self._concurrency = concurrency
        self._clock = clock
        self._seconds = 0.0  # that a request takes, a moving average
        self._table: ClientTable | None = None

    def join(self, folder: Path | None, *, workers: int, worker: int) -> None:
        """Begin to limit, together with the other workers (see `ClientTable`)."""
        if self._rate or self._concurrency:
            self._table = ClientTable(folder, workers=workers, worker=worker)

    def let_in(self, name: str, address: str) -> Leave | None:
        """Let a request in; return what to call at its end, if anything.

        Args:
            name: the name of the caller's key.
            address: the IP address of its connection.

        Raises:
            OverloadedError: the client is over one of its limits.
        """
        if self._table is None:
            return None
        place = self._table.place(client_of(name, address))
        now = self._clock()
        if self._concurrency and self._table.count(place) >= self._concurrency:
            raise OverloadedError(
                f"Over the limit of {self._concurrency} requests at a time for one client: send "
                "the next one when another is answered.",
                reason="client",
                retry_after=self._seconds / self._concurrency,
            )
        if self._rate:
            self._count(self._table, place, now)
        if not self._concurrency:
            return None
        self._table.enter(place)
        return partial(self._leave, self._table, place, now)

    def _count(self, table: ClientTable, place: Place, now: float) -> None:
        """Count a request by the generic cell rate algorithm (ITU-T I.371, virtual scheduling)."""
        interval = 1 / self._rate
        expected = max(table.time(place), now)
        early = expected - now - max(_BURST - interval, 0.0)
        if early > interval / 1000:  # sums of intervals aren't exact
            raise OverloadedError(
                f"Over the limit of {self._rate:g} requests a second for one client: send fewer.",
                reason="client",
                retry_after=early,
            )
        table.set_time(place, expected + interval)

    def _leave(self, table: ClientTable, place: Place, began: float) -> None:
        table.leave(place)
        present = self._clock() - began
        past = self._seconds or present
        self._seconds = _PAST_WEIGHT * past + (1 - _PAST_WEIGHT) * present


def client_of(name: str, address: str) -> str:
    """Return who a client is: the holder of a key, or whoever has the address."""
    if name != NO_CALLER:
        return f"key {name}"
    if ":" in address:
        address = _network(address)
    return f"address {address}"


def _network(address: str) -> str:
    whole = IPv6Address(address)
    if whole.ipv4_mapped is not None:
        return str(whole.ipv4_mapped)
    return str(ip_network((whole.packed, _IPV6_NETWORK), strict=False))
