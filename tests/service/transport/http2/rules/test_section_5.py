"""RFC 9113, 5: the states and numbers of streams, their limit, priorities, errors, extensions."""

import pytest

from service.transport.http2 import frames
from service.transport.http2.frames import ErrorCode, frame, rst_stream, window_update
from service.transport.http2.streams import MAX_STREAMS
from tests.service.transport.http2.rules.rule import (
    ANSWERED,
    ANSWERS,
    CLOSED,
    EH,
    ES,
    GOOD,
    HALF_CLOSED_LOCAL,
    HALF_CLOSED_REMOTE,
    IGNORED,
    NEW,
    OPEN,
    PROTOCOL,
    REFUSED,
    RESET_BY_CLIENT,
    RESET_BY_SERVER,
    SIZE,
    SKIPPED,
    WHOLE,
    ConnectionFault,
    Rules,
    StreamFault,
    begin,
    check,
    connection,
    literal,
)

PRIORITY = bytes(4) + b"\x10"
TRAILERS = literal(b"x-checksum", b"1")
ALL = (OPEN, HALF_CLOSED_REMOTE, HALF_CLOSED_LOCAL, ANSWERED, RESET_BY_CLIENT, RESET_BY_SERVER, NEW)


def data(stream: int, flags: int = 0) -> bytes:
    return frame(frames.DATA, flags, stream, b"x")


def headers(stream: int) -> bytes:
    return frame(frames.HEADERS, WHOLE, stream, TRAILERS)


def cancel(stream: int) -> bytes:
    return rst_stream(stream, ErrorCode.CANCEL)


