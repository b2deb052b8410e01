"""A client's HTTP/1.1 connection."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from uvicorn import Config
from uvicorn.server import ServerState

from service.errors import MalformedRequestError, OverloadedError, TridentError
from service.transport.address import address_of
from service.transport.http1.asgi_request import AsgiRequest, AsgiServer
from service.transport.http1.carrier import CONTINUE, Carrier
from service.transport.http1.decided import Decided
from service.transport.http1.endpoint_request import EndpointRequest
from service.transport.http1.flow import FlowControl
from service.transport.http1.head import Head, split_url
from service.transport.http1.reader import Incoming, RequestReader
from service.transport.http1.refusals import refusal
from service.transport.http1.rendering import render
from service.transport.http1.server_context import ServerContext
from service.transport.http1.transport import CountingTransport, keep_probing
from service.transport.http1.watch import Phase, Watch
from service.transport.kernel_queue import has_unread

_PHASES: Final = {Incoming.BODY: Phase.BODY, Incoming.HEAD: Phase.HEAD}


class HttpConnection(asyncio.Protocol):
    """Answers the requests on a connection in their order; uvicorn makes one for each client.

    - A request that can't be read is refused with a problem document, in its turn. - A client that
    has closed its sending side (half-closed) still gets its answers. A client that has gone looks
    the same, so interim answers are sent during a long wait: they fail if it has gone. - If the
    connection is closed before a request is complete, the client first gets time to read its
    answer. Closing at once would lose that answer. - A check once a second ends what takes too
    long.
    """

    protocol = "http"
    transport: CountingTransport
    flow: FlowControl
    _watch: Watch
    _latest: Carrier
    """The last request: a body that arrives now belongs to it."""

    def __init__(
        self,
        context: ServerContext,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Serve as `context` says; the other arguments are those of uvicorn's call."""
        self.context = context
        self.server_state = server_state
        self.loop = _loop or asyncio.get_running_loop()
        self.reader = RequestReader(self)
        self._asgi = AsgiServer(config, app_state)
        self._keep_alive_seconds = config.timeout_keep_alive
        self._answering: Carrier | None = None
        """The request that is being answered, or the last one that was."""
        self._waiting: deque[Carrier] = deque()
        """The requests that wait behind it."""
        self._leaves: dict[Carrier, Callable[[], None]] = {}
        """What to call when a request is over; empty unless clients are limited."""
        self._half_closed = False
        self._refusal: TridentError | None = None

    # What the transport and the server call.

    def connection_made(self, transport: Any) -> None:
        """Begin to look after the connection."""
        self.transport = CountingTransport(transport, self.close)
        self.flow = FlowControl(self.transport, self._has_unbegun)
        self._address = address_of(transport)
        self._watch = Watch(self, self.context.limits, self._keep_alive_seconds)
        if not self.context.connections.add(self):
            self._turn_away()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            keep_probing(sock)
        self.context.ticker.add(self)
        self.server_state.connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the request that is being answered."""
        self.context.connections.remove(self)
        self.server_state.connections.discard(self)
        self.context.ticker.remove(self)
        self.transport.closed = True
        self.reader.ignore_the_rest()
        if self._answering is not None and self._answering.is_open:
            self._answering.give_up()
        for request in list(self._leaves):
            self._depart(request)
        self.flow.resume_writing()
        self.reader.close()

    def data_received(self, data: bytes) -> None:
        """Read requests."""
        self.reader.feed(data)

    def pause_writing(self) -> None:
        """Pause writing: the client reads too slowly."""
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        """Resume writing: the client has read enough."""
        self.flow.resume_writing()

    def eof_received(self) -> bool:
        """Answer what is complete, then close. TLS allows for no answer after this."""
        if self.transport.get_extra_info("sslcontext") or self.transport.is_closing():
            return False
        self._half_closed = True
        if self.reader.incoming in (Incoming.HEAD, Incoming.BODY):
            self.refuse(
                MalformedRequestError(
                    "The client closed its side before the request was complete: send all of it."
                )
            )
        elif self.is_idle():
            return False
        elif self._refusal is None:
            self._latest.keep_alive = False
        return True

    def tick(self) -> None:
        """End what has lasted too long."""
        self._watch.look()

    def shutdown(self) -> None:
        """Close after the present answer; `OpenConnections.closing` tells of later ones."""
        if self.reader.incoming is Incoming.HEAD:  # that request is the last
            return
        if not self.is_idle():
            self._latest.keep_alive = False

    def has_unread(self) -> bool:
        """Tell whether something from the client waits in the kernel."""
        return has_unread(self.transport.raw)

    def is_idle(self) -> bool:
        """Tell whether no request waits for an answer."""
        return self._answering is None or not self._answering.is_open

    # What the reader calls.

    def on_head(self, head: Head) -> None:
        """Begin to answer a request, or let it wait for its turn."""
        request = self._latest = self._carrier_of(head)
        if head.leave is not None:
            self._leaves[request] = head.leave
        if self.context.connections.closing:
            request.keep_alive = False
        if self._answering is None or not self._answering.is_open:
            self.context.connections.set_busy(self)
            self._answering = request
            request.start()
        else:
            self._waiting.append(request)
            self.flow.pause_reading()

    def _carrier_of(self, head: Head) -> Carrier:
        """Choose the carrier of a request. Only this method does that."""
        response = self.context.gate(head, self._address)
        if response is not None:
            return EndpointRequest(self, Decided(response), head, "", b"")
        application = self.context.application
        if application is not None and head.method == b"POST":
            url_path, _, query = head.url.partition(b"?")
            path = application.path_of(url_path)
            if path is None:  # the URL may be in one of its rarer forms
                url_path, query = split_url(head.url)
                path = application.path_of(url_path)
            if path is not None:
                return EndpointRequest(self, application, head, path, query)
        return AsgiRequest(self, self._asgi, head)

    def on_body(self, part: bytes) -> None:
        """Pass on a part of a body, unless its request is already answered."""
        if not self._latest.is_answered:
            self._latest.take(part)

    def on_end(self) -> None:
        """Record the end of a request."""
        if not self._latest.is_answered:
            self._latest.end_body()
        elif self.context.connections.closing:
            self.close()

    def has_waiting(self) -> bool:
        """Tell whether a request waits for earlier ones."""
        return bool(self._waiting)

    # What the requests call.

    def on_answered(self) -> None:
        """Continue with the next request, or close the connection."""
        self.server_state.total_requests += 1
        if self._leaves and self._answering is not None:
            self._depart(self._answering)
        if not self._waiting:
            self.context.connections.set_idle(self)
        if self.transport.is_closing():
            return
        if self._waiting:
            self._answering = self._waiting.popleft()
            self._answering.start()
        elif self._refusal is not None:
            self._send_refusal(self._refusal)
        elif self._half_closed or (self.context.connections.closing and not self._has_more()):
            self.close()
        if self.reader.has_held and not self._waiting:
            self.loop.call_soon(self._read_on)
        self.flow.resume_reading()

    def _read_on(self) -> None:
        self.reader.read_held()
        self.flow.resume_reading()

    # What the watch sees and does.

    @property
    def phase(self) -> Phase:
        """What the connection waits for."""
        if self.transport.is_closing():
            return Phase.FAREWELL
        incoming = self.reader.incoming
        if self._answering is not None and self._answering.is_open:
            if incoming is not Incoming.BODY or self._answering is not self._latest:
                return Phase.HALF_CLOSED_ANSWER if self._half_closed else Phase.ANSWER
            if self.flow.read_paused or not self._answering.wants_body:
                return Phase.ANSWER
        return _PHASES.get(incoming, Phase.REQUEST)

    def probe(self) -> None:
        """Send an interim answer: it fails if the client has gone."""
        if self._answering is not None and self._answering.takes_interim_answer:
            self.transport.write(CONTINUE)

    def refuse(self, error: TridentError) -> None:
        """Answer with an error when all earlier requests are answered, then close.

        Everything that still arrives is ignored.
        """
        if self.reader.incoming is Incoming.BODY:
            self._give_up(self._latest)
        self.reader.ignore_the_rest()
        if self.transport.is_closing():
            return
        self._refusal = error
        if self.is_idle():
            self._send_refusal(error)

    def _give_up(self, request: Carrier) -> None:
        """Stop answering a request whose body can't be read."""
        if self._waiting:
            self._depart(self._waiting.pop())
        elif request.is_answered:
            self.close()
        else:
            if request.has_begun_answer:
                self.transport.abort()
            request.give_up()

    def _depart(self, request: Carrier) -> None:
        """Record that a request is over."""
        leave = self._leaves.pop(request, None)
        if leave is not None:
            leave()

    def _send_refusal(self, error: TridentError) -> None:
        problem = self.context.problem(error)
        self.transport.write(refusal(error, problem, self.server_state.default_headers))
        self.close()

    # The end.

    def close(self) -> None:
        """Close when the client has had time to read its answers.

        Data that arrives after a close makes the kernel reset the connection, and the client then
        loses what it hasn't read. So only our side is closed (half-closed) until the client closes
        its own.
        """
        transport = self.transport
        if transport.is_closing():
            return
        if self._half_closed or not (transport.raw.can_write_eof() or self._has_more()):
            self.close_idle()
            return
        transport.closed = True
        self.reader.ignore_the_rest()
        self._waiting.clear()
        if transport.raw.can_write_eof():
            transport.raw.write_eof()
        transport.raw.resume_reading()

    def close_idle(self) -> bool:
        """Close at once, unless something from the client waits; return whether it is closed.

        With TLS the client isn't asked for its farewell: that may never come.
        """
        if self.has_unread():
            return False
        self.transport.closed = True
        if self.transport.is_unsent() or not self.transport.get_extra_info("sslcontext"):
            self.transport.raw.close()
        else:
            self.transport.raw.abort()
        return True

    def _turn_away(self) -> None:
        """Answer that there are too many connections, and close at once."""
        self.reader.ignore_the_rest()
        error = OverloadedError(
            "Too many connections are open: try again later.", reason="connections", retry_after=1.0
        )
        problem = self.context.problem(error)
        self.transport.write(render(problem, self.server_state.default_headers, keep_alive=False))
        self.transport.closed = True
        self.transport.raw.close()

    def _has_unbegun(self) -> bool:
        return bool(self._waiting or self.reader.has_held)

    def _has_more(self) -> bool:
        return self.reader.incoming is not Incoming.NOTHING or self._has_unbegun()
