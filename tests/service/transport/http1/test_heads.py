"""Heads that two servers could understand differently are refused, and so are endless ones."""

import asyncio
import json
import re

import pytest
from starlette.types import Receive, Scope, Send

from service.transport.http1.head import MAX_HEAD_BYTES, MAX_HEADERS
from tests.service.transport.http1.serving import answer, read_body, serving
from tests.service.transport.http1.wire import head, post, post_chunked

GET = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"4\r\ngood\r\n0\r\n\r\n"


def request(*lines: bytes, start: bytes = b"POST /other HTTP/1.1", end: bytes = b"") -> bytes:
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n" + end


def chunks(body: bytes) -> bytes:
    return request(b"Host: a", b"Transfer-Encoding: chunked", end=body)


def sized(*lines: bytes) -> bytes:
    return request(b"Host: a", *lines, end=b"good")


def coded(*lines: bytes) -> bytes:
    return request(b"Host: a", *lines, end=CHUNKED)


AMBIGUOUS = {
    # the end of the body
    "gzip, chunked": coded(b"Transfer-Encoding: gzip, chunked"),
    "gzip and chunked in two headers": coded(
        b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"
    ),
    "chunked, gzip": coded(b"Transfer-Encoding: chunked, gzip"),
    "chunked, chunked": coded(b"Transfer-Encoding: chunked, chunked"),
    "chunked in two headers": coded(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "identity": coded(b"Transfer-Encoding: identity"),
    "identity and a length": sized(b"Transfer-Encoding: identity", b"Content-Length: 4"),
    "identity, chunked": coded(b"Transfer-Encoding: identity, chunked"),
    "gzip alone": coded(b"Transfer-Encoding: gzip"),
    "xchunked": coded(b"Transfer-Encoding: xchunked"),
    "chunked with a parameter": coded(b"Transfer-Encoding: chunked;q=1"),
    "chunked in quotes": coded(b'Transfer-Encoding: "chunked"'),
    "chunked after a vertical tab": coded(b"Transfer-Encoding: \x0bchunked"),
    "chunked and a comma": coded(b"Transfer-Encoding: chunked,"),
    "a comma and chunked": coded(b"Transfer-Encoding: ,chunked"),
    "an empty coding": coded(b"Transfer-Encoding:"),
    "an empty coding and a length": sized(b"Transfer-Encoding:", b"Content-Length: 4"),
    "a length, then chunks": coded(b"Content-Length: 4", b"Transfer-Encoding: chunked"),
    "chunks, then a length": coded(b"Transfer-Encoding: chunked", b"Content-Length: 4"),
    "chunks in HTTP/1.0": request(
        b"Host: a", b"Transfer-Encoding: chunked", start=b"POST /other HTTP/1.0", end=CHUNKED
    ),
    "two lengths": sized(b"Content-Length: 4", b"Content-Length: 5"),
    "twice the same length": sized(b"Content-Length: 4", b"Content-Length: 4"),
    "a list of lengths": sized(b"Content-Length: 4, 4"),
    "a length with a sign": sized(b"Content-Length: +4"),
    "a negative length": sized(b"Content-Length: -4"),
    "a length in hexadecimal": sized(b"Content-Length: 0x4"),
    "a length with a space": sized(b"Content-Length: 4 4"),
    "a length with a point": sized(b"Content-Length: 4.0"),
    "an empty length": sized(b"Content-Length:"),
    "a length beyond all": sized(b"Content-Length: 99999999999999999999"),
    # lines
    "a space before the colon": sized(b"Content-Length : 4"),
    "a tab before the colon": sized(b"Content-Length\t: 4"),
    "a folded header": sized(b"X: a", b" b"),
    "a folded coding": coded(b"Transfer-Encoding:", b" chunked"),
    "a folded length": sized(b"Content-Length: 4", b" 4"),
    "a space before the first header": request(b" Host: a"),
    "a bare line feed": request(b"Host: a\nX: b"),
    "a bare line feed at the end": b"GET /other HTTP/1.1\r\nHost: a\n\n",
    "bare line feeds": b"GET /other HTTP/1.1\nHost: a\n\n",
    "a bare carriage return": request(b"Host: a\rX: b"),
    "a NUL in a value": request(b"Host: a", b"X: a\0b"),
    "a NUL in a name": request(b"Host: a", b"X\0: a"),
    "a name with a bracket": request(b"Host: a", b"X(: a"),
    "no name": request(b"Host: a", b": a"),
    "no colon": request(b"Host: a", b"Xabc"),
    # the host
    "no host": request(b"X: y"),
    "two hosts": request(b"Host: a", b"Host: b"),
    "twice the same host": request(b"Host: a", b"Host: a"),
    "two hosts in HTTP/1.0": request(b"Host: a", b"Host: b", start=b"GET /other HTTP/1.0"),
    "a host with a path": request(b"Host: a/b"),
    "a host with a user": request(b"Host: me@a"),
    "a host with a space": request(b"Host: a b"),
    "two hosts in one header": request(b"Host: a, b"),
    "a host with a port in words": request(b"Host: a:http"),
    "an address that isn't closed": request(b"Host: [::1"),
    "a host beyond ASCII": request(b"Host: \xe4"),
    # chunks
    "a space after a chunk's size": chunks(b"4 \r\ngood\r\n0\r\n\r\n"),
    "a space before a chunk's size": chunks(b" 4\r\ngood\r\n0\r\n\r\n"),
    "a chunk's size with 0x": chunks(b"0x4\r\ngood\r\n0\r\n\r\n"),
    "a chunk's size with a sign": chunks(b"+4\r\ngood\r\n0\r\n\r\n"),
    "a negative chunk": chunks(b"-4\r\ngood\r\n0\r\n\r\n"),
    "a chunk without a size": chunks(b"\r\ngood\r\n0\r\n\r\n"),
    "a chunk's size beyond all": chunks(b"10000000000000004\r\ngood\r\n0\r\n\r\n"),
    "a line feed after a chunk's size": chunks(b"4\ngood\r\n0\r\n\r\n"),
    "a line feed after a chunk": chunks(b"4\r\ngood\n0\r\n\r\n"),
    "a line feed in a chunk's extension": chunks(b"4;a\ngood\r\n0\r\n\r\n"),
    "nothing after a chunk": chunks(b"4\r\ngood0\r\n\r\n"),
    "a chunk that is longer than it says": chunks(b"4\r\ngoods\r\n0\r\n\r\n"),
    "line feeds after the last chunk": chunks(b"4\r\ngood\r\n0\n\n"),
    "a length among the trailers": chunks(b"4\r\ngood\r\n0\r\nContent-Length: 4\r\n\r\n"),
    # the first line
    "no version": b"GET /other\r\n\r\n",
    "HTTP/2.0": request(b"Host: a", start=b"GET /other HTTP/2.0"),
    "HTTP/1.2": request(b"Host: a", start=b"GET /other HTTP/1.2"),
    "http/1.1": request(b"Host: a", start=b"GET /other http/1.1"),
    "HTTP/2's own beginning": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a space in the URL": request(b"Host: a", start=b"GET /other /hidden HTTP/1.1"),
    "a control character in the URL": request(b"Host: a", start=b"GET /oth\x01er HTTP/1.1"),
    "no slash": request(b"Host: a", start=b"GET other HTTP/1.1"),
    "a tab in the first line": request(b"Host: a", start=b"GET\t/other\tHTTP/1.1"),
    "an unknown method": request(b"Host: a", start=b"MAKE /other HTTP/1.1"),
    "a tunnel": request(b"Host: a", start=b"CONNECT a:1 HTTP/1.1"),
    "an offer to upgrade without a host": request(b"Connection: Upgrade", b"Upgrade: h2c"),
    "an offer to upgrade with two codings": coded(
        b"Connection: Upgrade", b"Upgrade: h2c", b"Transfer-Encoding: gzip, chunked"
    ),
}


class Seen:
    """An application that records its requests."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        try:
            body = await read_body(receive)
        except ConnectionError:
            return
        self.headers += scope["headers"]
        await answer(send, body)


def assert_refused(sent: bytes) -> None:
    assert re.match(rb"HTTP/1\.1 (400|501|505) [A-Z]", sent), sent
    lines, _, body = sent.partition(b"\r\n\r\n")
    assert b"connection: close" in lines
    problem = json.loads(body)  # and nothing behind it
    assert problem["status"] == int(sent[9:12])
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("path", [b"/other", b"/sentiment"])
@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_an_ambiguous_request_is_refused_with_all_that_follows(
    name: str, path: bytes
) -> None:
    seen = Seen()
    async with serving(seen) as served:
        client = await served.connect()
        await client.send(post(b"four") + AMBIGUOUS[name].replace(b"/other", path) + GET)
        assert await client.read_answer() == (200, b"four")
        assert_refused(await client.read_to_the_end())
    assert "/hidden" not in seen.paths


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_it_is_refused_as_well_when_it_comes_byte_by_byte(name: str) -> None:
    seen = Seen()
    async with serving(seen) as served:
        client = await served.connect()
        await client.send_in_pieces(AMBIGUOUS[name] + GET, 1)
        assert_refused(await client.read_to_the_end())
    assert "/hidden" not in seen.paths


@pytest.mark.parametrize("version", [b"0.9", b"1.2", b"2.0", b"3.0", b"9.9"])
async def test_another_version_is_named_as_the_reason(version: bytes) -> None:
    async with serving(Seen()) as served:
        client = await served.connect()
        await client.send(request(b"Host: a", start=b"GET /other HTTP/" + version))
        assert (await client.read_to_the_end()).startswith(b"HTTP/1.1 505 ")


TAKEN = {
    "a host with a port": request(b"Host: localhost:3000", b"Content-Length: 4", end=b"good"),
    "a host with an underscore": request(b"Host: my_host", b"Content-Length: 4", end=b"good"),
    "an IPv6 address": request(b"Host: [::1]:3000", b"Content-Length: 4", end=b"good"),
    "an address of a link": request(b"Host: [fe80::1%25eth0]", b"Content-Length: 4", end=b"good"),
    "an empty host": request(b"Host:", b"Content-Length: 4", end=b"good"),
    "no host in HTTP/1.0": request(
        b"Content-Length: 4", start=b"POST /other HTTP/1.0", end=b"good"
    ),
    "a whole URL": request(
        b"Host: a", b"Content-Length: 4", start=b"POST http://b/other HTTP/1.1", end=b"good"
    ),
    "chunked in capitals": coded(b"TRANSFER-ENCODING: CHUNKED"),
    "a chunk's extension": chunks(b'4;a="b"\r\ngood\r\n0;c\r\n\r\n'),
    "a chunk's size with zeros": chunks(b"0004\r\ngood\r\n000\r\n\r\n"),
    "a length with zeros": sized(b"Content-Length: 004"),
    "spaces around a value": sized(b"Content-Length:  \t4 \t"),
    "empty lines before": b"\r\n\r\n" + sized(b"Content-Length: 4"),
    "a value beyond ASCII": sized(b"X: \xe9\xff", b"Content-Length: 4"),
    "the server as a whole": request(
        b"Host: a", b"Content-Length: 4", start=b"OPTIONS * HTTP/1.1", end=b"good"
    ),
    "headers that come twice": sized(b"X: a", b"X: b", b"Content-Length: 4"),
}


@pytest.mark.parametrize("name", TAKEN)
async def test_what_is_only_unusual_is_taken(name: str) -> None:
    async with serving(Seen()) as served:
        client = await served.connect()
        await client.send(TAKEN[name])
        assert await client.read_answer() == (200, b"good")


async def test_trailers_do_not_become_headers() -> None:
    seen = Seen()
    async with serving(seen) as served:
        client = await served.connect()
        await client.send(chunks(b"4\r\ngood\r\n0\r\nHost: evil\r\nX-Trailer: y\r\n\r\n"))
        assert await client.read_answer() == (200, b"good")
        await client.send(GET)
        assert (await client.read_answer())[0] == 200
    assert [name for name, _ in seen.headers] == [b"host", b"transfer-encoding", b"host"]
    assert b"evil" not in dict(seen.headers).values()


def with_headers(count: int) -> bytes:
    """Return a request with so many headers in all."""
    return request(b"Host: a", b"Content-Length: 4", *[b"X: y"] * (count - 2), end=b"good")


def with_bytes(size: int, path: bytes) -> bytes:
    """Return a request whose URL and headers take so many bytes."""
    names = b"".join((path, b"Host", b"a", b"Content-Length", b"4", b"X"))
    large = b"X: " + b"y" * (size - len(names))
    return request(
        b"Host: a", b"Content-Length: 4", large, start=b"POST %s HTTP/1.1" % path, end=b"good"
    )


@pytest.mark.parametrize("path", [b"/other", b"/sentiment"])
async def test_the_limits_are_kept_to_the_byte(path: bytes) -> None:
    for whole, status in (
        (with_headers(MAX_HEADERS).replace(b"/other", path), 200),
        (with_headers(MAX_HEADERS + 1).replace(b"/other", path), 431),
        (with_bytes(MAX_HEAD_BYTES, path), 200),
        (with_bytes(MAX_HEAD_BYTES + 1, path), 431),
    ):
        for before in (b"", post(b"x" * 200_000), post(b"four")):
            for piece in (10_000, 1_000_000):
                async with serving() as served:
                    client = await served.connect()
                    await client.send_in_pieces(before + whole, piece)
                    if before:
                        assert (await client.read_answer())[0] == 200
                    assert (await client.read_answer())[0] == status


ENDLESS = {
    "headers": (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: yyyyyyyyyy\r\n", 431),
    "a header's value": (b"GET / HTTP/1.1\r\nX: ", b"yyyyyyyyyy", 431),
    "a header's name": (b"GET / HTTP/1.1\r\n", b"yyyyyyyyyy", 431),
    "a URL": (b"GET /", b"yyyyyyyyyy", 414),
    "empty lines": (b"", b"\r\n", 431),
    "a chunk's extension": (head("Transfer-Encoding: chunked") + b"4;", b"aaaaaaaaaa", 431),
    "trailers": (head("Transfer-Encoding: chunked") + b"0\r\n", b"X: yyyyyyyyyy\r\n", 431),
    "an offer's headers": (
        head("Connection: Upgrade", "Upgrade: a")[:-2],
        b"X: yyyyyyyyy\r\n",
        431,
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_has_no_end_is_refused_early(name: str) -> None:
    start, more, status = ENDLESS[name]
    async with serving() as served:
        client = await served.connect()
        await client.send(start)
        answering = asyncio.create_task(client.read_answer())
        piece = more * (16_384 // len(more))
        sent = 0
        while not answering.done():
            await client.send(piece)
            sent += len(piece)
            assert sent < 4 * 2**20
            await asyncio.sleep(0.001)
        assert (await answering)[0] == status


async def test_a_body_in_tiny_chunks_has_no_such_limit() -> None:
    async with serving() as served:
        client = await served.connect()
        await client.send(post_chunked([b"x"] * 100_000))
        assert await client.read_answer() == (200, b"100000")
