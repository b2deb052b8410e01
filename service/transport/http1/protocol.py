"""The short way: small requests to the endpoints, answered on uvicorn's connection itself.

uvicorn spends more on carrying a request to an ASGI application and back (scope, queue, two
writes an answer) than decoding an image takes. A small POST to an endpoint needs none of it: its
body is whole when the parser is done, and its answer is one write. Everything else on the same
connection goes uvicorn's own way, pipelined requests included.
"""

import asyncio
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

from service.admission import Reservation
from service.transport.http1.application import Application
from service.transport.http1.connection import HttpConnection
from service.transport.http1.rendering import render
from service.transport.http1.request import HttpRequest, HttpResponse, read_headers

_SMALL_BODY: Final = 64 * 1024  # bytes: uvicorn stops reading past as much, until it is asked to


class EndpointProtocol(HttpConnection):
    """A client's connection, with the short way for requests that can take it."""

    application: ClassVar[Application]

    def take_on(self, version: str) -> None:
        """Choose the way of a request, once its headers are in."""
        url, _, query = self.url.partition(b"?")
        path = self.application.path_of(url)
        headers = self._headers() if path and self._is_plain_post(version) else None
        if path is not None and headers is not None:
            reservation = self.application.try_reserve(path, int(headers["content-length"]))
            if reservation is not None:
                request: Any = ShortRequest(self, path, headers, query, reservation)
                self.cycle = self.answering = self.reader = request
                return
        super().take_on(version)

    def _is_plain_post(self, version: str) -> bool:
        """Tell whether this is a POST by HTTP/1.1 that nothing before it on the wire delays."""
        return (
            self.parser.get_method() == b"POST"
            and version == "1.1"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and self.limit_concurrency is None
            and not self.root_path
        )

    def _headers(self) -> dict[str, str] | None:
        """Return the headers, or None if the body isn't known to be small."""
        headers = read_headers(self.headers)
        length = headers.get("content-length", "")
        return headers if length.isdecimal() and int(length) <= _SMALL_BODY else None


class ShortRequest:
    """One request on the short way, in the place of uvicorn's RequestResponseCycle.

    The connection appends to `body`, clears `more_body` after the last part, sets `disconnected`
    when the client goes before the answer, and calls `message_event.set()` after each, and once
    more when it ends.
    """

    wants_body = True
    may_be_probed = True

    __slots__ = (
        "_headers",
        "_path",
        "_protocol",
        "_query",
        "_reservation",
        "_task",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
    )

    def __init__(
        self,
        protocol: EndpointProtocol,
        path: str,
        headers: dict[str, str],
        query: bytes,
        reservation: Reservation,
    ) -> None:
        self._protocol = protocol
        self._path = path
        self._headers = headers
        self._query = query
        self._reservation = reservation
        self._task: asyncio.Task[None] | None = None
        self.body = b""
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.keep_alive: bool = protocol.parser.should_keep_alive()

    @property
    def message_event(self) -> "ShortRequest":
        """What the connection calls `set` on."""
        return self

    def set(self) -> None:
        """Start once the body is whole; give up when the client has gone."""
        if self.disconnected:
            if self._task is not None:
                self._task.cancel()
            self._reservation.release()
        elif not self.more_body and self._task is None:
            self._task = self._protocol.loop.create_task(self._answer())
            self._protocol.tasks.add(self._task)
            self._task.add_done_callback(self._protocol.tasks.discard)

    async def _answer(self) -> None:
        query = dict(parse_qsl(self._query.decode("latin-1"))) if self._query else {}
        request = HttpRequest(
            self._path,
            self._headers,
            query,
            self._receive,
            cancelled_when_gone=True,
            reservation=self._reservation,
        )
        response = await self._protocol.application.answer(request)
        if self._protocol.flow.write_paused:
            await self._protocol.flow.drain()
        if not self.disconnected:
            self._send(response)

    async def _receive(self) -> dict[str, Any]:
        """Return the body (ASGI's `receive`)."""
        return {"type": "http.request", "body": self.body, "more_body": False}

    def _send(self, response: HttpResponse) -> None:
        default_headers = self._protocol.server_state.default_headers
        self.response_complete = True
        self._protocol.transport.write(
            render(response, default_headers, keep_alive=self.keep_alive)
        )
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_response_complete()
