"""A relay between wrk and the server, which counts: wrk doesn't tell refused from lost requests."""

import asyncio
import threading
from collections import Counter
from contextlib import suppress
from typing import Final

from loadtests.bench.requests import HOST
from loadtests.stops.callers import ANSWERED, REFUSED

_PART: Final = 65_536


class Relay:
    """Passes bytes on, in an event loop of its own thread.

    A client has one request at a time, which arrives in one piece, and so does its answer.
    """

    def __init__(self, port: int) -> None:
        """Listen on a free port, and connect to `port` for each client."""
        self._server_port = port
        self._seen: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._pass_on, HOST, 0)
        self._listener = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.port = int(self._listener.sockets[0].getsockname()[1])

    def result(self) -> Counter[str]:
        """Stop; return what became of the requests."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join()
        return self._seen

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loop.stop()

    async def _pass_on(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            server, forth = await asyncio.open_connection(HOST, self._server_port)
        except OSError:
            self._seen[REFUSED] += 1
            with suppress(asyncio.CancelledError):  # which asyncio's streams would log
                await asyncio.sleep(0.1)  # wrk connects again at once
            back.close()
            return
        try:
            with suppress(ConnectionError):
                await self._exchange(client, forth, server, back)
        finally:
            forth.close()
            back.close()

    async def _exchange(
        self,
        client: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        while request := await client.read(_PART):
            try:
                forth.write(request)
                answer = await server.read(_PART)
            except ConnectionError as error:
                self._seen[type(error).__name__] += 1
                return
            if not answer:
                self._seen["closed without an answer"] += 1
                return
            self._seen[ANSWERED if answer.startswith(b"HTTP/1.1 200") else "status"] += 1
            back.write(answer)
            if b"\r\nconnection: close\r\n" in answer:
                return
