"""A client's HTTP/1.1 connection: uvicorn's, where what it leaves to its parser is settled."""

from enum import Enum, auto
from typing import Any, ClassVar, Final

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.errors import MalformedRequestError, TridentError, UnimplementedError
from service.transport.http1.head import MAX_HEAD_BYTES, check_head, check_size, head_too_large
from service.transport.http1.long_way import LongRequest
from service.transport.http1.pace import TimeLimits
from service.transport.http1.pipeline import PipelineFlow
from service.transport.http1.refusals import MakeProblem, refusal, what_is_wrong
from service.transport.http1.ticker import Ticker
from service.transport.http1.transport import CountingTransport, keep_probing
from service.transport.http1.watch import Phase, Watch


class Incoming(Enum):
    """What the next bytes from the client belong to."""

    NOTHING = auto()
    """To no request that has begun."""
    HEAD = auto()
    BODY = auto()
    IGNORED = auto()
    """To nothing that is wanted: the connection is ending."""


_NOTHING: Final = Incoming.NOTHING
_HEAD: Final = Incoming.HEAD
_BODY: Final = Incoming.BODY
_IGNORED: Final = Incoming.IGNORED


_NO_BYTES: Final = memoryview(b"")
_PART: Final = 16 * 1024  # bytes that are parsed at a time: then, are there requests that wait?


