"""A connection: its streams, from the first settings to the farewell."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple, cast

from service.transport.http2.flow import (
    CONNECTION_WINDOW,
    DEFAULT_WINDOW,
    MAX_WINDOW,
    STREAM_WINDOW,
    ReceiveWindow,
    Sender,
)
from service.transport.http2.frames import (
    ACK,
    MAX_FRAME_SIZE,
    MAX_STREAM,
    PING,
    SETTINGS,
    BrokenConnectionError,
    BrokenStreamError,
    ErrorCode,
    Setting,
    frame,
    goaway,
    rst_stream,
    settings,
    window_update,
)
from service.transport.http2.headers import MAX_HEADER_LIST, HeaderReader, Request, check_trailers
from service.transport.http2.patience import Patience
from service.transport.http2.reader import FrameReader
from service.transport.http2.stream import Stream

MAX_STREAMS: Final = 256
"""Streams that a connection may have open at a time."""

_MAX_ENDED_EARLY: Final = 1_000  # streams of which late frames are expected
_GREETING_SECONDS: Final = 10.0
_STALL_SECONDS: Final = 60.0
_LEFTOVER_SECONDS: Final = 30.0
_CLOSING_SECONDS: Final = 5.0
_FAREWELL_SECONDS: Final = 1.0
_FAREWELL: Final = b"farewell"  # of the PING whose answer says that a GOAWAY was read

_HELLO: Final = settings(
    {
        Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
        Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
        Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST,
    }
) + window_update(0, CONNECTION_WINDOW - DEFAULT_WINDOW)

MakeStream = Callable[["Connection", int, Request], Stream]


class Leftover(NamedTuple):
    """The rest of a request that is answered already: it is read, up to a point, and dropped."""

    window: ReceiveWindow
    deadline: float


class Connection(asyncio.Protocol):
    """One client's connection. Its streams are what `make_stream` makes of each request."""

    sender: Sender
    _transport: asyncio.Transport

    def __init__(
        self,
        make_stream: MakeStream,
        on_open: "Callable[[Connection], None]",
        on_lost: "Callable[[Connection], None]",
    ) -> None:
        """Tell by `on_open` and `on_lost` from when and until when the connection is open."""
        self._streams: dict[int, Stream] = {}
        self._make_stream = make_stream
        self._on_open = on_open
        self._on_lost = on_lost
        self._patience = Patience()
        self._reader = FrameReader(self, self._patience)
        self._headers = HeaderReader()
        self._receive_window = ReceiveWindow(CONNECTION_WINDOW)
        self._last_stream = 0
        # Streams that ended before their requests did: what still comes of these is no mistake.
        self._ended_early: dict[int, None] = {}
        self._leftovers: dict[int, Leftover] = {}
        self._refusing = False
        self._closing = False
        self.lost = asyncio.Event()
        self._expires = time.monotonic() + _GREETING_SECONDS

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send our own settings, as the first frame there is (RFC 9113, 3.4)."""
        self._transport = cast(asyncio.Transport, transport)
        self.sender = Sender(self._transport)
        self._transport.write(_HELLO)
        self._on_open(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Give up all streams."""
        self._closing = self.sender.closed = True
        self._on_lost(self)
        self.lost.set()
        self._give_up()

    def data_received(self, data: bytes) -> None:
        """Read frames."""
        if self._closing:
            return
        try:
            self._reader.read(data)
        except BrokenConnectionError as error:
            self.sender.write(goaway(self._last_stream, error.code, str(error)))
            self._give_up()
            self._close()

    def pause_writing(self) -> None:
        """Stop sending, and reading too: what comes would only make for more to send."""
        self.sender.paused = True
        self._transport.pause_reading()
        if not self._closing:
            self._expires = time.monotonic() + _STALL_SECONDS

    def resume_writing(self) -> None:
        """Go on."""
        self.sender.paused = False
        self._transport.resume_reading()
        if not self._closing:
            self._expires = math.inf
            self.sender.pump()

    # The listener's side.

    def tick(self, now: float) -> None:
        """End what has lasted too long. To be called once a second."""
        self._patience.renew()
        if now >= self._expires:
            self._transport.abort()
            return
        for stream in list(self._streams.values()):
            if now >= stream.deadline:
                stream.expire()
        for number, leftover in list(self._leftovers.items()):
            if now >= leftover.deadline:
                self._cut_short(number)

    def shut_down(self) -> None:
        """Ask the client to open no more streams, finish the open ones, and close.

        It is first told only that the end is near: streams that it opens before it has read
        that are still answered (RFC 9113, 6.8).
        """
        for stream in list(self._streams.values()):
            stream.stop()
        self.sender.write(goaway(MAX_STREAM, ErrorCode.NO_ERROR) + frame(PING, 0, 0, _FAREWELL))
        asyncio.get_running_loop().call_later(_FAREWELL_SECONDS, self._refuse)

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # The streams' side.

    def finished(self, stream: Stream) -> None:
        """Forget a stream that has been answered."""
        del self._streams[stream.number]
        if not stream.ended:
            stream.receive_window.is_held_back = False
            self._leftovers[stream.number] = Leftover(
                stream.receive_window, time.monotonic() + _LEFTOVER_SECONDS
            )
            if len(self._leftovers) > MAX_STREAMS:
                self._cut_short(next(iter(self._leftovers)))
        self._close_if_done()

    def reset(self, number: int, code: ErrorCode) -> None:
        """End a stream without an answer, or in the midst of it."""
        self.sender.write(rst_stream(number, code))
        self._expect_late_frames(number)
        self._drop(number)

    # Frames.

    def on_data(self, number: int, data: bytes, size: int, *, ended: bool) -> None:
        """Hand a part of a body to its stream (RFC 9113, 6.1)."""
        increment = self._receive_window.take(size)
        if increment:
            self.sender.write(window_update(0, increment))
        stream = self._streams.get(number)
        if stream is None:
            self._drop_late(number, size, ended=ended)
        elif stream.ended:
            raise BrokenStreamError(ErrorCode.STREAM_CLOSED)
        else:
            stream.ended = ended
            if not ended:
                increment = stream.make_room(size)
                if increment:
                    self.sender.write(window_update(number, increment))
            stream.take(data)

    def on_headers(self, number: int, block: bytes, *, ended: bool) -> None:
        """Begin a stream, or end its request by trailers (RFC 9113, 6.2 and 8.1)."""
        if number <= self._last_stream:
            self._on_trailers(number, block, ended=ended)
            return
        if not number & 1:
            raise BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, "not a client's stream")
        self._last_stream = number
        request = self._headers.request(block)
        if self._refusing or len(self._streams) >= MAX_STREAMS:
            raise BrokenStreamError(ErrorCode.REFUSED_STREAM)
        if ended and request.content_length:
            raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)
        stream = self._streams[number] = self._make_stream(self, number, request)
        stream.ended = ended
        stream.begin()
        if ended and number in self._streams:
            stream.take(b"")

    def _on_trailers(self, number: int, block: bytes, *, ended: bool) -> None:
        fields = self._headers.fields(block)  # whatever becomes of them: the next ones need it
        stream = self._streams.get(number)
        if stream is None:
            self._drop_late(number, 0, ended=ended)
            return
        if stream.ended:
            raise BrokenStreamError(ErrorCode.STREAM_CLOSED)
        if not ended:
            raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)
        check_trailers(fields)
        stream.ended = True
        stream.take(b"")

    def on_reset(self, number: int) -> None:
        """Give up a stream (RFC 9113, 6.4)."""
        self._check_begun(number)
        self._ended_early.pop(number, None)
        self._leftovers.pop(number, None)
        self._drop(number)

    def on_settings(self, values: dict[int, int]) -> None:
        """Keep to the settings that concern an answer, and say so (RFC 9113, 6.5)."""
        frame_size = values.get(Setting.MAX_FRAME_SIZE, self.sender.frame_size)
        window = values.get(Setting.INITIAL_WINDOW_SIZE, self.sender.stream_window)
        if values.get(Setting.ENABLE_PUSH, 0) > 1 or not MAX_FRAME_SIZE <= frame_size < 2**24:
            raise BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, "a setting out of bounds")
        if window > MAX_WINDOW:
            raise _window_too_large()
        if not self.sender.paused:
            self._expires = math.inf
        self.sender.write(frame(SETTINGS, ACK, 0))
        self.sender.frame_size = frame_size
        change, self.sender.stream_window = window - self.sender.stream_window, window
        for stream in list(self._streams.values()) if change else ():
            try:
                stream.grow(change)
            except BrokenStreamError:
                raise _window_too_large() from None

    def on_ping(self, payload: bytes, *, is_answer: bool) -> None:
        """Answer a ping; the answer to our own says that the client knows of the end."""
        if not is_answer:
            self.sender.write(frame(PING, ACK, 0, payload))
        elif payload == _FAREWELL:
            self._refuse()

    def on_window_update(self, number: int, increment: int) -> None:
        """Send what there was no room for (RFC 9113, 6.9)."""
        if number:
            self._check_begun(number)
            stream = self._streams.get(number)
            if stream is not None:
                stream.grow(increment)
            return
        self.sender.window += increment
        if self.sender.window > MAX_WINDOW:
            raise _window_too_large()
        self.sender.pump()

    def on_broken_stream(self, number: int, code: ErrorCode) -> None:
        """End a stream in which the peer broke a rule (RFC 9113, 5.4.2)."""
        self.reset(number, code)

    # What becomes of streams, and of the connection.

    def _check_begun(self, number: int) -> None:
        if not 0 < number <= self._last_stream:
            raise BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, "a stream that never was")

    def _drop_late(self, number: int, size: int, *, ended: bool) -> None:
        """Ignore a part of a request that was answered, or whose end the peer can't know of yet."""
        self._check_begun(number)
        leftover = self._leftovers.get(number)
        if leftover is None and number not in self._ended_early:
            raise BrokenConnectionError(ErrorCode.STREAM_CLOSED, "a stream that has ended")
        if ended:
            self._leftovers.pop(number, None)
            self._ended_early.pop(number, None)
        elif leftover is not None:
            increment = leftover.window.take(size)
            if increment:
                self.sender.write(window_update(number, increment))

    def _cut_short(self, number: int) -> None:
        """Ask the peer to stop sending what isn't wanted (RFC 9113, 8.1).

        Not as soon as it is answered: that may be, but HAProxy then cancels the call at its own
        side, and the answer is lost.
        """
        del self._leftovers[number]
        self._expect_late_frames(number)
        self.sender.write(rst_stream(number, ErrorCode.NO_ERROR))

    def _expect_late_frames(self, number: int) -> None:
        self._ended_early[number] = None
        if len(self._ended_early) > _MAX_ENDED_EARLY:
            del self._ended_early[next(iter(self._ended_early))]

    def _drop(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is not None:
            self.sender.forget(stream)
            stream.gone()
        self._close_if_done()

    def _give_up(self) -> None:
        for number in list(self._streams):
            self._drop(number)

    def _refuse(self) -> None:
        """Take no more streams, and close once the open ones have ended."""
        if not self._refusing and not self._closing:
            self._refusing = True
            self.sender.write(goaway(self._last_stream, ErrorCode.NO_ERROR))
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self._refusing and not self._streams:
            self._close()

    def _close(self) -> None:
        """End our side. The client ends the other, or has it ended after a while.

        Closing both at once would have the kernel throw away what the client hasn't read yet.
        """
        if not self._closing:
            self._closing = True
            self.sender.close()
            self._expires = time.monotonic() + _CLOSING_SECONDS
            self._transport.write_eof()


def _window_too_large() -> BrokenConnectionError:
    return BrokenConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "a window too large")
