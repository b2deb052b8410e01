"""The end of the gRPC server's connections, also of those that open meanwhile."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.transport.closing_port import Acceptance
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
        await eventually(lambda: small.http2._ending is not None)
        async with late_wire(small.http2) as late:
            late.send(HELLO, late.call(1, b"late"))
            ping = await late.until(frames.PING)
            assert (await late.answer(1)).body == with_prefix(b"late")
            late.send(frame(frames.PING, frames.ACK, 0, ping.payload))
            assert await late.end() == ErrorCode.NO_ERROR
        assert (await busy.answer(1)).body == with_prefix(b"1")
    await asyncio.wait_for(stopping, PATIENCE)


async def test_in_the_grace_clients_are_sent_away_and_answered_when_they_come_back(
    small: SmallServer,
) -> None:
    async with small.wire() as before, small.connection() as silent:
        await before.until(frames.SETTINGS)
        before.send(before.call(1, b"before"))
        assert (await before.answer(1)).body == with_prefix(b"before")
        stopping = asyncio.create_task(small.http2.stop(60, Acceptance(grace=0.5, is_alone=True)))
        await leave(before)
        async with small.wire() as back:
            back.send(back.call(1, b"back"))
            assert (await back.answer(1)).body == with_prefix(b"back")
            silent.send(HELLO, silent.call(1, b"at last"))
            assert (await silent.answer(1)).body == with_prefix(b"at last")
            assert not stopping.done()
            await leave(back)
            await leave(silent)
        await asyncio.wait_for(stopping, PATIENCE)
        with pytest.raises(ConnectionRefusedError):
            async with small.connection():
                pass


async def leave(wire: Wire) -> None:
    """Do what a client does that is sent away."""
    first = await wire.until(frames.GOAWAY)
    assert int.from_bytes(first.payload[:4], "big") == frames.MAX_STREAM
    ping = await wire.until(frames.PING)
    wire.send(frame(frames.PING, frames.ACK, 0, ping.payload))
    assert await wire.end() == ErrorCode.NO_ERROR


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
