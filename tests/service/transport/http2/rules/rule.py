"""What a client sends, on a connection with a stream in each state, and what must come of it."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from service.transport.http2 import frames
from service.transport.http2.frames import ErrorCode, frame, rst_stream
from service.transport.http2.protocol import ConnectionState
from service.transport.http2.stream import StreamState
from tests.service.transport.http2.responder import HELLO, Frame, Responder, head, request

ES, EH = frames.END_STREAM, frames.END_HEADERS
WHOLE = ES | EH

PROTOCOL, SIZE = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR
FLOW, CLOSED = ErrorCode.FLOW_CONTROL_ERROR, ErrorCode.STREAM_CLOSED
COMPRESSION, REFUSED = ErrorCode.COMPRESSION_ERROR, ErrorCode.REFUSED_STREAM
CALM = ErrorCode.ENHANCE_YOUR_CALM

OPEN = 1
HALF_CLOSED_REMOTE = 3
"""Its request is complete, and isn't answered yet."""
HALF_CLOSED_LOCAL = 5
"""It is answered already, and its request isn't complete."""
RESET_BY_CLIENT = 7
RESET_BY_SERVER = 9
SKIPPED = 11
ANSWERED = 13
NEW = 15
"""The next stream to begin. It and those above are idle."""
_LATER = 1_001

GOOD = head("/echo")
"""A block of headers whose request is answered when it is complete."""

_STREAMS = (
    frame(frames.HEADERS, EH, OPEN, head("/never"))
    + frame(frames.HEADERS, WHOLE, HALF_CLOSED_REMOTE, head("/never"))
    + frame(frames.HEADERS, EH, HALF_CLOSED_LOCAL, head("/early"))
    + frame(frames.HEADERS, EH, RESET_BY_CLIENT, head("/never"))
    + rst_stream(RESET_BY_CLIENT, ErrorCode.CANCEL)
    + frame(frames.HEADERS, EH, RESET_BY_SERVER, head("/reset"))
    + frame(frames.HEADERS, WHOLE, ANSWERED, GOOD)
)


class Taken(Enum):
    """What comes of input without a fault."""

    IGNORED = "ignored"
    ANSWERED = "answered"
    """The new stream is answered."""


class ConnectionFault(NamedTuple):
    """The connection ends with a GOAWAY of this code."""

    code: ErrorCode


class StreamFault(NamedTuple):
    """The stream ends with a RST_STREAM of this code. The connection goes on."""

    stream: int
    code: ErrorCode


Outcome = Taken | ConnectionFault | StreamFault
Rules = dict[str, tuple[bytes, Outcome]]
"""What is sent and what must come of it, by the section of the rule and what the case is."""

IGNORED, ANSWERS = Taken.IGNORED, Taken.ANSWERED


def connection() -> Responder:
    """Return a connection with a stream in each state."""
    opened = Responder()
    opened.exchange(HELLO, _STREAMS)
    state = opened.protocol._streams.state
    assert {number: state(number) for number in range(OPEN, NEW + 1, 2)} == {
        OPEN: StreamState.OPEN,
        HALF_CLOSED_REMOTE: StreamState.HALF_CLOSED_REMOTE,
        HALF_CLOSED_LOCAL: StreamState.HALF_CLOSED_LOCAL,
        RESET_BY_CLIENT: StreamState.CLOSED,
        RESET_BY_SERVER: StreamState.CLOSED,
        SKIPPED: StreamState.CLOSED,
        ANSWERED: StreamState.CLOSED,
        NEW: StreamState.IDLE,
    }
    return opened


def check(sent: bytes, outcome: Outcome) -> None:
    """Check what comes of some input, and that the connection is closed or still serves."""
    opened = connection()
    told = len(opened.events)
    found = opened.exchange(sent)
    resets = [StreamFault(number, code) for number, code in _codes(found, frames.RST_STREAM)]
    ends = [ConnectionFault(code) for _, code in _codes(found, frames.GOAWAY)]
    assert ends == ([outcome] if isinstance(outcome, ConnectionFault) else [])
    assert resets == ([outcome] if isinstance(outcome, StreamFault) else [])
    if isinstance(outcome, ConnectionFault):
        assert opened.protocol.state is ConnectionState.CLOSED
        return
    if outcome is IGNORED:
        assert opened.events[told:] == []
    assert _is_answered(NEW, found) == (outcome is ANSWERS)
    assert _is_answered(_LATER, opened.exchange(request(_LATER, "/echo", b"x")))


def _is_answered(number: int, found: Iterable[Frame]) -> bool:
    last = [flags for _, flags, stream, _ in found if stream == number][-1:]
    return bool(last) and last[0] & ES != 0


def _codes(found: Iterable[Frame], kind: int) -> list[tuple[int, ErrorCode]]:
    start = 0 if kind == frames.RST_STREAM else 4
    return [
        (number, ErrorCode(int.from_bytes(payload[start : start + 4], "big")))
        for found_kind, _, number, payload in found
        if found_kind == kind
    ]


def begin(block: bytes) -> bytes:
    """Return the frame of a whole request with this block, on the new stream."""
    return frame(frames.HEADERS, WHOLE, NEW, block)


def literal(name: bytes, value: bytes) -> bytes:
    """Return a field that isn't put into the table (RFC 7541, 6.2.2)."""
    return b"\x00" + _text(name) + _text(value)


def _text(value: bytes) -> bytes:
    assert len(value) < 127
    return bytes((len(value),)) + value
