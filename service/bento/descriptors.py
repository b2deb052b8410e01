"""File descriptors: how many connections a process can have open."""

import logging
import resource
from contextlib import suppress
from typing import Final

logger = logging.getLogger(__name__)

_KEPT: Final = 256
"""Descriptors for everything but connections: models, logs, metrics, the workers' pipes."""


def possible_connections(wanted: int) -> int:
    """Return how many connections this process can have open, at most `wanted`.

    Under a low limit half of the descriptors are kept.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, limit - min(_KEPT, limit // 2)))


def make_room_for(connections: int) -> None:
    """Raise the limit of this process and those that it starts, if it may; warn if it's too low."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _KEPT
    allowed = needed if most == resource.RLIM_INFINITY else min(needed, most)
    if limit != resource.RLIM_INFINITY and limit < allowed:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    possible = possible_connections(connections)
    if possible < connections:
        logger.warning(
            "a worker can have %d connections open, not %d (TRIDENT_MAX_CONNECTIONS): raise the "
            "limit of open files (ulimit -n) to %d",
            *(possible, connections, needed),
        )
