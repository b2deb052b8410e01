"""Clients that send what must be refused, that break off, or that speak another protocol."""

import asyncio
import random
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import grpc

from loadtests.bench.requests import HOST, Request
from loadtests.clients.bodies import BAD_REQUESTS
from loadtests.clients.calls import BAD_CALLS
from loadtests.clients.samples import read_samples
from loadtests.swaps.callers import TIMEOUT, FailedRequestError
from service.api.trident.inference_pb2_grpc import InferenceStub

_POST: Final = b"POST /classify HTTP/1.1\r\nHost: localhost\r\n"
_PNG: Final = b"Content-Type: image/png\r\n"


@dataclass(frozen=True, slots=True)
class Hostile:
    """Bytes for a new connection, and the statuses that they may be answered with.

    Without statuses the client breaks off at once: no answer is expected.
    """

    name: str
    content: bytes
    statuses: frozenset[int]


def hostile_requests(draw: random.Random) -> list[Hostile]:
    """Return one of each kind; some of them differ by what is drawn."""
    return [*_wrong_bodies(), *_wrong_heads(), *_broken_off(), *_damaged(draw)]


def _wrong_bodies() -> list[Hostile]:
    return [
        Hostile(
            f"{status} {target}",
            Request(target, body.content_type, body.content).raw(),
            frozenset({status}),
        )
        for target, body, status in BAD_REQUESTS
    ]


def _wrong_heads() -> list[Hostile]:
    heads = {
        "not HTTP": (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", 400),
        "no host": (b"GET /readyz HTTP/1.1\r\n\r\n", 400),
        "two lengths": (_POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        "smuggled": (
            _POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
            400,
        ),
        "too large": (_POST + _PNG + b"Content-Length: 999999999\r\n\r\n", 413),
        "long headers": (_POST + b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        "other version": (b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", 505),
        "proxy": (b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        "no such path": (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    }
    return [
        Hostile(name, content, frozenset({status})) for name, (content, status) in heads.items()
    ]


def _broken_off() -> list[Hostile]:
    parts = {
        "nothing": b"",
        "half a head": _POST[:30],
        "half a body": _POST + _PNG + b"Content-Length: 5000\r\n\r\nhalf",
        "half a chunk": _POST + _PNG + b"Transfer-Encoding: chunked\r\n\r\n10\r\nhalf",
        "a request whose answer isn't read": Request("/classify", "image/png", _image()).raw(),
    }
    return [Hostile(name, content, frozenset()) for name, content in parts.items()]


def _damaged(draw: random.Random) -> list[Hostile]:
    """Images with changed bytes: some can still be read."""
    image = bytearray(_image())
    for _ in range(draw.randint(1, 8)):
        image[draw.randrange(len(image))] = draw.randrange(256)
    content = bytes(image[: draw.randint(1, len(image))])
    request = Request("/classify", "image/png", content)
    return [Hostile("a damaged image", request.raw(), frozenset({200, 400, 413, 422}))]


def _image() -> bytes:
    return bytes(read_samples("classify")[0].data)  # type: ignore[arg-type]  # it isn't a text


class HostileCaller:
    """A client that opens a connection for each hostile request.

    It is a `Caller` whose answers come from no version: `ask` returns 0.
    """

    def __init__(self, port: int, seed: int = 0) -> None:
        """Draw what is sent, reproducibly."""
        self._port = port
        self._draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret

    async def ask(self, number: int) -> int:
        """Send one. Raises FailedRequestError if it gets another answer than it must."""
        hostile = self._draw.choice(hostile_requests(self._draw))
        try:
            async with asyncio.timeout(TIMEOUT):
                status = await self._send(hostile)
        except (OSError, EOFError, ValueError) as error:
            raise FailedRequestError(f"hostile, {hostile.name}: {type(error).__name__}") from error
        if hostile.statuses and status not in hostile.statuses:
            raise FailedRequestError(f"hostile, {hostile.name}: {status}")
        return 0

    async def _send(self, hostile: Hostile) -> int:
        """Return the status, 0 if none is expected."""
        reader, writer = await asyncio.open_connection(HOST, self._port)
        try:
            writer.write(hostile.content)
            if not hostile.statuses:
                await writer.drain()
                return 0
            return int((await reader.readuntil(b"\r\n"))[9:12])
        finally:
            if not hostile.statuses and self._draw.random() < 0.5:
                _reset(writer)
            writer.close()

    async def close(self) -> None:
        """There is nothing to close."""


def _reset(writer: asyncio.StreamWriter) -> None:
    """Have the connection end by a reset, as when a client's process is killed."""
    linger = struct.pack("ii", 1, 0)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


class HostileGrpcCaller:
    """A client of gRPC that makes calls that must be refused, or gives them up."""

    def __init__(self, port: int, seed: int = 0) -> None:
        """Open a channel."""
        self._channel = grpc.aio.insecure_channel(f"{HOST}:{port}")
        stub = InferenceStub(self._channel)  # type: ignore[no-untyped-call]
        self._classify = stub.Classify
        self._draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret

    async def ask(self, number: int) -> int:
        """Make one call. Raises FailedRequestError if it gets another answer than it must."""
        message, status = self._draw.choice(_CALLS)
        call = self._classify(message, timeout=TIMEOUT)
        if self._draw.random() < 0.2:
            call.cancel()
            status = "CANCELLED"
        try:
            await call
        except asyncio.CancelledError:
            return 0
        except grpc.aio.AioRpcError as error:
            if error.code().name == status:
                return 0
            raise FailedRequestError(f"hostile, gRPC: {error.code().name}") from error
        raise FailedRequestError("hostile, gRPC: OK")

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)


_CALLS: Final[Sequence[tuple[object, str]]] = BAD_CALLS