class HttpConnection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection.

    Beyond what uvicorn does:

    - An offer to upgrade to another protocol is ignored (RFC 9110, 7.8).
    - A request that can't be read is refused by a problem document, in its turn.
    - A client that sends no more still gets its answers. It may have gone altogether, which
      looks the same: an answer that takes long is preceded by an interim one that shows it.
    - Before the connection is closed with something of a request still to come, the client is
      given time to read its answer. Closing at once would throw that answer away.
    - What takes too long is ended by a look once a second.
    """

    limits: ClassVar[TimeLimits]
    ticker: ClassVar[Ticker]
    problem: ClassVar[MakeProblem]
    """Makes the answer of an error."""

    transport: CountingTransport
    url = b""
    incoming = _NOTHING
    requests = 0
    body_bytes = 0
    ignored_bytes = 0

    answering: Any = None
    """The request that is being answered, or was last; those of `pipeline` wait for it."""
    reader: Any = None
    """What tells whether that request waits for its body."""

    _offer: bytes = b""
    """The head that is being parsed, without its offer to upgrade; empty if it has none."""
    _held = _NO_BYTES
    """What came behind requests that wait: it is parsed when they have been answered."""
    _bare = 0
    """Bytes of parts that have come since the one with the last of a body, or the end of anything.

    So up to a part more may belong to what has begun.
    """
    _half_closed = False
    _stopping = False
    _refusal: TridentError | None = None

    # The transport's side.

    def connection_made(self, transport: Any) -> None:
        """Begin to look after the connection."""
        super().connection_made(CountingTransport(transport, self.close))
        self.flow = PipelineFlow(self.transport, self._has_waiting)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            keep_probing(sock)
        self._watch = Watch(self, self.limits, self.timeout_keep_alive)
        self.ticker.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered. Another one may have come after it."""
        self.ticker.remove(self)
        self.transport.closed = True
        self._ignore_the_rest()
        if self._is_answering():
            self.answering.disconnected = True
            self.answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read requests, until one has to wait for its turn."""
        if self.incoming is _IGNORED:
            self.ignored_bytes += len(data)
        elif len(data) <= _PART and not self._held:
            self._parse(data)
        else:
            self._held = memoryview(b"".join((self._held, data)) if self._held else data)
            self._parse_held()

    def _read_on(self) -> None:
        self._parse_held()
        self.flow.resume_reading()

    def _parse_held(self) -> None:
        while self._held and not self.pipeline and self.incoming is not _IGNORED:
            part, self._held = self._held[:_PART], self._held[_PART:]
            self._parse(part)

    def _parse(self, data: bytes | memoryview) -> None:
        self._bare += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as stop:
            self._go_on_without_offer(memoryview(data)[stop.args[0] :])
        except HttpParserError as error:
            self.refuse(what_is_wrong(error))
        if self._bare > MAX_HEAD_BYTES + _PART:
            self.refuse(head_too_large(self.url))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what has come whole, then close. TLS allows for no answer after this."""
        if self.scheme == "https" or self.transport.is_closing():
            return False
        self._half_closed = True
        if self.incoming in (_HEAD, _BODY):
            self.refuse(
                MalformedRequestError(
                    "The client ended its side before the request was whole: send all of it."
                )
            )
        elif not self._is_answering():
            return False
        elif self._refusal is None:
            self.cycle.keep_alive = False
        return True

    def tick(self) -> None:
        """End what has lasted too long."""
        self._watch.look()

    def shutdown(self) -> None:
        """Close after the answer that is due, or else after the next."""
        self._stopping = True
        if self._is_answering() and self.incoming is not _HEAD:  # it isn't the last one then
            self.cycle.keep_alive = False

    def is_idle(self) -> bool:
        """Tell whether no answer is due."""
        return not self._is_answering()

    # The parser's side.

    def on_message_begin(self) -> None:
        """Begin a request. What the application needs is made when it is taken on."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.incoming = _HEAD

    def on_headers_complete(self) -> None:
        """Set a head with an offer aside, take on any other request."""
        if self.parser.should_upgrade():
            self._set_offer_aside()
            return
        version = self.parser.get_http_version()
        check_head(version, self.headers)
        if self._bare > MAX_HEAD_BYTES - _PART:
            check_size(self.url, self.headers)
        self._bare = 0
        self.incoming = _BODY
        self.take_on(version)
        if self._stopping:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Keep a part of a body."""
        self._bare = 0
        self.body_bytes += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Note the end of a request."""
        if self._offer:
            return
        self._bare = 0
        self.incoming = _NOTHING
        self.requests += 1
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
        elif self._stopping:
            self.close()

    # The requests' side.

    def take_on(self, version: str) -> None:
        """Begin to answer the request whose headers are in, or have it wait for its turn."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.scope["headers"] = url, headers, headers
        self.expect_100_continue = expects and version == "1.1"  # RFC 9110, 10.1.1
        super().on_headers_complete()
        self.headers = []  # for trailers, which nobody reads: they are no part of the headers

    def on_response_complete(self) -> None:
        """Go on with the request that waits, or end what is to be ended."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refusal is not None:
            self._send_refusal(self._refusal)
        elif self._half_closed or (self._stopping and not self._has_more()):
            self.close()
        if self._held and not self.pipeline:
            self.loop.call_soon(self._read_on)
        self.flow.resume_reading()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.answering = cycle
        self.reader = LongRequest(cycle, app)
        super()._start_asgi_task(cycle, self.reader)

    def _is_answering(self) -> bool:
        answering = self.answering
        return not (answering is None or answering.response_complete or answering.disconnected)

    # The end.

    @property
    def phase(self) -> Phase:
        """What the connection waits for."""
        if self.transport.is_closing():
            return Phase.FAREWELL
        if self._is_answering():
            if self.incoming is not _BODY or self.answering is not self.cycle:
                return Phase.HALF_CLOSED_ANSWER if self._half_closed else Phase.ANSWER
            if self.flow.read_paused or not self.reader.wants_body:
                return Phase.ANSWER
        return {_BODY: Phase.BODY, _HEAD: Phase.HEAD}.get(self.incoming, Phase.REQUEST)

    def refuse(self, error: TridentError) -> None:
        """Answer by an error once all earlier requests are answered, then close.

        What still comes is ignored.
        """
        if self.incoming is _BODY:
            self._give_up(self.cycle)
        self._ignore_the_rest()
        if self.transport.is_closing():
            return
        self._refusal = error
        if not self._is_answering():
            self._send_refusal(error)

    def _ignore_the_rest(self) -> None:
        self.incoming = _IGNORED
        self._bare = 0
        self._held = _NO_BYTES

    def _give_up(self, cycle: Any) -> None:
        """Answer a request no more whose body can't be read."""
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
        elif cycle.response_complete:
            self.close()
        else:
            if getattr(cycle, "response_started", False):
                self.transport.abort()
            cycle.disconnected = True
            cycle.message_event.set()

    def _send_refusal(self, error: TridentError) -> None:
        self.transport.write(
            refusal(error, type(self).problem(error), self.server_state.default_headers)
        )
        self.close()

    def close(self) -> None:
        """Close, once the client can have read its answers.

        Whatever comes after that makes the kernel reset the connection, at which the client
        forgets what it hasn't read. So only our side is closed until the client closes its own.
        """
        transport = self.transport
        if transport.is_closing():
            return
        if self._half_closed or not (transport.raw.can_write_eof() or self._has_more()):
            self.close_idle()
            return
        transport.closed = True
        self._ignore_the_rest()
        self.pipeline.clear()
        if transport.raw.can_write_eof():
            transport.raw.write_eof()
        transport.raw.resume_reading()

    def close_idle(self) -> None:
        """Close at once: the client doesn't wait for anything, and isn't sending anything."""
        self.transport.closed = True
        self.transport.raw.close()

    def _has_waiting(self) -> bool:
        return bool(self.pipeline or self._held)

    def _has_more(self) -> bool:
        return self.incoming is not _NOTHING or self._has_waiting()

    def probe(self) -> None:
        """Send an interim answer (RFC 9110, 15.2): if the client has gone, that will show."""
        if self.reader.may_be_probed:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # Offers to upgrade.

    def _set_offer_aside(self) -> None:
        method = self.parser.get_method()
        if method == b"CONNECT":  # which no header makes an upgrade
            raise UnimplementedError("Nothing is tunnelled here: CONNECT isn't taken.")
        version = self.parser.get_http_version().encode()
        parts = [method, b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        self._offer = b"".join(parts)

    def _go_on_without_offer(self, rest: memoryview) -> None:
        """Feed the parser a head again, without its offer, and what comes after it.

        The parser stops after a head with an offer, as if another protocol followed.
        """
        try:
            while True:
                head, self._offer = self._offer, b""
                try:
                    self.parser.feed_data(head)
                    self.parser.feed_data(rest)
                except HttpParserUpgrade as stop:  # after a later request's head
                    rest = rest[stop.args[0] :]
                else:
                    return
        except HttpParserError as error:
            self.refuse(what_is_wrong(error))
