"""A server's side of an HTTP/2 connection, without I/O: bytes in, events and bytes out.

The caller reads bytes, passes them to `receive`, handles each event before it takes the next, and
sends what `data_to_send` returns. The protocol has no clock: `tick` gets the time.
"""

from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from service.admission import Account
from service.transport.http2.abuse_budget import CHEAP, COSTLY, AbuseBudget
from service.transport.http2.events import Event
from service.transport.http2.flow import (
    CONNECTION_WINDOW,
    DEFAULT_WINDOW,
    STREAM_WINDOW,
    window_too_large,
)
from service.transport.http2.frame_reader import FrameReader, check_size, settings_of
from service.transport.http2.frames import (
    ACK,
    MAX_STREAM,
    PING,
    SETTINGS,
    STREAM_MASK,
    BrokenConnectionError,
    BrokenStreamError,
    ErrorCode,
    Setting,
    broken_rule,
    frame,
    goaway,
    settings,
    window_update,
)
from service.transport.http2.headers import MAX_HEADER_LIST
from service.transport.http2.output import Output
from service.transport.http2.receiver import Receiver
from service.transport.http2.sender import Sender
from service.transport.http2.slow_client import SlowSender
from service.transport.http2.stream import Stream
from service.transport.http2.streams import MAX_STREAMS, Streams
from service.transport.pace import TimeLimits

_NO_LIMITS: Final = TimeLimits()

_SHUTDOWN_PING: Final = b"shutdown"  # its answer shows that the client has read our GOAWAY

_HELLO: Final = settings(
    {
        Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
        Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
        Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST,
    }
) + window_update(0, CONNECTION_WINDOW - DEFAULT_WINDOW)


FrameHandler = Callable[[int, int, bytes], None]
"""Handles a frame; gets its flags, its stream and its payload."""


class ConnectionState(Enum):
    """States of a connection, in order."""

    HANDSHAKE = "handshake"  # the client's preface and settings haven't arrived yet
    OPEN = "open"
    DRAINING = "draining"  # new streams are refused; when the others have ended, it closes
    CLOSED = "closed"  # nothing is read, and only waiting data is sent


HANDSHAKE: Final = ConnectionState.HANDSHAKE
OPEN: Final = ConnectionState.OPEN
DRAINING: Final = ConnectionState.DRAINING
CLOSED: Final = ConnectionState.CLOSED


