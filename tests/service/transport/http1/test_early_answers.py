"""An answer that is ready before the request is complete reaches the client.

Clients that send all of their request before they read are the difficult ones: if bytes arrive on a
closed connection, the kernel resets it, and the answer is lost.
"""

import asyncio
import json

import pytest
from starlette.types import Receive, Scope, Send

from tests.service.transport.http1.serving import TICK, Client, answer, serving, wait_until
from tests.service.transport.http1.wire import head, post, post_chunked

LARGE = 20_000_000
GET = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"


async def refuse(_: Scope, __: Receive, send: Send) -> None:
    """Answer (ASGI) without reading a body."""
    await answer(send, b"too large", 413)


def chunked(size: int, *headers: str) -> bytes:
    return post_chunked([bytes(100_000)] * (size // 100_000), *headers)


REQUESTS = {
    "keep-alive": post(bytes(LARGE)),
    "close": post(bytes(LARGE), "Connection: close"),
    "HTTP/1.0": post(bytes(LARGE), version="1.0"),
    "HTTP/1.0 that would keep alive": post(bytes(LARGE), "Connection: keep-alive", version="1.0"),
    "chunks": chunked(LARGE),
    "chunks, close": chunked(LARGE, "Connection: close"),
    "another path": post(bytes(LARGE), "Connection: close", path="/other"),
    "it would wait, but doesn't": post(bytes(LARGE), "Expect: 100-continue"),
    "pipelined": post(bytes(LARGE)) + GET,
    "no length that could be": head("Content-Length: 18446744073709551615") + bytes(LARGE),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_client_that_sends_everything_first_gets_its_answer(name: str) -> None:
    async with serving(refuse) as served:
        client = await served.connect()
        await client.send(REQUESTS[name])
        await asyncio.sleep(TICK * 3)
        sent = await client.read_to_the_end()
        assert sent.startswith(b"HTTP/1.1 413")
        assert b"connection: close\r\n" in sent
        assert sent.endswith(b"too large")
        client.writer.close()
        await wait_until(lambda: not served.state.connections)


@pytest.mark.parametrize("request_", [post(bytes(LARGE)), chunked(LARGE)])
async def test_a_client_that_sends_slowly_gets_its_answer_too(request_: bytes) -> None:
    async with serving(refuse) as served:
        client = await served.connect()
        for start in range(0, 500_000, 50_000):
            await client.send(request_[start : start + 50_000])
            await asyncio.sleep(TICK)
        assert await client.read_answer() == (413, b"too large")


@pytest.mark.parametrize("path", ["/other", "/sentiment"])
async def test_a_small_rest_is_read_and_the_connection_kept(path: str) -> None:
    async with serving(refuse) as served:
        client = await served.connect()
        for _ in range(5):
            await client.send(head("Content-Length: 200000", path=path))
            assert await client.read_answer() == (413, b"too large")
            await client.send(bytes(200_000))
        await client.send(post(b"four"))
        assert await client.read_answer() == (413, b"too large")


@pytest.mark.parametrize(
    "request_", [head("Content-Length: 1000", path="/other"), head("Content-Length: 100000")]
)
async def test_a_small_rest_that_does_not_come_ends_the_connection(request_: bytes) -> None:
    async with serving(refuse) as served:
        client = await served.connect()
        await client.send(request_)
        assert await client.read_answer() == (413, b"too large")
        assert await client.read_to_the_end() == b""


@pytest.mark.parametrize("path", ["/other", "/sentiment"])
async def test_a_client_that_waits_for_a_word_is_told_that_the_connection_ends(path: str) -> None:
    """It may send its body or not, so the meaning of its next bytes is unknown."""
    async with serving(refuse) as served:
        client = await served.connect()
        await client.send(head("Content-Length: 4", "Expect: 100-continue", path=path))
        sent = await client.read_to_the_end()
        assert sent.startswith(b"HTTP/1.1 413")
        assert b"connection: close\r\n" in sent


@pytest.mark.parametrize("silent", [True, False])
async def test_a_client_that_never_ends_is_ended(silent: bool) -> None:
    async def flood(client: Client) -> None:
        while not silent:
            await client.send(bytes(10_000))
            await asyncio.sleep(TICK / 4)

    async with serving(refuse) as served:
        client = await served.connect()
        await client.send(head("Content-Length: 1000000000"))
        flooding = asyncio.create_task(flood(client))
        assert await client.read_answer() == (413, b"too large")
        await wait_until(lambda: not served.state.connections)
        flooding.cancel()


REFUSED = {
    "a bad head": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "too many headers": (head(*["X: y"] * 200), 431),
    "a bad chunk": (head("Transfer-Encoding: chunked", path="/other") + b"zzz\r\n", 400),
    "nothing of HTTP": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_reaches_a_client_that_goes_on_sending(name: str) -> None:
    start, status = REFUSED[name]
    async with serving() as served:
        client = await served.connect()
        await client.send(start + bytes(LARGE))
        await asyncio.sleep(TICK * 3)
        got, body = await client.read_answer()
        assert (got, json.loads(body)["status"]) == (status, status)
        assert await client.read_to_the_end() == b""
        client.writer.close()
        await wait_until(lambda: not served.state.connections)


async def test_a_refusal_waits_for_the_answers_before_it() -> None:
    async def slow(_: Scope, __: Receive, send: Send) -> None:
        await asyncio.sleep(TICK * 5)
        await answer(send, b"late")

    async with serving(slow) as served:
        client = await served.connect()
        await client.send(GET + GET + b"nonsense\r\n\r\n" + GET)
        assert await client.read_answer() == (200, b"late")
        assert await client.read_answer() == (200, b"late")
        assert (await client.read_answer())[0] == 400
        assert await client.read_to_the_end() == b""


@pytest.mark.parametrize("rest", [b"\r\n", post(b"more"), bytes(LARGE)])
@pytest.mark.parametrize(
    "request_",
    [
        post(b"four", "Connection: close"),
        post(b"four", version="1.0"),
        post(b"four", "Connection: close", path="/other"),
    ],
)
async def test_what_follows_the_last_request_does_not_cost_its_answer(
    request_: bytes, rest: bytes
) -> None:
    async with serving() as served:
        client = await served.connect()
        await client.send(request_)
        await asyncio.sleep(TICK)  # answered, and closed at the server's side
        await client.send(rest)
        await asyncio.sleep(TICK)
        assert await client.read_answer() == (200, b"4")
        assert await client.read_to_the_end() == b""


async def test_stopping_answers_what_was_begun_and_says_that_the_connection_ends() -> None:
    async with serving() as served:
        clients = {}
        for name, begun in {
            "head": head("Content-Length: 4")[:30],
            "body": post(b"four")[:-2],
            "long": post(b"four", path="/other")[:-2],
        }.items():
            clients[name] = await served.connect()
            await clients[name].send(begun)
        await wait_until(lambda: len(served.state.connections) == len(clients))
        await asyncio.sleep(TICK)
        served.connections.closing = True
        for connection in list(served.state.connections):
            connection.shutdown()
        await clients["head"].send(head("Content-Length: 4")[30:] + b"four")
        await clients["body"].send(b"ur")
        await clients["long"].send(b"ur")
        for name, client in clients.items():
            sent = await client.read_to_the_end()
            assert sent.startswith(b"HTTP/1.1 200"), name
            assert b"connection: close\r\n" in sent
            client.writer.close()
        await wait_until(lambda: not served.state.connections)
