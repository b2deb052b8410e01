"""A connection on asyncio: the protocol's bytes and events, between a transport and handlers."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, cast

from service.admission import Account
from service.transport.address import address_of
from service.transport.http2.events import StreamEvent
from service.transport.http2.frames import ErrorCode
from service.transport.http2.handler import StreamHandler
from service.transport.http2.headers import RequestHead
from service.transport.http2.protocol import CLOSED, HANDSHAKE, ServerProtocol
from service.transport.http2.slow_client import SlowReader
from service.transport.http2.stream import HALF_CLOSED_REMOTE, Stream
from service.transport.kernel_queue import has_unread, unreceived
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits

logger = logging.getLogger(__name__)

_CLOSING_SECONDS: Final = 5.0
_SHUTDOWN_SECONDS: Final = 1.0  # seconds for a client to acknowledge the shutdown

MakeHandler = Callable[["Connection", Stream, RequestHead], StreamHandler]
"""Makes the handler of a request."""


class Connection(asyncio.Protocol):
    """One client's connection."""

    protocol = "grpc"
    _transport: asyncio.Transport

    def __init__(
        self,
        make_handler: MakeHandler,
        account: Account,
        limits: TimeLimits,
        connections: OpenConnections,
        *,
        on_open: "Callable[[Connection], None]",
        on_lost: "Callable[[Connection], None]",
    ) -> None:
        """Call `on_open` and `on_lost` when the connection is made, and when it is lost.

        The memory of unfinished requests, except bodies, is taken from `account`. A client that is
        slower than `limits` is disconnected. If there is no room for it in `connections`, it is
        refused.
        """
        self._connections = connections
        self._protocol = ServerProtocol(account, time.monotonic(), limits)
        self._slow_reader = SlowReader(limits)
        self._sender = self._protocol.sender
        self._make_handler = make_handler
        self._on_open = on_open
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._will_flush = False
        self._is_busy = False
        self._is_leaving = False
        self._is_closing = False
        self._closing_since = 0.0
        self._written = 0
        self.address = ""
        """The client's IP address."""
        self.lost = asyncio.Event()

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send our own settings."""
        self._transport = cast(asyncio.Transport, transport)
        self.address = address_of(transport)
        if not self._connections.add(self):
            self._protocol.turn_away()
            self._flush()
            self._transport.close()
            return
        self._flush()
        self._on_open(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Cancel all streams."""
        self._is_closing = True
        self._protocol.close()
        self._connections.remove(self)
        self._on_lost(self)
        self.lost.set()
        for stream, event in self._protocol.events():
            self._handle(stream, event)

    def data_received(self, data: bytes) -> None:
        """Handle the events of the data."""
        for stream, event in self._protocol.receive(data):
            if type(event) is bytes:
                if stream.handler is not None:
                    stream.handler.receive(event, ended=stream.state is HALF_CLOSED_REMOTE)
            else:
                self._handle(stream, event)
        if self._protocol.has_output or self._protocol.state is CLOSED:
            self._flush_soon()
        self._note_whether_busy()

    def pause_writing(self) -> None:
        """Pause sending and reading, since what arrives would only produce more to send."""
        self._protocol.pause()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._protocol.resume()
        self._transport.resume_reading()
        self._flush_soon()

    # The server's side.

    def tick(self, now: float) -> None:
        """End what has lasted too long; call this once a second."""
        if self._is_closing:
            if now >= self._closing_since + _CLOSING_SECONDS:
                self._transport.abort()
            return
        if self._reads_too_slowly():
            logger.info("a client doesn't read its answers: closing its connection")
            self._transport.abort()
            return
        self._protocol.tick(now)
        for stream in self._protocol.streams:
            if stream.handler is not None and now >= stream.handler.expires:
                stream.handler.expire()
        self._flush_soon()

    @property
    def is_greeted(self) -> bool:
        """Whether the handshake is over."""
        return self._protocol.state is not HANDSHAKE

    def shut_down(self) -> None:
        """Ask the client to open no more streams, finish the open ones, and close."""
        if self._is_leaving:
            return
        self._is_leaving = True
        for stream in self._protocol.streams:
            if stream.handler is not None:
                stream.handler.stop()
        self._protocol.announce_shutdown()
        self._flush_soon()
        self._loop.call_later(_SHUTDOWN_SECONDS, self._drain)

    def close_idle(self) -> bool:
        """Close at once, unless something from the client waits; return whether it is closed."""
        if has_unread(self._transport):
            return False
        self._protocol.drain()
        self._flush()
        self._transport.close()
        return True

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # The handlers' side. Header blocks are encoded already, and short enough for one frame.

    def answer(self, stream: Stream, head: bytes, body: bytes, trailers: bytes) -> bool:
        """Answer a request; return whether all was sent. If not, `sent` or `cancel` follow."""
        went = self._sender.answer(stream, head, body, trailers)
        if went:
            stream.handler = None
        if not self._will_flush:
            self._flush_soon()
        return went

    def send_headers(self, stream: Stream, head: bytes) -> None:
        """Send the headers of an answer in parts."""
        self._sender.send_headers(stream, head)
        self._flush_soon()

    def send_data(self, stream: Stream, data: bytes) -> bool:
        """Send a part of an answer's body; return whether it was sent. If not, `sent` follows."""
        went = self._sender.send_data(stream, data)
        self._flush_soon()
        return went

    def end(self, stream: Stream, trailers: bytes) -> bool:
        """End an answer with trailers, or with headers alone; return whether all of it was sent.

        If not, `sent` or `cancel` follow.
        """
        went = self._sender.end(stream, trailers)
        if went:
            stream.handler = None
        self._flush_soon()
        return went

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """End a stream without an answer, or in the middle of it."""
        self._sender.reset(stream, code)
        stream.handler = None
        self._flush_soon()

    def grant(self, stream: Stream, size: int) -> None:
        """Let the client send `size` more bytes of a body (WINDOW_UPDATE)."""
        self._sender.grant(stream, size)
        self._flush_soon()

    # Events and their consequences.

    def _handle(self, stream: Stream, event: RequestHead | bytes | StreamEvent) -> None:
        handler = stream.handler
        if isinstance(event, RequestHead):
            handler = stream.handler = self._make_handler(self, stream, event)
            handler.begin()
            if stream.state is HALF_CLOSED_REMOTE and stream.trailers is None:
                handler.receive(b"", ended=True)
        elif handler is None:
            return
        elif event is StreamEvent.SENT:
            handler.sent()
            if stream.trailers is not None:
                stream.handler = None
        elif event is StreamEvent.RESET:
            stream.handler = None
            handler.cancel()

    def _flush_soon(self) -> None:
        """Send at the end of this turn of the event loop: each write is a system call."""
        if not self._will_flush:
            self._will_flush = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._will_flush = False
        if self.lost.is_set():
            return
        while data := self._protocol.data_to_send():
            self._written += len(data)
            self._transport.write(data)
        for stream, event in self._protocol.events():
            self._handle(stream, event)
        if self._is_ended():
            self._close()
        self._note_whether_busy()

    def _note_whether_busy(self) -> None:
        is_busy = self._protocol.has_streams
        if is_busy is not self._is_busy:
            self._is_busy = is_busy
            if is_busy:
                self._connections.set_busy(self)
            else:
                self._connections.set_idle(self)

    def _is_ended(self) -> bool:
        """Tell whether the protocol is closed, and the transport isn't closing yet."""
        return self._protocol.state is CLOSED and not self._is_closing

    def _drain(self) -> None:
        self._protocol.drain()
        self._flush_soon()

    def _close(self) -> None:
        """End our side. The client ends the other, or `tick` does after a while.

        If both sides were closed at once, the kernel would discard what the client hasn't read yet.
        """
        self._is_closing = True
        self._closing_since = time.monotonic()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:  # TLS says goodbye by itself, and waits for the client's
            self._transport.close()

    def _reads_too_slowly(self) -> bool:
        unsent = self._transport.get_write_buffer_size()
        taken = self._written - unsent - unreceived(self._transport) if unsent else 0
        return self._slow_reader.is_too_slow(unsent, taken)
