"""A request to anything but the application's paths, carried to an ASGI application by uvicorn.

This file holds for uvicorn 0.54. It uses `RequestResponseCycle`, which uvicorn's own connections
make for each request and which isn't documented. The cycle is given a transport and a
`FlowControl`, of which it calls `write_paused`, `drain()` and `resume_reading()`. A connection
tells it what has come by `body`, `more_body`, `disconnected` and `message_event`.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from httptools import parse_url
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from service.transport.http1.carrier import CarrierConnection, has_small_rest
from service.transport.http1.flow import MOST_UNREAD
from service.transport.http1.head import Head

CALLER: Final = "trident.caller"
"""The key of a scope's entry with the name of whoever sent the request."""

_LOGGER: Final = logging.getLogger("uvicorn.error")
_ACCESS_LOGGER: Final = logging.getLogger("uvicorn.access")


@dataclass(frozen=True, slots=True)
class AsgiServer:
    """uvicorn's configuration, with the ASGI application, and its lifespan's state."""

    config: Config
    state: dict[str, Any]


class AsgiRequest:
    """One request, and uvicorn's task that answers it (see `Carrier`)."""

    def __init__(self, connection: CarrierConnection, server: AsgiServer, head: Head) -> None:
        self._connection = connection
        self._application: ASGIApp = server.config.loaded_app
        self._declared = dict(head.headers).get(b"content-length")
        self._waits_for_body = False
        self._cycle: Any = RequestResponseCycle(
            scope=_scope(connection, server, head),  # type: ignore[arg-type]
            transport=connection.transport,
            flow=connection.flow,  # type: ignore[arg-type]
            logger=_LOGGER,
            access_logger=_ACCESS_LOGGER,
            access_log=False,
            default_headers=[*connection.server_state.default_headers, *head.answer_headers],
            message_event=asyncio.Event(),
            expect_100_continue=head.expects_continue,
            keep_alive=head.keep_alive,
            on_response=connection.on_answered,
        )
        self._is_1_1 = head.version == "1.1"

    @property
    def keep_alive(self) -> bool:
        """Whether the connection is kept after the answer."""
        return bool(self._cycle.keep_alive)

    @keep_alive.setter
    def keep_alive(self, kept: bool) -> None:
        self._cycle.keep_alive = kept

    @property
    def is_open(self) -> bool:
        """Whether it is neither answered nor cancelled."""
        return not (self._cycle.response_complete or self._cycle.disconnected)

    @property
    def is_answered(self) -> bool:
        """Whether all of the answer is written."""
        return bool(self._cycle.response_complete)

    @property
    def has_begun_answer(self) -> bool:
        """Whether a part of the answer is written."""
        return bool(self._cycle.response_started)

    @property
    def wants_body(self) -> bool:
        """Whether the application waits for more of the body."""
        return self._waits_for_body

    @property
    def takes_interim_answer(self) -> bool:
        """Whether an interim answer may be written now."""
        return self._is_1_1 and not self._cycle.response_started

    def start(self) -> None:
        """Begin to answer."""
        tasks = self._connection.server_state.tasks
        task = self._connection.loop.create_task(self._cycle.run_asgi(self._run))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def take(self, part: bytes) -> None:
        """Take a part of the body."""
        self._cycle.body += part
        if len(self._cycle.body) > MOST_UNREAD:
            self._connection.flow.pause_reading()
        self._cycle.message_event.set()

    def end_body(self) -> None:
        """Record that the body is complete."""
        self._cycle.more_body = False
        self._cycle.message_event.set()

    def give_up(self) -> None:
        """Tell the application that the client has gone."""
        self._cycle.disconnected = True
        self._cycle.message_event.set()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, and watch what it waits for and when it answers (ASGI 3)."""

        async def receive_body() -> Message:
            self._waits_for_body = True
            try:
                return await receive()
            finally:
                self._waits_for_body = False

        async def send_answer(message: Message) -> None:
            cycle = self._cycle
            if message["type"] == "http.response.start" and cycle.more_body:
                cycle.keep_alive &= has_small_rest(
                    None if self._declared is None else int(self._declared),
                    awaits_continue=cycle.waiting_for_100_continue,
                )
            await send(message)

        await self._application(scope, receive_body, send_answer)


def _scope(connection: CarrierConnection, server: AsgiServer, head: Head) -> dict[str, Any]:
    """Return the ASGI scope of a request. Raises HttpParserInvalidURLError, ValueError."""
    url = parse_url(head.url)
    root_path = server.config.root_path
    transport = connection.transport
    return {
        "type": "http",
        "asgi": {"version": server.config.asgi_version, "spec_version": "2.3"},
        "http_version": head.version,
        "method": head.method.decode("ascii"),
        "scheme": "https" if is_ssl(transport) else "http",
        "server": get_local_addr(transport),
        "client": get_remote_addr(transport),
        "root_path": root_path,
        "path": root_path + unquote(url.path.decode("ascii")),
        "raw_path": root_path.encode("ascii") + url.path,
        "query_string": url.query or b"",
        "headers": head.headers,
        "state": server.state.copy(),
        CALLER: head.caller,
    }
