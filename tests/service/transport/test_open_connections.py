"""The limit of open connections: who gives way to whom."""

import asyncio
import logging
import socket
import tracemalloc

import pytest

from service.transport.grpc.messages import with_prefix
from service.transport.http2 import frames
from service.transport.open_connections import OpenConnections
from tests.service.live_server import free_port
from tests.service.transport.grpc.wire import HELLO, eventually, small_server
from tests.service.transport.http1.serving import serving
from tests.service.transport.http1.wire import head, post


class Fake:
    """A connection; `closed` says whether it was closed for another."""

    protocol = "http"

    def __init__(self, *, has_unread: bool = False) -> None:
        self.has_unread = has_unread
        self.closed = False

    def close_idle(self) -> bool:
        self.closed = not self.has_unread
        return self.closed


def opened(connections: OpenConnections, count: int) -> list[Fake]:
    made = [Fake() for _ in range(count)]
    assert all(connections.add(connection) for connection in made)
    return made


def test_the_one_that_has_been_idle_for_the_longest_time_gives_way() -> None:
    connections = OpenConnections(3)
    first, second, third = opened(connections, 3)
    connections.set_busy(first)
    connections.set_idle(first)
    connections.set_busy(second)
    assert connections.add(Fake())
    assert [first.closed, second.closed, third.closed] == [False, False, True]
    assert len(connections) == 3


def test_if_none_is_idle_the_new_one_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    connections = OpenConnections(2)
    busy = opened(connections, 2)
    for connection in busy:
        connections.set_busy(connection)
    with caplog.at_level(logging.WARNING):
        assert not any(connections.add(Fake()) for _ in range(5))
    assert not any(connection.closed for connection in busy)
    (sentence,) = caplog.messages  # not one for each
    assert "2 connections" in sentence
    assert "TRIDENT_MAX_CONNECTIONS" in sentence
    connections.remove(busy[0])
    assert connections.add(Fake())


def test_one_from_which_something_has_come_does_not_give_way() -> None:
    connections = OpenConnections(2)
    arriving, idle = Fake(has_unread=True), Fake()
    assert connections.add(arriving)
    assert connections.add(idle)
    assert connections.add(Fake())
    assert (arriving.closed, idle.closed) == (False, True)


async def test_over_http_an_idle_one_gives_way_and_busy_ones_are_served_on() -> None:
    async with serving(connections=OpenConnections(2)) as served:
        idle, busy = [await served.connect() for _ in range(2)]
        await idle.send(post(b"four"))
        assert await idle.read_answer() == (200, b"4")
        await busy.send(head("Content-Length: 4") + b"fo")
        await eventually(lambda: len(served.connections._idle) == 1)
        new = await served.connect()
        await new.send(head("Content-Length: 4") + b"fo")
        assert await idle.read_to_the_end() == b""
        await eventually(lambda: len(served.connections._idle) == 0)
        refused = await (await served.connect()).read_to_the_end()
        assert refused.startswith(b"HTTP/1.1 429 ")
        assert b"connection: close\r\n" in refused
        assert b"retry-after: " in refused.lower()
        for client in (busy, new):
            await client.send(b"ur")
            assert await client.read_answer() == (200, b"4")


async def test_over_grpc_an_idle_one_gives_way_and_busy_ones_are_served_on() -> None:
    async with small_server(free_port(), connections=OpenConnections(2)) as small:
        async with small.wire() as idle, small.wire() as busy:
            busy.send(busy.call(1, b"0.5", "/test/Wait"))
            await eventually(lambda: small.methods.running == 1)
            async with small.wire() as new:
                assert await idle.end() == frames.ErrorCode.NO_ERROR
                new.send(new.call(1, b"0.5", "/test/Wait"))
                await eventually(lambda: small.methods.running == 2)
                async with small.connection() as refused:
                    assert await refused.end() == frames.ErrorCode.NO_ERROR
                assert (await new.answer(1)).body == with_prefix(b"0.5")
            assert (await busy.answer(1)).body == with_prefix(b"0.5")
        await asyncio.sleep(0)


MANY = 200
MOST_BYTES = 16 * 1024  # of an idle connection; measured were 9 kB over HTTP and 7.5 kB over gRPC


async def cost_of_idle(port: int, said: bytes) -> float:
    """Return the bytes of memory that an idle connection takes, after the server has answered."""
    loop = asyncio.get_running_loop()
    wires = [socket.socket() for _ in range(MANY + 1)]
    try:
        for number, wire in enumerate(wires):
            wire.setblocking(False)
            await loop.sock_connect(wire, ("127.0.0.1", port))
            await loop.sock_sendall(wire, said)
            assert await loop.sock_recv(wire, 10_000)
            if number == 0:  # the first one makes what all share
                tracemalloc.start()
        return tracemalloc.get_traced_memory()[0] / MANY
    finally:
        tracemalloc.stop()
        for wire in wires:
            wire.close()


async def test_an_idle_connection_takes_little_memory() -> None:
    async with serving() as served:
        assert await cost_of_idle(served.port, post(b"four")) < MOST_BYTES
    port = free_port()
    async with small_server(port):
        assert await cost_of_idle(port, HELLO) < MOST_BYTES
