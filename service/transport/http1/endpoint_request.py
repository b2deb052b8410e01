"""A request to one of the application's paths, carried without ASGI.

To carry a request to an ASGI application and back (scope, queue, two writes per answer), uvicorn
needs more time than decoding an image takes. Here a small body is complete before its request
begins, and an answer is one write.
"""

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from service.admission import Reservation
from service.transport.http1.application import Application
from service.transport.http1.carrier import CONTINUE, CarrierConnection, has_small_rest
from service.transport.http1.flow import MOST_UNREAD
from service.transport.http1.head import Head
from service.transport.http1.rendering import render
from service.transport.http1.request import HttpRequest, HttpResponse, read_headers

logger = logging.getLogger(__name__)

_TOO_MANY_REQUESTS: Final = HTTPStatus.TOO_MANY_REQUESTS.value


class EndpointRequest:
    """One request, and the task that answers it (see `Carrier`).

    For a small body the task begins when the body is complete. For any other body it begins at once
    and reads part by part: the application may refuse the body, or wait for memory.
    """

    __slots__ = (
        "_application",
        "_body",
        "_body_came",
        "_connection",
        "_declared",
        "_expects_continue",
        "_head",
        "_headers",
        "_is_refused",
        "_is_whole",
        "_path",
        "_query",
        "_reservation",
        "_task",
        "is_answered",
        "is_open",
        "keep_alive",
    )

    has_begun_answer = False  # all of it is one write

    def __init__(
        self,
        connection: CarrierConnection,
        application: Application,
        head: Head,
        path: str,
        query: bytes,
    ) -> None:
        """`path` is what `application.path_of` returned for the URL."""
        self._connection = connection
        self._application = application
        self._path = path
        self._query = dict(parse_qsl(query.decode("latin-1"))) if query else {}
        self._head = head
        self._headers = headers = read_headers(head.headers)
        length = headers.get("content-length")
        self._declared = None if length is None else int(length)
        self._expects_continue = head.expects_continue
        self._reservation: Reservation | None = None
        self._task: asyncio.Task[None] | None = None
        self._body: bytes | bytearray = b""
        self._body_came: asyncio.Future[None] | None = None
        self._is_refused = False
        self._is_whole = False
        self.is_open = True
        self.is_answered = False
        self.keep_alive = head.keep_alive

    @property
    def wants_body(self) -> bool:
        """Whether it waits for more of its body."""
        return self._task is None or self._body_came is not None

    @property
    def takes_interim_answer(self) -> bool:
        """Whether an interim answer may be written now."""
        return self._head.version == "1.1"

    def start(self) -> None:
        """Begin to answer; first wait for the body if it is small and there is memory for it."""
        refusal = self._application.refuse(
            self._path, self._query, self._headers, self._head.caller
        )
        if refusal is not None:
            self._is_refused = True
            self._send_paced(refusal)
            return
        declared = self._declared
        if declared is not None and declared <= MOST_UNREAD and not self._expects_continue:
            self._reservation = self._application.try_reserve(self._path, declared)
        if self._reservation is None or self._is_whole:
            self._begin()

    def take(self, part: bytes) -> None:
        """Take a part of the body."""
        if self._is_refused:
            return
        if not self._body:
            self._body = part
        elif isinstance(self._body, bytearray):
            self._body += part
        else:
            self._body = bytearray(self._body)
            self._body += part
        if len(self._body) > MOST_UNREAD:
            self._connection.flow.pause_reading()
        self._wake()

    def end_body(self) -> None:
        """Record that the body is complete."""
        self._is_whole = True
        if self._is_refused:
            return
        if self._reservation is not None and self._task is None:
            self._begin()
        else:
            self._wake()

    def give_up(self) -> None:
        """Stop answering: the client has gone, or the body can't be read."""
        self.is_open = False
        if self._task is not None:
            self._task.cancel()
        if (
            self._reservation is not None
        ):  # a task that is cancelled before its first step releases nothing
            self._reservation.release()

    def _begin(self) -> None:
        tasks = self._connection.server_state.tasks
        self._task = self._connection.loop.create_task(self._answer())
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)

    async def _answer(self) -> None:
        request = HttpRequest(
            self._path,
            self._headers,
            self._query,
            self._receive,
            cancelled_when_gone=True,
            reservation=self._reservation,
            caller=self._head.caller,
        )
        try:
            response = await self._application.answer(request)
        except Exception:
            logger.exception("a request can't be answered: its connection is closed")
            self._connection.transport.abort()
            return
        if self._connection.flow.write_paused:
            await self._connection.flow.drain()
        if response.status == _TOO_MANY_REQUESTS:
            self._send_paced(response)
        else:
            self._send(response)

    async def _receive(self) -> dict[str, Any]:
        """Return the next part of the body when there is one (ASGI's `receive`)."""
        if self._expects_continue:
            self._expects_continue = False
            self._connection.transport.write(CONTINUE)
        while not (self._body or self._is_whole):
            self._body_came = self._connection.loop.create_future()
            try:
                await self._body_came
            finally:
                self._body_came = None
        body, self._body = bytes(self._body), b""
        self._connection.flow.resume_reading()
        return {"type": "http.request", "body": body, "more_body": not self._is_whole}

    def _wake(self) -> None:
        if self._body_came is not None and not self._body_came.done():
            self._body_came.set_result(None)

    def _send_paced(self, response: HttpResponse) -> None:
        self._connection.context.refusals.send(partial(self._send, response))

    def _send(self, response: HttpResponse) -> None:
        if not self.is_open:
            return
        connection = self._connection
        if not self._is_whole and not has_small_rest(
            self._declared, awaits_continue=self._expects_continue
        ):
            self.keep_alive = False
        self.is_answered = True
        self.is_open = False
        connection.transport.write(
            render(
                response,
                [*connection.server_state.default_headers, *self._head.answer_headers],
                keep_alive=self.keep_alive,
                with_body=self._head.method != b"HEAD",
            )
        )
        if not self.keep_alive:
            connection.transport.close()
        connection.on_answered()
