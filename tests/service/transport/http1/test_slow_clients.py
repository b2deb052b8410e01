"""Clients that send or read too slowly are disconnected; slow but steady ones are served."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from service.transport.pace import Pace, TimeLimits
from tests.service.transport.http1.serving import (
    TICK,
    TICKS,
    answer,
    echo,
    read_body,
    serving,
    wait_until,
)
from tests.service.transport.http1.stalled import STALLED, assert_timed_out
from tests.service.transport.http1.wire import head, post


@pytest.mark.parametrize("name", STALLED)
async def test_a_request_that_stalls_is_answered_408(name: str) -> None:
    async with serving() as served:
        client = await served.connect()
        await client.send(STALLED[name])
        assert_timed_out(await client.read_to_the_end())


@pytest.mark.parametrize("name", STALLED)
async def test_a_request_that_stalls_behind_others_is_answered_408_in_its_turn(name: str) -> None:
    async with serving() as served:
        client = await served.connect()
        await client.send(post(b"four") + post(b"three") + STALLED[name])
        assert await client.read_answer() == (200, b"4")
        assert await client.read_answer() == (200, b"5")
        assert_timed_out(await client.read_to_the_end())


DRIPS: dict[str, tuple[bytes, bytes]] = {
    "headers": (b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
    "a body": (head("Content-Length: 1000"), b"x"),
    "chunks": (head("Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
    "a chunk's extension": (head("Transfer-Encoding: chunked") + b"4;a", b"a" * 1000),
    "trailers": (head("Transfer-Encoding: chunked") + b"0\r\n", b"X: y\r\n" * 100),
}


@pytest.mark.parametrize("name", DRIPS)
async def test_a_request_that_drips_is_ended(name: str) -> None:
    start, drop = DRIPS[name]

    async def drip() -> None:
        while True:
            await client.send(drop)
            await asyncio.sleep(TICK)

    async with serving() as served:
        client = await served.connect()
        await client.send(start)
        dripping = asyncio.create_task(drip())
        sent = await client.read_to_the_end()
        dripping.cancel()
        assert sent.startswith((b"HTTP/1.1 408", b"HTTP/1.1 431")), sent


async def test_a_body_that_keeps_the_rate_is_read_however_long_it_takes() -> None:
    async with serving(limits=TimeLimits(stall_timeout=5, min_rate=1)) as served:
        for request in (post(b"x" * 60), post(b"x" * 60, "Expect: 100-continue")):
            client = await served.connect()
            lines, _, body = request.partition(b"\r\n\r\n")
            await client.send(lines + b"\r\n\r\n")
            for byte in body:
                await client.send(bytes([byte]))
                await asyncio.sleep(TICK / 2)
            if b"Expect" in lines:
                assert await client.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert await client.read_answer() == (200, b"60")


async def test_time_in_which_the_application_does_not_read_is_not_counted() -> None:
    may_read = asyncio.Event()

    async def wait_first(scope: Scope, receive: Receive, send: Send) -> None:
        await may_read.wait()
        await echo(scope, receive, send)

    async with serving(wait_first) as served:
        small, large, asking = [await served.connect() for _ in range(3)]
        await small.send(head("Content-Length: 8", path="/other") + b"four")
        await large.send(head("Content-Length: 1000000") + b"x" * 900_000)
        await asking.send(head("Content-Length: 4", "Expect: 100-continue"))
        await asyncio.sleep(TICK * 20)
        may_read.set()
        await small.send(b"more")
        await large.send(b"x" * 100_000)
        assert await small.read_answer() == (200, b"8")
        assert await large.read_answer() == (200, b"1000000")
        assert await asking.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await asking.send(b"four")
        assert await asking.read_answer() == (200, b"4")


async def test_an_answer_may_take_longer_than_a_request() -> None:
    async def slow(_: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await asyncio.sleep(TICK * 20)
        await answer(send, b"late")

    async with serving(slow) as served:
        client = await served.connect()
        await client.send(post(b"four", path="/other"))
        assert await client.read_answer() == (200, b"late")


async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with serving() as served:
        client = await served.connect()
        assert await client.read_to_the_end() == b""


async def test_a_connection_that_sends_only_empty_lines_is_closed() -> None:
    async with serving() as served:
        client = await served.connect()
        await client.send(b"\r\n\r\n")
        assert await client.read_to_the_end() == b""


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    async with serving(keep_alive=3) as served:
        client = await served.connect()
        for _ in range(10):
            await client.send(post(b"four"))
            assert await client.read_answer() == (200, b"4")
            await asyncio.sleep(TICK)
        assert await client.read_to_the_end() == b""
        assert not served.state.connections


class Flood:
    """An application whose answers are larger than all buffers on the way."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _i in range(64):
            await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended.set()


async def test_a_client_that_does_not_read_its_answer_is_ended() -> None:
    flood = Flood()
    async with serving(flood) as served:
        client = await served.connect(limit=2)
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.wait_for(flood.ended.wait(), 20)
        assert not served.state.connections


async def test_a_client_that_asks_on_and_on_but_reads_nothing_is_ended() -> None:
    async def large(_: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await answer(send, bytes(2**20))

    async with serving(large) as served:
        client = await served.connect(limit=2)
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
        await wait_until(lambda: served.state.total_requests > 0 and not served.state.connections)
        assert served.state.total_requests < 100


async def test_a_client_that_reads_slowly_gets_its_whole_answer() -> None:
    async with serving(Flood()) as served:
        client = await served.connect(limit=2**16)
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        taken = 0
        while taken < 2**26:
            taken += len(await client.read(2**21 if taken < 2**25 else 2**23))
            await asyncio.sleep(TICK)


@pytest.mark.parametrize("client_closes", [True, False])
async def test_a_connection_that_is_closed_is_looked_after_no_more(client_closes: bool) -> None:
    async with serving() as served:
        client = await served.connect()
        await client.send(post(b"four", "Connection: close"))
        assert (await client.read_to_the_end()).endswith(b"4")
        if client_closes:
            client.writer.close()
        await wait_until(lambda: not served.state.connections)


@pytest.fixture
def pace() -> Pace:
    return Pace(TimeLimits(stall_timeout=10, min_rate=5))


async def test_a_pace_is_judged_over_the_whole_time(pace: Pace) -> None:
    moved = [0] * 9 + [50] * 10 + [99] * 2
    assert [pace.is_too_slow("body", total) for total in moved] == [False] * 20 + [True]


async def test_a_pace_begins_again_with_another_subject(pace: Pace) -> None:
    for subject in range(5):
        assert not any(pace.is_too_slow(subject, 0) for _ in range(10))
    assert pace.is_too_slow(4, 0)


def test_the_tests_limits_are_what_they_say() -> None:
    assert TICKS.header_timeout == TICKS.stall_timeout == 5
