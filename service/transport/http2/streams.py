"""The streams of a connection, by number: unanswered ones, and the remains of others."""

from typing import Final, NamedTuple

from service.admission import Stage
from service.transport.http2.flow import ReceiveWindow
from service.transport.http2.frames import (
    BrokenConnectionError,
    BrokenStreamError,
    ErrorCode,
    broken_rule,
    rst_stream,
    window_update,
)
from service.transport.http2.output import Output
from service.transport.http2.stream import HALF_CLOSED_LOCAL, Stream, StreamState

MAX_STREAMS: Final = 256
"""Streams that a connection may have open at a time."""

_MAX_RESET: Final = 1_000  # reset streams whose late frames are ignored
_LEFTOVER_SECONDS: Final = 30.0  # seconds in which the rest of an answered request must arrive

_LEFTOVER_BYTES: Final = 512  # bytes of memory for the remains of a stream
_RESET_BYTES: Final = 64  # bytes of memory for the number of a reset stream


class Leftover(NamedTuple):
    """The rest of a request that is already answered: it is read up to a limit, and dropped."""

    window: ReceiveWindow
    deadline: float


class Streams:
    """The state of each stream. Streams above `last` are idle."""

    __slots__ = ("_leftovers", "_memory", "_now", "_output", "_reset", "last", "unanswered")

    def __init__(self, memory: Stage, output: Output, now: float) -> None:
        """Begin at the time `now` in seconds. The memory of streams is taken from `memory`."""
        self._memory = memory
        self._output = output
        self._now = now
        self._leftovers: dict[int, Leftover] = {}
        self._reset: dict[int, None] = {}
        self.unanswered: dict[int, Stream] = {}
        """Streams that are open or half-closed (remote)."""
        self.last = 0
        """The highest number that the client has used."""

    @property
    def has_rests(self) -> bool:
        """Whether there are remains of streams that are no longer `unanswered`."""
        return bool(self._leftovers or self._reset)

    @property
    def held(self) -> int:
        """Bytes of memory for the remains of streams that are no longer `unanswered`."""
        return len(self._leftovers) * _LEFTOVER_BYTES + len(self._reset) * _RESET_BYTES

    def state(self, number: int) -> StreamState:
        """Return a stream's state."""
        if number > self.last:
            return StreamState.IDLE
        stream = self.unanswered.get(number)
        if stream is not None:
            return stream.state
        is_left = number in self._leftovers
        return HALF_CLOSED_LOCAL if is_left else StreamState.CLOSED

    def check_begun(self, number: int) -> None:
        """Raise BrokenConnectionError if a stream is idle, or is the connection itself."""
        if not 0 < number <= self.last:
            raise broken_rule("a frame of an idle stream")

    def error(self, number: int, code: ErrorCode) -> BrokenStreamError | BrokenConnectionError:
        """Return the error to raise for a broken rule of a stream in any state.

        It ends the connection if the stream is idle or closed, since RST_STREAM can't be sent then
        (RFC 9113, 5.1 and 6.4).
        """
        if self.state(number) in (StreamState.IDLE, StreamState.CLOSED):
            return BrokenConnectionError(code, "a wrong frame of a stream that isn't open")
        return BrokenStreamError(code)

    def open(self, stream: Stream) -> None:
        """Add a stream. Raises BrokenStreamError if there is no memory for it."""
        if len(self.unanswered) >= MAX_STREAMS or not self._memory.try_take(stream.size):
            raise BrokenStreamError(ErrorCode.REFUSED_STREAM)
        self.unanswered[stream.number] = stream

    def end_answer(self, stream: Stream) -> None:
        """Record that an answer has been sent. The rest of the request is still read."""
        del self.unanswered[stream.number]
        self._memory.give_back(stream.size)
        stream.end_answer()
        if stream.state is HALF_CLOSED_LOCAL:
            stream.receive_window.is_held_back = False
            deadline = self._now + _LEFTOVER_SECONDS
            self._leftovers[stream.number] = Leftover(stream.receive_window, deadline)
            if len(self._leftovers) > MAX_STREAMS:
                self._cut_short(next(iter(self._leftovers)))

    def reset(self, number: int, code: ErrorCode) -> Stream | None:
        """Reset a stream; return it if it was unanswered."""
        self._output.write(rst_stream(number, code))
        self._leftovers.pop(number, None)
        self._ignore_late_frames(number)
        return self.drop(number)

    def drop(self, number: int) -> Stream | None:
        """Close a stream silently; return it if it was unanswered."""
        stream = self.unanswered.pop(number, None)
        if stream is not None:
            self._memory.give_back(stream.size)
            stream.close()
        return stream

    def end_by_peer(self, number: int) -> Stream | None:
        """Close a stream that the peer has reset; return it if it was unanswered."""
        self.check_begun(number)
        self._reset.pop(number, None)
        self._leftovers.pop(number, None)
        return self.drop(number)

    def receive_late(self, number: int, size: int, *, ended: bool) -> None:
        """Ignore a part of an answered request, or of one that the peer can't know is reset.

        Raises:
            BrokenConnectionError: the peer ended the stream itself, or never started it.
        """
        self.check_begun(number)
        leftover = self._leftovers.get(number)
        if leftover is None and number not in self._reset:
            raise BrokenConnectionError(ErrorCode.STREAM_CLOSED, "a frame of a closed stream")
        if ended:
            self._leftovers.pop(number, None)
            self._reset.pop(number, None)
        elif leftover is not None:
            increment = leftover.window.take(size)
            if increment:
                self._output.write(window_update(number, increment))

    def tick(self, now: float) -> None:
        """Record the time, and stop reading requests that last too long."""
        self._now = now
        for number, leftover in list(self._leftovers.items()):
            if now >= leftover.deadline:
                self._cut_short(number)

    def _cut_short(self, number: int) -> None:
        """Ask the peer to stop sending an unwanted rest (RFC 9113, 8.1).

        This isn't done right after the answer. The RFC allows that, but HAProxy would then cancel
        the call on its own side, and the answer would be lost.
        """
        del self._leftovers[number]
        self._ignore_late_frames(number)
        self._output.write(rst_stream(number, ErrorCode.NO_ERROR))

    def _ignore_late_frames(self, number: int) -> None:
        self._reset[number] = None
        if len(self._reset) > _MAX_RESET:
            del self._reset[next(iter(self._reset))]
