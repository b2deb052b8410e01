"""What is measured, how often and for how long."""

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]
"""A function that gets a line of progress."""

ENDPOINTS = ("classify", "sentiment", "embed")
PARTS = (*ENDPOINTS, "grpc", "photos", "open-loop", "cold-start", "memory")
"""The values of `--only`."""

IMAGES_PER_CALL = 32
"""Images in a gRPC call with many."""

SATURATING = 128
"""Connections at which a server's best rate is measured."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; times in seconds. Each load first runs unmeasured, as a warm-up.

    `rate_shares` are the open loop's rates, as shares of the rate at `SATURATING` connections.
    """

    rounds: int
    seconds: int
    open_seconds: int
    warm_up_seconds: int
    connections: tuple[int, ...]
    many_connections: tuple[int, ...]
    rate_shares: tuple[float, ...]


FULL = Plan(
    rounds=3,
    seconds=6,
    open_seconds=10,
    warm_up_seconds=2,
    connections=(1, 8, 32, 128),
    many_connections=(1, 8, 32),
    rate_shares=(0.1, 0.25, 0.5, 0.75, 0.9),
)
QUICK = Plan(
    rounds=1,
    seconds=1,
    open_seconds=2,
    warm_up_seconds=1,
    connections=(1, 32, 128),
    many_connections=(8,),
    rate_shares=(0.1, 0.5),
)
