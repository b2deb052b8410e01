"""Where a connection comes from."""

import asyncio


def address_of(transport: asyncio.BaseTransport) -> str:
    """Return the IP address of the client, empty if it has none."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""