class ServerProtocol:
    """The state of one connection."""

    def __init__(self, account: Account, now: float, limits: TimeLimits = _NO_LIMITS) -> None:
        """Begin with our own settings, the first frame (RFC 9113, 3.4).

        The connection's memory, except bodies and answers, is taken from `account`. `now` is the
        time in seconds. A client that is slower than `limits` ends the connection.
        """
        self.state: ConnectionState = HANDSHAKE
        self._memory = account.connections
        self._held = 0  # bytes that are taken from it now
        self._budget = AbuseBudget()
        self._reader = FrameReader(self._budget)
        self._slow_sender = SlowSender(limits)
        self._output = Output()
        self._streams = Streams(account.streams, self._output, now)
        self._events: deque[Event] = deque()
        self.sender = Sender(self._output, self._streams, self._events)
        """Sends the answers."""
        self._receiver = Receiver(self._budget, self._output, self._streams, self._events)
        self._handlers = self._frame_handlers()
        self._output.write(_HELLO)

    @property
    def streams(self) -> list[Stream]:
        """The streams that are still to be answered."""
        return list(self._streams.unanswered.values())

    @property
    def has_streams(self) -> bool:
        """Whether a stream is still to be answered."""
        return bool(self._streams.unanswered)

    # What goes in.

    def receive(self, data: bytes) -> Iterator[Event]:
        """Take bytes from the client; yield their events.

        Each event must be handled before the next is taken, and all must be taken.
        """
        if self.state is CLOSED:
            return
        events, handlers = self._events, self._handlers
        try:
            for kind, flags, number, payload in self._reader.read(data):
                try:
                    if kind < len(handlers):
                        handlers[kind](flags, number, payload)
                    else:
                        self._budget.spend(CHEAP)
                except BrokenStreamError as error:
                    self._budget.spend(COSTLY)
                    self.sender.abandon(self._streams.reset(number, error.code))
                while events:
                    yield events.popleft()
                if self.state is not OPEN and self._close_if_drained():
                    return
            if self._held or self._reader.rest or self._reader.block or self._streams.has_rests:
                self._reserve()
        except BrokenConnectionError as error:
            self._output.write(goaway(self._streams.last, error.code, str(error)))
            self.close()
            while events:
                yield events.popleft()

    def events(self) -> Iterator[Event]:
        """Yield other events: data that waited was sent, or the connection was closed."""
        while self._events:
            yield self._events.popleft()

    def tick(self, now: float) -> None:
        """Record the time, in seconds; call this once a second."""
        self._budget.renew()
        self._streams.tick(now)
        if self.state is CLOSED or self._output.is_paused:  # then nothing is read
            return
        fault = self._slow_sender.fault(self._reader)
        if fault is not None:
            self._output.write(goaway(self._streams.last, ErrorCode.NO_ERROR, fault))
            self.close()

    def pause(self) -> None:
        """Add no more data to the output: the transport is full."""
        self._output.is_paused = True

    def resume(self) -> None:
        """Go on."""
        self._output.is_paused = False

    def close(self) -> None:
        """Cancel all streams, with an event for each. Afterwards nothing is read or sent."""
        for number in list(self._streams.unanswered):
            self.sender.abandon(self._streams.drop(number))
        self._memory.give_back(self._held)
        self._held = 0
        self._output.is_closed = True
        self.state = CLOSED

    # What comes out.

    @property
    def has_output(self) -> bool:
        """Whether something is to be sent now."""
        return self._output.pending > 0

    def data_to_send(self) -> bytes:
        """Return bytes to send. Call it again until it returns b""."""
        if self.sender.is_waiting:
            self.sender.send_waiting()
        self._close_if_drained()
        return self._output.take() if self._output.pending else b""

    def turn_away(self) -> None:
        """Tell a client that has just connected that there are too many connections."""
        self._output.write(goaway(0, ErrorCode.NO_ERROR, "too many connections are open"))
        self.close()

    def announce_shutdown(self) -> None:
        """Tell the client to open no more streams.

        Streams that it opens before it has read that are still answered (RFC 9113, 6.8).
        """
        self._output.write(
            goaway(MAX_STREAM, ErrorCode.NO_ERROR) + frame(PING, 0, 0, _SHUTDOWN_PING)
        )

    def drain(self) -> None:
        """Refuse new streams, and close when the open ones have ended."""
        if self.state in (HANDSHAKE, OPEN):
            self.state = DRAINING
            self._receiver.is_refusing = True
            self._output.write(goaway(self._streams.last, ErrorCode.NO_ERROR))
            self._close_if_drained()

    # Frames, besides those of requests.

    def _frame_handlers(self) -> tuple[FrameHandler, ...]:
        """Return the handlers of frames, by type."""
        return (
            self._receiver.data,
            self._receiver.headers,
            self._priority,
            self._rst_stream,
            self._settings,
            self._push_promise,
            self._ping,
            self._goaway,
            self._window_update,
            self._continuation,
        )

    def _priority(self, _: int, number: int, payload: bytes) -> None:
        """Ignore it: HTTP/2 has deprecated priorities (RFC 9113, 5.3.2)."""
        self._budget.spend(CHEAP)
        if not number:
            raise broken_rule("PRIORITY without a stream")
        if len(payload) != 5:
            raise self._streams.error(number, ErrorCode.FRAME_SIZE_ERROR)

    def _rst_stream(self, _: int, number: int, payload: bytes) -> None:
        self._budget.spend(COSTLY)
        check_size(payload, 4)
        self.sender.abandon(self._streams.end_by_peer(number))

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        """Apply the settings that concern answers, and acknowledge them (RFC 9113, 6.5)."""
        self._budget.spend(COSTLY)
        if number:
            raise broken_rule("SETTINGS of a stream")
        if flags & ACK:
            check_size(payload, 0)
            if self.state is HANDSHAKE:
                raise broken_rule("the first SETTINGS can't be an acknowledgement")
            return
        values = settings_of(payload)
        if self.state is HANDSHAKE:
            self.state = OPEN
        self._output.write(frame(SETTINGS, ACK, 0))
        self._output.frame_size = values.get(Setting.MAX_FRAME_SIZE, self._output.frame_size)
        window = values.get(Setting.INITIAL_WINDOW_SIZE, self._receiver.initial_window)
        change, self._receiver.initial_window = window - self._receiver.initial_window, window
        for stream in self.streams if change else ():
            try:
                stream.grow(change)
            except BrokenStreamError:
                raise window_too_large() from None
            self.sender.send_rest(stream)

    def _push_promise(self, *_: object) -> None:
        raise broken_rule("PUSH_PROMISE by a client")

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        """Answer a ping. The answer to our own ping shows that the client knows of the shutdown."""
        self._budget.spend(COSTLY)
        if number:
            raise broken_rule("PING of a stream")
        check_size(payload, 8)
        if not flags & ACK:
            self._output.write(frame(PING, ACK, 0, payload))
        elif payload == _SHUTDOWN_PING:
            self.drain()

    def _goaway(self, _: int, number: int, payload: bytes) -> None:
        """Do nothing: the client opens no more streams, and closes when it has its answers."""
        self._budget.spend(CHEAP)
        if number:
            raise broken_rule("GOAWAY of a stream")
        check_size(payload, at_least=8)

    def _window_update(self, _: int, number: int, payload: bytes) -> None:
        """Send what had to wait (RFC 9113, 6.9)."""
        self._budget.spend(CHEAP)
        check_size(payload, 4)
        increment = int.from_bytes(payload, "big") & STREAM_MASK
        if number:
            self._grow_stream(number, increment)
        elif not increment:
            raise broken_rule("WINDOW_UPDATE by 0")
        else:
            self._output.grow(increment)
            self.sender.send_waiting()

    def _grow_stream(self, number: int, increment: int) -> None:
        self._streams.check_begun(number)
        if not increment:
            raise self._streams.error(number, ErrorCode.PROTOCOL_ERROR)
        stream = self._streams.unanswered.get(number)
        if stream is not None:
            stream.grow(increment)
            self.sender.send_rest(stream)

    def _continuation(self, *_: object) -> None:
        raise broken_rule("CONTINUATION without HEADERS before it")

    # The end of streams and of the connection.

    def _reserve(self) -> None:
        """Reserve the connection's memory. Raises BrokenConnectionError if there is none."""
        held = self._reader.held + self._streams.held
        if held == self._held:
            return
        self._memory.give_back(self._held)
        self._held = 0
        if not self._memory.try_take(held):
            raise BrokenConnectionError(
                ErrorCode.ENHANCE_YOUR_CALM, "the server has no memory for more unfinished requests"
            )
        self._held = held

    def _close_if_drained(self) -> bool:
        """Close the connection if its last stream has ended; return whether it is closed."""
        if self.state is DRAINING and not self._streams.unanswered:
            self.close()
        return self.state is CLOSED
