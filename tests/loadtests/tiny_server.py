"""A server that does at most one thing wrong, to test the load generator."""

import asyncio
import math
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from socket import SO_LINGER, SOL_SOCKET

from loadtests.bench.requests import HOST


class TinyServer:
    """Answers every request at once, but stalls once, for half a second."""

    STALL = 0.5

    def __init__(
        self,
        status: str = "200 OK",
        stall_at: int = 0,
        close_at: int = 0,
        answers_each: float = math.inf,
        *,
        resets: bool = False,
    ) -> None:
        """Close a connection after its `answers_each`th answer, or reset it at the next request."""
        self._status, self._stall_at, self._close_at = status, stall_at, close_at
        self._answers_each, self._resets = answers_each, resets
        self._count = self.answered = 0

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, HOST, 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered = 0
        try:
            while answered < self._answers_each or self._resets:
                await reader.readuntil(b"\r\n\r\nx")
                if answered == self._answers_each:
                    now = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, now)
                    break
                self._count += 1
                if self._count == self._close_at:
                    break
                if self._count == self._stall_at:
                    await self._stall()
                writer.write(f"HTTP/1.1 {self._status}\r\ncontent-length: 2\r\n\r\nok".encode())
                answered += 1
                self.answered += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def _stall(self) -> None:
        import time

        time.sleep(self.STALL)  # noqa: ASYNC251 - the whole server stands still

    @contextmanager
    def running(self) -> Iterator[int]:
        """Serve in a thread; yield the port."""
        ports: list[int] = []
        started, ended = threading.Event(), threading.Event()

        async def serve() -> None:
            async with self._listening() as port:
                ports.append(port)
                started.set()
                await asyncio.to_thread(ended.wait)

        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        try:
            assert started.wait(10)
            yield ports[0]
        finally:
            ended.set()
            thread.join(10)
