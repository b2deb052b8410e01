"""The carrier of a request: our own for the application's paths, uvicorn for the rest."""

import logging

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.admission import Reservation
from service.transport.http1.asgi_request import CALLER
from service.transport.http1.request import HttpRequest, HttpResponse
from tests.service.transport.http1.serving import (
    Endpoints,
    answer,
    read_body,
    serving,
    wait_until,
)
from tests.service.transport.http1.wire import head, post, post_chunked

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def behind(_: Scope, receive: Receive, send: Send) -> None:
    """Answer (ASGI) instead of BentoML."""
    await read_body(receive)
    await answer(send, b"behind")


class Front(Endpoints):
    """Answers with the path, the query and the length of the body."""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        body = await read_body(request.receive)
        if request.reservation is not None:
            request.reservation.release()
        return HttpResponse(200, f"{request.path} {dict(request.query)} {len(body)}".encode())

    def used(self) -> int:
        return self._account.used


OURS = {
    "a small body": post(b"four"),
    "no body": post(b""),
    "a large body": post(b"x" * 300_000),
    "chunks": post_chunked([b"four"]),
    "many chunks": post_chunked([b"x" * 1000] * 300),
    "HTTP/1.0": post(b"four", version="1.0"),
    "HTTP/1.0, large": post(b"x" * 300_000, version="1.0"),
    "neither length nor chunks": head(),
    "the last request": post(b"four", "Connection: close"),
    "an offer to upgrade": post(b"four", "Connection: Upgrade", "Upgrade: h2c"),
    "a query": post(b"four", path="/sentiment?a=1&b=%2F"),
    "a query with a percent sign": post(b"four", path="/sentiment?a=100%25"),
    "a path in percent-encoding": post(b"four", path="/%73entiment?a=1"),
    "a whole URL": post(b"four", path="http://a/sentiment?a=1"),
    "a fragment": post(b"four", path="/sentiment?a=1#b"),
}

BEHIND = {
    "another method": b"GET /sentiment HTTP/1.1\r\nHost: a\r\n\r\n",
    "another path": post(b"four", path="/other"),
    "a longer path": post(b"four", path="/sentiment/"),
    "no path": post(b"four", path="http://a/"),
}


@pytest.mark.parametrize("name", OURS)
async def test_each_post_to_one_of_its_paths_is_the_applications(name: str) -> None:
    async with serving(behind, endpoints=Front()) as served:
        client = await served.connect()
        await client.send(OURS[name])
        status, content = await client.read_answer()
        assert status == 200
        assert content.startswith(b"/sentiment ")


@pytest.mark.parametrize("name", BEHIND)
async def test_everything_else_is_not(name: str) -> None:
    async with serving(behind, endpoints=Front()) as served:
        client = await served.connect()
        await client.send(BEHIND[name])
        assert await client.read_answer() == (200, b"behind")


async def test_requests_of_both_kinds_are_answered_in_their_order() -> None:
    kept = [name for name, request in OURS.items() if not _is_last(request)]
    async with serving(behind, endpoints=Front()) as served:
        client = await served.connect()
        await client.send(b"".join(OURS[name] + BEHIND["another path"] for name in kept))
        for _ in kept:
            assert (await client.read_answer())[1].startswith(b"/sentiment ")
            assert await client.read_answer() == (200, b"behind")


def _is_last(request: bytes) -> bool:
    return b"HTTP/1.0" in request or b"Connection: close" in request


async def test_without_an_application_everything_goes_to_asgi() -> None:
    async with serving(behind, has_endpoints=False) as served:
        client = await served.connect()
        for name, request in OURS.items():
            if not _is_last(request):
                await client.send(request)
                assert await client.read_answer() == (200, b"behind"), name


@pytest.mark.parametrize("length", [4, 300_000])
async def test_a_client_that_waits_is_told_to_go_on(length: int) -> None:
    async with serving(behind, endpoints=Front()) as served:
        client = await served.connect()
        await client.send(head(f"Content-Length: {length}", "Expect: 100-continue"))
        assert await client.read(len(CONTINUE)) == CONTINUE
        await client.send(bytes(length))
        assert await client.read_answer() == (200, b"/sentiment {} %d" % length)


class Full(Front):
    """Has no memory before a body is read."""

    def try_reserve(self, _: str, size: int) -> Reservation | None:
        return None


async def test_a_small_body_for_which_there_is_no_room_yet_is_read_by_the_application() -> None:
    async with serving(behind, endpoints=Full()) as served:
        client = await served.connect()
        for _ in range(3):
            await client.send(head("Content-Length: 4"))
            await client.send(b"four")
            assert await client.read_answer() == (200, b"/sentiment {} 4")


@pytest.mark.parametrize("sent", [post(b"four")[:-1], head("Content-Length: 4")])
async def test_what_a_request_holds_is_given_back_when_its_client_goes(sent: bytes) -> None:
    front = Front()
    async with serving(behind, endpoints=front) as served:
        client = await served.connect()
        await client.send(sent)
        await wait_until(lambda: front.used() == 4)
        client.writer.transport.abort()
        await wait_until(lambda: front.used() == 0)


class Defective(Front):
    """Fails, which an application never should."""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        raise RuntimeError


async def test_a_defect_of_the_application_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        async with serving(behind, endpoints=Defective()) as served:
            client = await served.connect()
            await client.send(post(b"four"))
            await wait_until(lambda: not served.state.connections)
    assert "a request can't be answered" in caplog.text


async def test_the_asgi_application_is_told_of_the_request_as_uvicorn_tells_it() -> None:
    """By our connections, and by uvicorn's own."""
    seen: list[Scope] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await behind(scope, receive, send)

    request = post(b"four", "X: y", path="/a%20b?c=d%20e")
    for protocol in (None, HttpToolsProtocol):
        async with serving(look, protocol=protocol) as served:
            client = await served.connect(local_addr=("127.0.0.1", 0))
            await client.send(request)
            assert await client.read_answer() == (200, b"behind")
    ours, theirs = seen
    assert ours.pop("client") != theirs.pop("client")  # another connection each
    assert ours.pop("server") != theirs.pop("server")
    assert ours == dict(theirs) | {CALLER: "-"}
