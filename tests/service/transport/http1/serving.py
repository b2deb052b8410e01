"""Our HTTP connections in front of an application of the test's own, in the test's event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.admission import Account, Reservation
from service.api.problems import problem_response
from service.transport.http1.connection import HttpConnection
from service.transport.http1.request import HttpRequest, HttpResponse
from service.transport.http1.server_context import ServerContext
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits

TICK = 0.02
"""Seconds between two looks at a connection in these tests: what a second is in production."""

TICKS = TimeLimits(header_timeout=5, stall_timeout=5, min_rate=100)
"""Limits of the tests: 5 ticks, and 100 bytes a tick."""


async def read_body(receive: Receive) -> bytes:
    """Read a whole body. Raises ConnectionError if the client has gone."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError
        body += message["body"]
        more = message["more_body"]
    return body


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request (ASGI) with the length of its body."""
    assert scope["type"] == "http"
    try:
        body = await read_body(receive)
    except ConnectionError:
        return
    await answer(send, b"%d" % len(body))


async def answer(send: Send, content: bytes, status: int = 200) -> None:
    """Answer with the content."""
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class Endpoints:
    """Answers three paths by an ASGI application, as the real one does by the engine."""

    def __init__(self, application: ASGIApp = echo) -> None:
        self._application = application
        self._account = Account(2**30)

    def path_of(self, url_path: bytes) -> str | None:
        """Take these paths."""
        return url_path.decode() if url_path in (b"/classify", b"/sentiment", b"/embed") else None

    def refuse(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], caller: str
    ) -> HttpResponse | None:
        """Refuse a request if a test says so, by a header."""
        return HttpResponse(429, b"refused") if "refuse-me" in headers else None

    def try_reserve(self, _: str, size: int) -> Reservation | None:
        """Reserve memory for a body."""
        reservation = Reservation(self._account)
        return reservation if reservation.try_reserve(size) else None

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Have the application answer."""
        response = HttpResponse(0, b"")

        async def send(message: Message) -> None:
            response.status = message.get("status", response.status)
            response.body += message.get("body", b"")

        headers = [
            (name.encode(), value.encode("latin-1")) for name, value in request.headers.items()
        ]
        scope = {"type": "http", "path": request.path, "headers": headers}
        await self._application(scope, request.receive, send)
        if request.reservation is not None:
            request.reservation.release()
        return response


class Served:
    """A server with its connections."""

    def __init__(self, state: ServerState, port: int, connections: OpenConnections) -> None:
        self.state = state
        self.connections = connections
        self.port = port

    async def connect(self, **options: Any) -> "Client":
        """Open a connection."""
        return Client(*await asyncio.open_connection("127.0.0.1", self.port, **options))


class Client:
    """One client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def send_in_pieces(self, data: bytes, size: int) -> None:
        """Send pieces of `size` bytes; the server has a turn after each."""
        for start in range(0, len(data), size):
            self.writer.write(data[start : start + size])
            await asyncio.sleep(0)

    async def read_to_the_end(self) -> bytes:
        """Read until the server closes. Raises ConnectionResetError."""
        return await asyncio.wait_for(self._reader.read(), 20)

    async def read(self, count: int) -> bytes:
        """Read so many bytes."""
        return await asyncio.wait_for(self._reader.readexactly(count), 20)

    async def read_answer(self) -> tuple[int, bytes]:
        """Read an answer with a Content-Length: its status and its body."""
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 20)
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return int(head.split()[1]), await self.read(length)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds. Raises AssertionError if it never does."""
    give_up = asyncio.get_running_loop().time() + 20
    while not condition():
        assert asyncio.get_running_loop().time() < give_up, "waited in vain"
        await asyncio.sleep(TICK / 4)


@asynccontextmanager
async def serving(
    application: ASGIApp = echo,
    limits: TimeLimits = TICKS,
    keep_alive: int = 1000,
    endpoints: Endpoints | None = None,
    has_endpoints: bool = True,
    protocol: type[HttpToolsProtocol] | None = None,
    connections: OpenConnections | None = None,
) -> AsyncIterator[Served]:
    """Serve the application, which also answers the endpoints.

    The connections are ours, unless uvicorn's are given as `protocol`.
    """
    config = uvicorn.Config(application, timeout_keep_alive=keep_alive, lifespan="off")
    config.load()
    state = ServerState()
    front = endpoints or Endpoints(application)
    context = ServerContext(
        limits,
        problem_response,
        front if has_endpoints else None,
        connections=OpenConnections() if connections is None else connections,
    )
    make_connection: Any = protocol or partial(HttpConnection, context)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: make_connection(config, state, {}), "127.0.0.1", 0)
    try:
        yield Served(state, server.sockets[0].getsockname()[1], context.connections)
    finally:
        server.close()
        for connection in list(state.connections):
            with suppress(Exception):
                connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.sleep(0)
