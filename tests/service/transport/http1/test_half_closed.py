"""A half-closed client gets its answers; work for a client that has gone is cancelled.

The two look the same until something is sent to them.
"""

import asyncio
import json

import pytest
from starlette.types import Receive, Scope, Send

from service.transport.http1.request import HttpRequest, HttpResponse
from tests.service.transport.http1.serving import (
    TICK,
    Client,
    Endpoints,
    answer,
    echo,
    read_body,
    serving,
    wait_until,
)
from tests.service.transport.http1.wire import head, post, post_chunked

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
GET = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
WHOLE = {
    "a small body": (post(b"four"), [b"4"]),
    "a large body": (post(b"x" * 100_000), [b"100000"]),
    "another path": (post(b"four", path="/other"), [b"4"]),
    "no body": (GET, [b"0"]),
    "chunks": (post_chunked([b"four", b"more"]), [b"8"]),
    "HTTP/1.0": (post(b"four", version="1.0"), [b"4"]),
    "close": (post(b"four", "Connection: close"), [b"4"]),
    "an offer to upgrade": (post(b"four", "Connection: Upgrade", "Upgrade: h2c"), [b"4"]),
    "several": (post(b"four") + GET + post_chunked([b"x"]) + post(b"three"), [*b"4015"]),
}


async def send_and_end(client: Client, data: bytes) -> None:
    await client.send(data)
    client.writer.write_eof()


@pytest.mark.parametrize("name", WHOLE)
async def test_what_was_sent_whole_is_answered(name: str) -> None:
    requests, contents = WHOLE[name]
    async with serving() as served:
        client = await served.connect()
        await send_and_end(client, requests)
        for content in contents:
            expected = content if isinstance(content, bytes) else bytes([content])
            assert await client.read_answer() == (200, expected)
        assert await client.read_to_the_end() == b""
        await wait_until(lambda: not served.state.connections)


@pytest.mark.parametrize("name", WHOLE)
async def test_the_end_may_come_later(name: str) -> None:
    requests, contents = WHOLE[name]
    async with serving() as served:
        client = await served.connect()
        await client.send(requests)
        for _ in contents:
            assert (await client.read_answer())[0] == 200
        client.writer.write_eof()
        assert await client.read_to_the_end() == b""
        await wait_until(lambda: not served.state.connections)


CUT = {
    "a head": head()[:-2],
    "a URL": b"GET /senti",
    "a small body": post(b"four")[:-1],
    "a large body": post(b"x" * 100_000)[:-1],
    "another path's body": post(b"four", path="/other")[:-1],
    "a chunked body": post_chunked([b"four"])[:-1],
}


@pytest.mark.parametrize("behind", [b"", post(b"four") + GET])
@pytest.mark.parametrize("name", CUT)
async def test_what_was_cut_off_is_refused_in_its_turn(name: str, behind: bytes) -> None:
    async with serving() as served:
        client = await served.connect()
        await send_and_end(client, behind + CUT[name])
        if behind:
            assert (await client.read_answer())[0] == 200
            assert (await client.read_answer())[0] == 200
        status, problem = await client.read_answer()
        assert (status, json.loads(problem)["title"]) == (400, "Malformed request")
        assert await client.read_to_the_end() == b""
        await wait_until(lambda: not served.state.connections)


async def test_a_client_that_never_asked_gets_nothing() -> None:
    async with serving() as served:
        client = await served.connect()
        client.writer.write_eof()
        assert await client.read_to_the_end() == b""


class Slow(Endpoints):
    """Takes long, at an endpoint and as an application; knows whether it was cancelled."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.begun = asyncio.Event()
        self.given_up = asyncio.Event()

    async def answer(self, request: HttpRequest) -> HttpResponse:
        await read_body(request.receive)
        self.begun.set()
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return HttpResponse(200, b"late")

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        self.begun.set()
        gone = asyncio.create_task(self._until_gone(receive))
        await asyncio.wait([gone], timeout=self._seconds)
        gone.cancel()
        if not self.given_up.is_set():
            await answer(send, b"late")

    async def _until_gone(self, receive: Receive) -> None:
        assert (await receive())["type"] == "http.disconnect"
        self.given_up.set()


SLOW = {
    "a small body": post(b"four"),
    "a large body": post(b"x" * 100_000),
    "chunks": post_chunked([b"four"]),
    "another path": post(b"four", path="/other"),
}


@pytest.mark.parametrize("name", SLOW)
async def test_an_answer_that_takes_long_is_preceded_by_an_interim_one(name: str) -> None:
    slow = Slow(TICK * 10)
    async with serving(slow, endpoints=slow) as served:
        client = await served.connect()
        await send_and_end(client, SLOW[name])
        sent = await client.read_to_the_end()
        assert sent.startswith(CONTINUE)
        assert sent.replace(CONTINUE, b"").startswith(b"HTTP/1.1 200")
        assert not slow.given_up.is_set()


async def test_http_1_0_knows_no_interim_answers() -> None:
    slow = Slow(TICK * 10)
    async with serving(slow) as served:
        client = await served.connect()
        await send_and_end(client, post(b"four", path="/other", version="1.0"))
        assert (await client.read_to_the_end()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("name", SLOW)
async def test_a_client_that_has_gone_is_worked_for_no_more(name: str) -> None:
    slow = Slow(20)
    async with serving(slow, endpoints=slow) as served:
        client = await served.connect()
        await client.send(SLOW[name])
        await slow.begun.wait()
        client.writer.close()
        await asyncio.wait_for(slow.given_up.wait(), 10)
        await wait_until(lambda: not served.state.connections)


async def test_a_client_that_resets_its_connection_is_worked_for_no_more() -> None:
    slow = Slow(20)
    async with serving(slow, endpoints=slow) as served:
        client = await served.connect()
        await client.send(post(b"four"))
        await slow.begun.wait()
        client.writer.transport.abort()
        await asyncio.wait_for(slow.given_up.wait(), 10)


async def test_an_application_that_streams_is_not_interrupted() -> None:
    async def stream(_: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        headers = [(b"content-length", b"20")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _i in range(20):
            await asyncio.sleep(TICK)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with serving(stream) as served:
        client = await served.connect()
        await send_and_end(client, GET)
        assert await client.read_answer() == (200, b"x" * 20)


async def test_the_application_is_not_told_that_the_client_has_gone() -> None:
    async with serving(echo) as served:
        client = await served.connect()
        await send_and_end(client, post(b"x" * 100_000))
        assert await client.read_answer() == (200, b"100000")
