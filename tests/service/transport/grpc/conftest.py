"""The gRPC server alone, without models, in the test's own event loop: uvloop, as in service."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop

from service.transport.grpc import unary
from service.transport.http2 import server
from tests.service.live_server import free_port
from tests.service.transport.grpc.wire import SmallServer, Wire, small_server


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The event loops that the service runs on."""
    policy: asyncio.AbstractEventLoopPolicy = uvloop.EventLoopPolicy()
    return policy


@pytest.fixture
async def small() -> AsyncIterator[SmallServer]:
    """A server of the methods of `wire.Methods`."""
    async with small_server(free_port()) as started:
        yield started


@pytest.fixture
async def wire(small: SmallServer) -> AsyncIterator[Wire]:
    """A connection to it, after the handshake."""
    async with small.wire() as open_wire:
        yield open_wire


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter time limits than in service. Request this fixture before `small`."""
    monkeypatch.setattr(server, "_TICK", 0.05)
    monkeypatch.setattr(unary, "_SLACK", 0.05)
