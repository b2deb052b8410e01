"""The long way: a request that uvicorn carries to the application and back."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_SMALL_REST: Final = 256 * 1024  # bytes of a body that are worth reading to keep the connection


class LongRequest:
    """The application, as it answers one request."""

    def __init__(self, cycle: RequestResponseCycle, application: ASGIApp) -> None:
        self._cycle = cycle
        self._application = application
        self.wants_body = False
        """Whether the application waits for what comes next."""

    @property
    def may_be_probed(self) -> bool:
        """Whether an interim answer may be sent."""
        scope = self._cycle.scope
        return scope["http_version"] == "1.1" and not self._cycle.response_started

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request (ASGI 3)."""
        self._receive, self._send = receive, send
        await self._application(scope, self._receive_body, self._send_answer)

    async def _receive_body(self) -> Message:
        self.wants_body = True
        try:
            return await self._receive()
        finally:
            self.wants_body = False

    async def _send_answer(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._cycle.more_body:
            self._cycle.keep_alive &= self._has_small_rest()
        await self._send(message)

    def _has_small_rest(self) -> bool:
        """Tell whether what will still come of the body is known to be little.

        A client that waits for `100 Continue` may send its body after all, or not.
        """
        if self._cycle.waiting_for_100_continue:
            return False
        length = dict(self._cycle.scope["headers"]).get(b"content-length")
        return length is not None and int(length) <= _SMALL_REST
