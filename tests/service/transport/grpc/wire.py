"""A client that speaks HTTP/2 frame by frame, right or wrong, and a small server to speak to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from hpack import Decoder, Encoder

from service.admission import Account
from service.transport.grpc.call import Call, CallLimits
from service.transport.grpc.messages import with_prefix
from service.transport.grpc.methods import MethodTable
from service.transport.grpc.status import CallError, StatusCode
from service.transport.grpc.streaming import StreamingCall
from service.transport.grpc.unary import UnaryMethod
from service.transport.http2 import frames
from service.transport.http2.frames import FRAME_HEAD, PREFACE, frame
from service.transport.http2.server import Http2Server
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits

MAX_MESSAGE = 2 * 1024 * 1024
CAPACITY = 64 * 1024 * 1024  # bytes that messages may hold
TICKS = TimeLimits(header_timeout=20, stall_timeout=20, min_rate=100)  # in the server's ticks
SECONDS = 20  # that a client waits for a frame
HELLO = PREFACE + frame(frames.SETTINGS, 0, 0)
WHOLE = frames.END_HEADERS | frames.END_STREAM


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of a RST_STREAM or a GOAWAY."""
        start = 0 if self.kind == frames.RST_STREAM else 4
        return int.from_bytes(self.payload[start : start + 4], "big")


class Answer(NamedTuple):
    """What was received of a stream: its headers and trailers, its body, and how it was reset."""

    headers: dict[str, str]
    body: bytes
    reset: int | None

    @property
    def status(self) -> str:
        return StatusCode(int(self.headers["grpc-status"])).name


class Wire:
    """One connection. `encoder` and `decoder` keep its tables of headers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.encoder, self.decoder = Encoder(), Decoder()

    def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    def block(self, path: str = "/test/Echo", **headers: str) -> bytes:
        """Return a block of headers; `_` in a name stands for `-`, an empty value for none."""
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "test"}
        fields |= {"te": "trailers", "content-type": "application/grpc"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.encoder.encode([(name, text) for name, text in fields.items() if text])

    def call(
        self, stream: int, message: bytes = b"hello", path: str = "/test/Echo", **headers: str
    ) -> bytes:
        """Return the frames of a unary call with a small message."""
        head = frame(frames.HEADERS, frames.END_HEADERS, stream, self.block(path, **headers))
        return head + frame(frames.DATA, frames.END_STREAM, stream, with_prefix(message))

    async def read(self) -> Frame | None:
        """Return the next frame, or None if the server closed the connection."""
        try:
            async with asyncio.timeout(SECONDS):
                head = await self._reader.readexactly(9)
                high, low, kind, flags, stream = FRAME_HEAD.unpack(head)
                payload = await self._reader.readexactly(high << 8 | low)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Frame(kind, flags, stream, payload)

    async def read_some(self) -> bytes:
        """Return what has come, for a client that reads frames by itself."""
        async with asyncio.timeout(SECONDS):
            return await self._reader.read(65_536)

    async def until(self, *kinds: int) -> Frame:
        """Return the next frame of one of these types."""
        while (found := await self.read()) is not None:
            if found.kind in kinds:
                return found
        raise AssertionError(f"the connection ended before a frame of {kinds}")

    async def end(self) -> int:
        """Wait until the server ends the connection; return the code of its GOAWAY."""
        last = await self.until(frames.GOAWAY)
        while (found := await self.read()) is not None:
            last = found if found.kind == frames.GOAWAY else last
        return last.code

    async def answer(self, stream: int) -> Answer:
        """Return what is received of a stream; frames of others are dropped."""
        headers: dict[str, str] = {}
        body = b""
        while (found := await self.read()) is not None:
            if found.kind == frames.HEADERS:
                block = dict(self.decoder.decode(found.payload))
                headers |= block if found.stream == stream else {}  # type: ignore[arg-type]
            if found.stream != stream:
                continue
            if found.kind == frames.DATA:
                body += found.payload
            if found.kind == frames.RST_STREAM:
                return Answer(headers, body, found.code)
            if found.flags & frames.END_STREAM and found.kind in (frames.DATA, frames.HEADERS):
                return Answer(headers, body, None)
        raise AssertionError(f"the connection ended before stream {stream}")


class Methods:
    """The methods of the small server, and a record of those that were cancelled."""

    def __init__(self) -> None:
        self.running = 0
        self.cancelled = 0
        self.account = Account(CAPACITY)

    async def echo(self, _: Call, message: bytes) -> bytes:
        return message

    async def grow(self, _: Call, message: bytes) -> bytes:
        """Answer with as many bytes as the message says."""
        return bytes(int(message))

    async def size(self, _: Call, message: bytes) -> bytes:
        """Answer with the number of bytes in the message."""
        return b"%d" % len(message)

    async def wait(self, _: Call, message: bytes) -> bytes:
        self.running += 1
        try:
            await asyncio.sleep(float(message))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return message

    async def fail(self, call: Call, message: bytes) -> bytes:
        if not message:
            raise ZeroDivisionError
        raise CallError(StatusCode.ABORTED, message.decode(), {"retry-after": "7"})

    async def repeat(self, call: StreamingCall) -> None:
        """Answer each message by itself, until the last one."""
        while (message := await call.next_message()) is not None:
            await call.send(message)

    def table(self, timeout: float) -> MethodTable:
        return MethodTable(
            unary={
                "/test/Echo": UnaryMethod(self.echo),
                "/test/Grow": UnaryMethod(self.grow),
                "/test/Size": UnaryMethod(self.size),
                "/test/Wait": UnaryMethod(self.wait),
                "/test/Fail": UnaryMethod(self.fail),
            },
            streaming={"/test/Repeat": self.repeat},
            limits=CallLimits(self.account, MAX_MESSAGE, timeout),
        )


class SmallServer:
    """A server without models in the test's own event loop."""

    def __init__(self, http2: Http2Server, methods: Methods, port: int) -> None:
        self.http2 = http2
        self.methods = methods
        self.target = f"127.0.0.1:{port}"
        self._port = port

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Wire]:
        """Open a connection that has sent nothing yet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        """Open a connection, and do the handshake."""
        async with self.connection() as wire:
            wire.send(HELLO)
            yield wire

    async def works(self) -> bool:
        """Tell whether a well-behaved client is answered."""
        async with self.wire() as wire:
            wire.send(wire.call(1, b"still there?"))
            return (await wire.answer(1)).body == with_prefix(b"still there?")


@asynccontextmanager
async def small_server(
    port: int,
    seconds: float = 30.0,
    limits: TimeLimits = TICKS,
    connections: OpenConnections | None = None,
) -> AsyncIterator[SmallServer]:
    """Serve on a port; unary calls have so many `seconds`."""
    methods = Methods()
    table = methods.table(seconds)
    all_open = OpenConnections() if connections is None else connections
    http2 = Http2Server(table.call, methods.account, limits, all_open)
    await http2.start(socket.create_server(("127.0.0.1", port)))
    try:
        yield SmallServer(http2, methods, port)
    finally:
        await http2.stop(0.0)


async def eventually(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of anything, which tells nobody
            await asyncio.sleep(0.01)
