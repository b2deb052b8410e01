"""Requests that arrive before earlier ones are answered: any number, in little memory."""

import asyncio
from typing import cast

import pytest
from starlette.types import Receive, Scope, Send

from service.transport.http1.connection import HttpConnection
from tests.service.transport.http1.serving import (
    TICK,
    Served,
    answer,
    read_body,
    serving,
    wait_until,
)
from tests.service.transport.http1.wire import post, post_chunked

GET = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"


async def number(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request (ASGI) with the number in its query."""
    await read_body(receive)
    await answer(send, cast("bytes", scope["query_string"]))


def numbered(number: int) -> bytes:
    return b"GET /other?%d HTTP/1.1\r\nHost: a\r\n\r\n" % number


async def test_thousands_in_one_go_are_answered_in_their_order() -> None:
    async with serving(number) as served:
        client = await served.connect()
        sending = asyncio.create_task(client.send(b"".join(map(numbered, range(5_000)))))
        for expected in range(5_000):
            assert await client.read_answer() == (200, b"%d" % expected)
        await sending


@pytest.mark.parametrize("size", [1000, 16_384, 70_000, 300_000, 2_000_000])
async def test_bodies_of_any_size_may_follow_each_other(size: int) -> None:
    requests = [post(b"x" * size), post_chunked([b"x" * (size // 4)] * 4), GET, post(b"four")]
    async with serving() as served:
        client = await served.connect()
        sending = asyncio.create_task(client.send(b"".join(requests * 3)))
        for _ in range(3):
            assert await client.read_answer() == (200, b"%d" % size)
            assert await client.read_answer() == (200, b"%d" % (size // 4 * 4))
            assert await client.read_answer() == (200, b"0")
            assert await client.read_answer() == (200, b"4")
        await sending


def waiting(served: Served) -> int:
    """Return how many requests wait on the one connection."""
    (connection,) = served.state.connections
    return len(cast(HttpConnection, connection)._waiting)


@pytest.mark.parametrize("asks", [False, True])
async def test_a_client_that_asks_faster_than_it_is_answered_has_few_requests_waiting(
    asks: bool,
) -> None:
    async def slow(_: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(receive() if asks else asyncio.sleep(0))
        await asyncio.sleep(TICK / 20)
        await answer(send, b"late")
        gone.cancel()

    async with serving(slow) as served:
        client = await served.connect()
        flood = asyncio.create_task(client.send(GET * 400_000))
        await wait_until(lambda: bool(served.state.connections))
        most = 0
        for _ in range(100):
            assert await client.read_answer() == (200, b"late")
            most = max(most, waiting(served))
        assert 0 < most < 1000
        assert not flood.done()
        flood.cancel()
