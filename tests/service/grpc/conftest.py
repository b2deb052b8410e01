"""The gRPC server by itself, without models, in the test's own event loop: uvloop, as in service."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop

from tests.service.grpc.wire import SmallServer, Wire, small_server
from tests.service.live_server import free_port


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The event loops that the service runs on."""
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def small() -> AsyncIterator[SmallServer]:
    """A server of the methods of `wire.Methods`."""
    async with small_server(free_port()) as server:
        yield server


@pytest.fixture
async def wire(small: SmallServer) -> AsyncIterator[Wire]:
    """A connection to it that has greeted."""
    async with small.wire() as open_wire:
        yield open_wire
