"""A client's HTTP/1.1 connection: uvicorn's, where what it leaves to its parser is settled."""

from typing import Any

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpConnection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection.

    An offer to upgrade to another protocol is never taken, so it is ignored (RFC 9110, 7.8): the
    request is answered as if it hadn't been made.
    """

    _offer: bytes = b""
    """The head that is being parsed, without its offer to upgrade; empty if it has none."""

    answering: Any = None
    """The request that is being answered, or was last; those of `pipeline` wait for it."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered, which needn't be the one that came last."""
        if self.answering is not None and not self.answering.response_complete:
            self.answering.disconnected = True
            self.answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read requests."""
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def on_headers_complete(self) -> None:
        """Set a head with an offer aside, take on any other request."""
        if not self.parser.should_upgrade():
            self.take_on()
        elif self.parser.get_method() == b"CONNECT":  # which no header makes an upgrade
            raise HttpParserError("nothing is tunnelled")
        else:
            self._offer = self._head_without_upgrade()

    def on_message_complete(self) -> None:
        """Note the end of a request's body."""
        if not self._offer:
            super().on_message_complete()

    def take_on(self) -> None:
        """Begin to answer the request whose headers are in."""
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.answering = cycle
        super()._start_asgi_task(cycle, app)

    def _parse(self, data: bytes) -> None:
        """Feed the parser. It stops after a head with an offer, as if another protocol followed.

        Such a head is fed once more, without the offer, before what follows it.
        """
        rest: bytes | memoryview = data
        while True:
            try:
                self.parser.feed_data(rest)
            except HttpParserUpgrade as stop:
                rest = memoryview(rest)[stop.args[0] :]
                head, self._offer = self._offer, b""
                self.parser.feed_data(head)
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        parts = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)