RULES: Rules = {
    # Idle: only HEADERS and PRIORITY may come.
    "5.1 idle: DATA": (data(NEW), ConnectionFault(PROTOCOL)),
    "5.1 idle: RST_STREAM": (cancel(NEW), ConnectionFault(PROTOCOL)),
    "5.1 idle: WINDOW_UPDATE": (window_update(NEW, 1), ConnectionFault(PROTOCOL)),
    "5.1 idle: WINDOW_UPDATE by 0": (window_update(NEW, 0), ConnectionFault(PROTOCOL)),
    "5.1 idle: CONTINUATION": (frame(frames.CONTINUATION, EH, NEW), ConnectionFault(PROTOCOL)),
    "5.1 idle: HEADERS": (begin(GOOD), ANSWERS),
    # Half-closed (remote): only WINDOW_UPDATE, PRIORITY and RST_STREAM.
    "5.1 half-closed (remote): DATA": (
        data(HALF_CLOSED_REMOTE),
        StreamFault(HALF_CLOSED_REMOTE, CLOSED),
    ),
    "5.1 half-closed (remote): DATA with the end": (
        data(HALF_CLOSED_REMOTE, ES),
        StreamFault(HALF_CLOSED_REMOTE, CLOSED),
    ),
    "5.1 half-closed (remote): HEADERS": (
        headers(HALF_CLOSED_REMOTE),
        StreamFault(HALF_CLOSED_REMOTE, CLOSED),
    ),
    "5.1 half-closed (remote): CONTINUATION": (
        frame(frames.CONTINUATION, EH, HALF_CLOSED_REMOTE),
        ConnectionFault(PROTOCOL),
    ),
    "5.1 half-closed (remote): WINDOW_UPDATE": (window_update(HALF_CLOSED_REMOTE, 9), IGNORED),
    # Half-closed (local): anything.
    "5.1 half-closed (local): DATA": (data(HALF_CLOSED_LOCAL), IGNORED),
    "5.1 half-closed (local): DATA after the end": (
        data(HALF_CLOSED_LOCAL, ES) + data(HALF_CLOSED_LOCAL),
        ConnectionFault(CLOSED),
    ),
    "5.1 half-closed (local): trailers": (headers(HALF_CLOSED_LOCAL), IGNORED),
    "5.1 half-closed (local): WINDOW_UPDATE": (window_update(HALF_CLOSED_LOCAL, 9), IGNORED),
    "5.1 half-closed (local): RST_STREAM": (cancel(HALF_CLOSED_LOCAL), IGNORED),
    # Closed by both ends: WINDOW_UPDATE and RST_STREAM may come late.
    "5.1 closed: DATA": (data(ANSWERED), ConnectionFault(CLOSED)),
    "5.1 closed: HEADERS": (headers(ANSWERED), ConnectionFault(CLOSED)),
    "5.1 closed: CONTINUATION": (
        frame(frames.CONTINUATION, EH, ANSWERED),
        ConnectionFault(PROTOCOL),
    ),
    "5.1 closed: WINDOW_UPDATE": (window_update(ANSWERED, 9), IGNORED),
    "5.1 closed: RST_STREAM": (cancel(ANSWERED), IGNORED),
    "5.1 closed: WINDOW_UPDATE by 0": (window_update(ANSWERED, 0), ConnectionFault(PROTOCOL)),
    # Closed by the client's RST_STREAM: it knows, so nothing may follow.
    "5.1 reset by the client: DATA": (data(RESET_BY_CLIENT), ConnectionFault(CLOSED)),
    "5.1 reset by the client: HEADERS": (headers(RESET_BY_CLIENT), ConnectionFault(CLOSED)),
    "5.1 reset by the client: RST_STREAM": (cancel(RESET_BY_CLIENT), IGNORED),
    # Closed by our RST_STREAM: the client may not know yet.
    "5.1 reset by the server: DATA": (data(RESET_BY_SERVER), IGNORED),
    "5.1 reset by the server: trailers": (headers(RESET_BY_SERVER), IGNORED),
    "5.1 reset by the server: DATA after the end": (
        data(RESET_BY_SERVER, ES) + data(RESET_BY_SERVER),
        ConnectionFault(CLOSED),
    ),
    "5.1 reset by the server: WINDOW_UPDATE": (window_update(RESET_BY_SERVER, 9), IGNORED),
    "5.1 reset by the server: RST_STREAM": (cancel(RESET_BY_SERVER), IGNORED),
    "5.1.1 an even number": (
        frame(frames.HEADERS, WHOLE, NEW + 1, GOOD),
        ConnectionFault(PROTOCOL),
    ),
    "5.1.1 number 0": (frame(frames.HEADERS, WHOLE, 0, GOOD), ConnectionFault(PROTOCOL)),
    # The RFC wants PROTOCOL_ERROR for a number that was skipped: see docs/decisions/http2.md.
    "5.1.1 a number that was skipped": (
        frame(frames.HEADERS, WHOLE, SKIPPED, GOOD),
        ConnectionFault(CLOSED),
    ),
    "5.1.1 a number that was used": (
        frame(frames.HEADERS, WHOLE, ANSWERED, GOOD),
        ConnectionFault(CLOSED),
    ),
    "5.1.1 numbers may be skipped": (
        frame(frames.HEADERS, EH, NEW, GOOD)
        + frame(frames.HEADERS, WHOLE, NEW + 800, GOOD)
        + frame(frames.DATA, ES, NEW),
        ANSWERS,
    ),
    "5.1.2 a stream over the limit": (
        b"".join(
            frame(frames.HEADERS, EH, number, GOOD)
            for number in range(NEW, NEW + 2 * (MAX_STREAMS - 1), 2)
        )
        + cancel(OPEN),
        StreamFault(NEW + 2 * (MAX_STREAMS - 2), REFUSED),
    ),
    "5.3 a stream that depends on itself": (
        frame(frames.PRIORITY, 0, OPEN, OPEN.to_bytes(4, "big") + b"\x10"),
        IGNORED,
    ),
    "5.3 HEADERS that depend on their stream": (
        frame(
            frames.HEADERS,
            WHOLE | frames.PRIORITISED,
            NEW,
            NEW.to_bytes(4, "big") + b"\x10" + GOOD,
        ),
        ANSWERS,
    ),
    "5.5 an unknown frame of a stream": (frame(0xCC, 0xFF, OPEN, b"x"), IGNORED),
    "5.5 an unknown frame of an idle stream": (frame(0xCC, 0xFF, NEW, b"x"), IGNORED),
    "5.5 an unknown setting": (frame(frames.SETTINGS, 0, 0, b"\xcc\xcc" + bytes(4)), IGNORED),
}
RULES |= {
    f"5.1 PRIORITY of stream {stream}": (frame(frames.PRIORITY, 0, stream, PRIORITY), IGNORED)
    for stream in ALL
}
RULES |= {
    f"5.4 no RST_STREAM is sent for stream {stream}, which isn't open": (
        frame(frames.PRIORITY, 0, stream, bytes(4)),
        ConnectionFault(SIZE),
    )
    for stream in (ANSWERED, RESET_BY_CLIENT, RESET_BY_SERVER, NEW)
}


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: str) -> None:
    check(*RULES[rule])


def test_5_4_1_the_last_frame_names_the_last_stream() -> None:
    found = connection().exchange(begin(GOOD), frame(frames.PING, 0, OPEN, bytes(8)))
    kind, _, number, payload = found[-1]
    assert (kind, number) == (frames.GOAWAY, 0)
    assert payload[:8] == NEW.to_bytes(4, "big") + PROTOCOL.to_bytes(4, "big")


def test_5_4_1_nothing_is_read_after_the_end() -> None:
    opened = connection()
    opened.exchange(frame(frames.PING, 0, OPEN, bytes(8)))
    assert opened.exchange(begin(GOOD), frame(frames.PING, 0, 0, bytes(8))) == []


def test_5_4_2_nothing_is_sent_on_a_stream_after_its_reset() -> None:
    opened = connection()
    found = opened.exchange(window_update(HALF_CLOSED_LOCAL, 0))
    assert [(kind, number) for kind, _, number, _ in found] == [
        (frames.RST_STREAM, HALF_CLOSED_LOCAL)
    ]
    opened.protocol.tick(1e6)
    part = frame(frames.DATA, 0, HALF_CLOSED_LOCAL, bytes(16_384))
    assert [number for _, _, number, _ in opened.exchange(part * 8)] == []
