"""Callers of both protocols, in one event loop: each asks, and says which version answered."""

import asyncio
import json
from collections.abc import Sequence
from typing import Final, Protocol

import grpc

from loadtests.bench.requests import HOST, Request
from loadtests.clients.calls import make_request
from service.api.trident.inference_pb2_grpc import InferenceStub

TIMEOUT: Final = 30.0  # seconds
_OWN_CONNECTION: Final = (("grpc.use_local_subchannel_pool", 1),)
METHODS: Final = {"classify": "Classify", "sentiment": "Sentiment", "embed": "Embed"}
"""The gRPC method of each task."""


class FailedRequestError(Exception):
    """A request wasn't answered with 200 or OK. The message says what came instead."""


class Caller(Protocol):
    """A client of one protocol. Many requests may be in progress at the same time."""

    async def ask(self, number: int) -> int:
        """Send a request, the input chosen by `number`. Return the version that answered.

        Raises:
            FailedRequestError: it wasn't answered.
        """

    async def close(self) -> None:
        """Close all connections."""


class HttpCaller:
    """Keep-alive connections, used in turn, so that none is idle for long."""

    def __init__(self, port: int, task: str, inputs: Sequence[bytes | str], count: int) -> None:
        """Use `count` connections; each is opened when it is needed."""
        self._port = port
        self._requests = [_post(task, data).raw() for data in inputs]
        self._idle: asyncio.Queue[_Connection | None] = asyncio.Queue()
        for _ in range(count):
            self._idle.put_nowait(None)

    async def ask(self, number: int) -> int:
        """Send a request."""
        connection = await self._idle.get()
        try:
            async with asyncio.timeout(TIMEOUT):
                connection = connection or await _Connection.open(self._port)
                status, body = await connection.ask(self._requests[number % len(self._requests)])
        except (OSError, EOFError) as error:
            if connection is not None:
                connection.close()
            connection = None
            raise FailedRequestError(f"HTTP: {type(error).__name__}") from error
        finally:
            self._idle.put_nowait(connection)
        if status != 200:
            raise FailedRequestError(f"HTTP {status}: {body.decode(errors='replace')[:300]}")
        return int(json.loads(body)["version"])

    async def close(self) -> None:
        """Close all connections."""
        while not self._idle.empty():
            connection = self._idle.get_nowait()
            if connection is not None:
                connection.close()


class _Connection:
    """An HTTP connection with at most one request in progress."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "_Connection":
        return cls(*await asyncio.open_connection(HOST, port))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return the status and the body."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


class GrpcCaller:
    """Channels, used in turn, each with a connection of its own."""

    def __init__(self, port: int, task: str, inputs: Sequence[bytes | str], count: int) -> None:
        """Open `count` channels."""
        self._requests = [make_request(task, [data]) for data in inputs]
        self._channels = [
            grpc.aio.insecure_channel(f"{HOST}:{port}", _OWN_CONNECTION) for _ in range(count)
        ]
        stubs = [InferenceStub(channel) for channel in self._channels]  # type: ignore[no-untyped-call]
        self._calls = [getattr(stub, METHODS[task]) for stub in stubs]

    async def ask(self, number: int) -> int:
        """Call the method of the task."""
        call = self._calls[number % len(self._calls)]
        try:
            response = await call(self._requests[number % len(self._requests)], timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            raise FailedRequestError(f"{error.code().name}: {error.details()}") from error
        return int(response.model.version)

    async def close(self) -> None:
        """Close all channels."""
        for channel in self._channels:
            await channel.close(None)


def _post(task: str, data: bytes | str) -> Request:
    if isinstance(data, str):
        return Request(f"/{task}", "text/plain; charset=utf-8", data.encode())
    return Request(f"/{task}", "image/png", data)
