"""The end of the gRPC server's connections, also of those that open meanwhile."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.transport.grpc.messages import with_prefix
from service.transport.http2 import frames
from service.transport.http2.frames import ErrorCode, frame
from service.transport.http2.server import Http2Server
from tests.service.transport.grpc.wire import HELLO, SmallServer, Wire, eventually

PATIENCE = 20.0  # seconds


@asynccontextmanager
async def late_wire(server: Http2Server) -> AsyncIterator[Wire]:
    """Open a connection that is accepted before the server stops, and ready after that."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    await asyncio.get_running_loop().connect_accepted_socket(server._make_connection, theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def test_a_connection_that_opens_while_the_server_stops_is_answered_and_ends(
    small: SmallServer,
) -> None:
    async with small.wire() as busy:
        busy.send(busy.call(1, b"1", "/test/Wait"))
        await eventually(lambda: small.methods.running == 1)
        stopping = asyncio.create_task(small.http2.stop(60))
        await asyncio.sleep(0)
        async with late_wire(small.http2) as late:
            late.send(HELLO, late.call(1, b"late"))
            ping = await late.until(frames.PING)
            assert (await late.answer(1)).body == with_prefix(b"late")
            late.send(frame(frames.PING, frames.ACK, 0, ping.payload))
            assert await late.end() == ErrorCode.NO_ERROR
        assert (await busy.answer(1)).body == with_prefix(b"1")
    await asyncio.wait_for(stopping, PATIENCE)


async def test_a_connection_that_opens_when_the_time_is_up_is_cut_off(small: SmallServer) -> None:
    await small.http2.stop(0.0)
    async with late_wire(small.http2) as late:
        late.send(HELLO)
        while await late.read() is not None:
            pass


async def test_a_client_that_greets_and_then_sleeps_does_not_hold_the_server_up(
    small: SmallServer,
) -> None:
    async with small.wire() as asleep:
        await asleep.until(frames.SETTINGS)
        started = time.monotonic()
        await small.http2.stop(0.5)
        assert time.monotonic() - started < PATIENCE
