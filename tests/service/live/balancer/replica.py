"""A replica without models, in the test's own event loop; the test sets whether it is ready."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from service.transport.grpc.health import Health
from service.transport.http2.server import Http2Server
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits
from tests.service.live_server import free_port
from tests.service.transport.grpc.wire import Methods


class Replica:
    """Over HTTP it answers /readyz, closes the connection at /classify, and answers nothing else.

    Over gRPC it has the unary methods of `wire.Methods`, and a health that is always good.
    """

    def __init__(self) -> None:
        self.http_port, self.grpc_port = free_port(), free_port()
        self.methods = Methods()
        self.is_ready = True
        health = Health(("",))
        health.set(serving=True)
        table = replace(self.methods.table(timeout=30.0), streaming=health.streaming)
        self.http2 = Http2Server(table.call, self.methods.account, TimeLimits(), OpenConnections())

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a connection's one request over HTTP."""
        request = await reader.readuntil(b"\r\n\r\n")
        if b" /readyz " in request:
            writer.write(b"HTTP/1.0 %d .\r\n\r\n" % (200 if self.is_ready else 503))
        elif b" /classify " not in request:
            with suppress(ConnectionError):
                await reader.read()
        writer.close()


@asynccontextmanager
async def replica() -> AsyncIterator[Replica]:
    """Run a replica."""
    started = Replica()
    await started.http2.start(socket.create_server(("127.0.0.1", started.grpc_port)))
    try:
        async with await asyncio.start_server(started.answer, "127.0.0.1", started.http_port):
            yield started
    finally:
        await started.http2.stop(0.0)
