"""The metrics of connections."""

from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge

_PROTOCOLS: Final = ("http", "grpc")

_OPEN = Gauge("trident_connections", "Open connections.", ["protocol"], multiprocess_mode="livesum")
_OVER_LIMIT = Counter(
    "trident_connections_over_limit",
    "New connections beyond the limit, by outcome: an idle one was closed (replaced), or the new "
    "one was (refused).",
    ["protocol", "outcome"],
)


def record_opened(protocol: str) -> None:
    """Count a connection that was opened."""
    _open()[protocol].inc()


def record_closed(protocol: str) -> None:
    """Count a connection that was closed."""
    _open()[protocol].dec()


def record_over_limit(protocol: str, *, refused: bool) -> None:
    """Count a new connection beyond the limit."""
    _OVER_LIMIT.labels(protocol, "refused" if refused else "replaced").inc()


@cache
def _open() -> dict[str, Gauge]:
    """Return the gauge of each protocol; all series are there from the first connection on."""
    for protocol in _PROTOCOLS:
        for outcome in ("replaced", "refused"):
            _OVER_LIMIT.labels(protocol, outcome)
    return {protocol: _OPEN.labels(protocol) for protocol in _PROTOCOLS}
