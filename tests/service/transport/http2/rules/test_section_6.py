"""RFC 9113, 6 and 7: each type of frame, its size, its stream, its flags; the codes of errors."""

import struct

import pytest

from service.transport.http2 import frames
from service.transport.http2.flow import MAX_WINDOW
from service.transport.http2.frames import Setting, frame, window_update
from tests.service.transport.http2.rules.rule import (
    ANSWERED,
    ANSWERS,
    EH,
    ES,
    FLOW,
    GOOD,
    HALF_CLOSED_LOCAL,
    HALF_CLOSED_REMOTE,
    IGNORED,
    NEW,
    OPEN,
    PROTOCOL,
    SIZE,
    WHOLE,
    ConnectionFault,
    Rules,
    StreamFault,
    begin,
    check,
    connection,
)

PADDED, PRIORITISED = frames.PADDED, frames.PRIORITISED
PRIORITY = bytes(4) + b"\x10"
OPENED = frame(frames.HEADERS, EH, NEW, GOOD)
PART = bytes(16_384)
FULL = frame(frames.DATA, 0, NEW, PART)
KEPT_OPEN = b"".join(frame(frames.HEADERS, EH, number, GOOD) for number in range(NEW, NEW + 100, 2))


def setting(*pairs: tuple[int, int]) -> bytes:
    return frame(frames.SETTINGS, 0, 0, b"".join(struct.pack(">HL", *pair) for pair in pairs))


DATA: Rules = {
    "6.1 DATA of the connection": (frame(frames.DATA, 0, 0, b"x"), ConnectionFault(PROTOCOL)),
    "6.1 padding": (OPENED + frame(frames.DATA, PADDED | ES, NEW, b"\x02x\0\0"), ANSWERS),
    "6.1 padding alone": (OPENED + frame(frames.DATA, PADDED | ES, NEW, b"\x02\0\0"), ANSWERS),
    "6.1 as much padding as payload": (
        frame(frames.DATA, PADDED, OPEN, b"\x03abc"[:3]),
        ConnectionFault(PROTOCOL),
    ),
    "6.1 more padding than payload": (
        frame(frames.DATA, PADDED, OPEN, b"\xffabc"),
        ConnectionFault(PROTOCOL),
    ),
    "6.1 padding without its length": (frame(frames.DATA, PADDED, OPEN), ConnectionFault(SIZE)),
    "6.1 no data": (OPENED + frame(frames.DATA, 0, NEW) + frame(frames.DATA, ES, NEW), ANSWERS),
}
HEADERS: Rules = {
    "6.2 HEADERS of the connection": (
        frame(frames.HEADERS, WHOLE, 0, GOOD),
        ConnectionFault(PROTOCOL),
    ),
    "6.2 padding": (frame(frames.HEADERS, WHOLE | PADDED, NEW, b"\x03" + GOOD + bytes(3)), ANSWERS),
    "6.2 padding and priority": (
        frame(
            frames.HEADERS,
            WHOLE | PADDED | PRIORITISED,
            NEW,
            b"\x03" + PRIORITY + GOOD + bytes(3),
        ),
        ANSWERS,
    ),
    "6.2 more padding than payload": (
        frame(frames.HEADERS, WHOLE | PADDED, NEW, b"\xff" + GOOD),
        ConnectionFault(PROTOCOL),
    ),
    "6.2 padding without its length": (
        frame(frames.HEADERS, WHOLE | PADDED, NEW),
        ConnectionFault(SIZE),
    ),
    "6.2 no room for the priority": (
        frame(frames.HEADERS, WHOLE | PRIORITISED, NEW, bytes(4)),
        ConnectionFault(SIZE),
    ),
    "6.2 padding in the place of the priority": (
        frame(frames.HEADERS, WHOLE | PADDED | PRIORITISED, NEW, b"\x03" + bytes(6)),
        ConnectionFault(SIZE),
    ),
}
PRIORITIES: Rules = {
    "6.3 PRIORITY of the connection": (
        frame(frames.PRIORITY, 0, 0, PRIORITY),
        ConnectionFault(PROTOCOL),
    ),
    "6.3 PRIORITY too short": (
        frame(frames.PRIORITY, 0, OPEN, bytes(4)),
        StreamFault(OPEN, SIZE),
    ),
    "6.3 PRIORITY too long": (frame(frames.PRIORITY, 0, OPEN, bytes(6)), StreamFault(OPEN, SIZE)),
}
RESETS: Rules = {
    "6.4 RST_STREAM of the connection": (
        frame(frames.RST_STREAM, 0, 0, bytes(4)),
        ConnectionFault(PROTOCOL),
    ),
    "6.4 RST_STREAM of an idle stream": (
        frame(frames.RST_STREAM, 0, NEW, bytes(4)),
        ConnectionFault(PROTOCOL),
    ),
    "6.4 RST_STREAM too short": (
        frame(frames.RST_STREAM, 0, OPEN, bytes(3)),
        ConnectionFault(SIZE),
    ),
    "6.4 RST_STREAM too long": (
        frame(frames.RST_STREAM, 0, OPEN, bytes(5)),
        ConnectionFault(SIZE),
    ),
    "6.4 DATA after RST_STREAM": (
        OPENED + frame(frames.RST_STREAM, 0, NEW, bytes(4)) + frame(frames.DATA, 0, NEW, b"x"),
        ConnectionFault(frames.ErrorCode.STREAM_CLOSED),
    ),
}
SETTINGS: Rules = {
    "6.5 SETTINGS of a stream": (frame(frames.SETTINGS, 0, OPEN), ConnectionFault(PROTOCOL)),
    "6.5 SETTINGS cut off": (frame(frames.SETTINGS, 0, 0, bytes(5)), ConnectionFault(SIZE)),
    "6.5 no settings": (frame(frames.SETTINGS, 0, 0), IGNORED),
    "6.5 an acknowledgement": (frame(frames.SETTINGS, frames.ACK, 0), IGNORED),
    "6.5 an acknowledgement with settings": (
        frame(frames.SETTINGS, frames.ACK, 0, bytes(6)),
        ConnectionFault(SIZE),
    ),
    "6.5.2 push on": (setting((Setting.ENABLE_PUSH, 1)), IGNORED),
    "6.5.2 push neither on nor off": (
        setting((Setting.ENABLE_PUSH, 2)),
        ConnectionFault(PROTOCOL),
    ),
    "6.5.2 the largest window": (
        setting((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)) + begin(GOOD),
        ANSWERS,
    ),
    "6.5.2 a window too large": (
        setting((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW + 1)),
        ConnectionFault(FLOW),
    ),
    "6.5.2 the largest frame": (setting((Setting.MAX_FRAME_SIZE, 2**24 - 1)), IGNORED),
    "6.5.2 a frame too small": (
        setting((Setting.MAX_FRAME_SIZE, 16_383)),
        ConnectionFault(PROTOCOL),
    ),
    "6.5.2 a frame too large": (
        setting((Setting.MAX_FRAME_SIZE, 2**24)),
        ConnectionFault(PROTOCOL),
    ),
    "6.5.2 no table": (setting((Setting.HEADER_TABLE_SIZE, 0)) + begin(GOOD), ANSWERS),
    "6.5.2 the largest table": (
        setting((Setting.HEADER_TABLE_SIZE, 2**32 - 1)) + begin(GOOD),
        ANSWERS,
    ),
    "6.5.3 a wrong value before a right one": (
        setting((Setting.ENABLE_PUSH, 2), (Setting.ENABLE_PUSH, 0)),
        ConnectionFault(PROTOCOL),
    ),
    "6.5.3 the last value counts": (
        setting((Setting.INITIAL_WINDOW_SIZE, 0), (Setting.INITIAL_WINDOW_SIZE, 9)) + begin(GOOD),
        ANSWERS,
    ),
}
OTHERS: Rules = {
    "6.6 PUSH_PROMISE": (
        frame(frames.PUSH_PROMISE, EH, OPEN, bytes(4) + GOOD),
        ConnectionFault(PROTOCOL),
    ),
    "6.7 PING of a stream": (frame(frames.PING, 0, OPEN, bytes(8)), ConnectionFault(PROTOCOL)),
    "6.7 PING too short": (frame(frames.PING, 0, 0, bytes(7)), ConnectionFault(SIZE)),
    "6.7 PING too long": (frame(frames.PING, 0, 0, bytes(9)), ConnectionFault(SIZE)),
    "6.7 an answer to no PING": (frame(frames.PING, frames.ACK, 0, bytes(8)), IGNORED),
    "6.8 GOAWAY of a stream": (frame(frames.GOAWAY, 0, OPEN, bytes(8)), ConnectionFault(PROTOCOL)),
    "6.8 GOAWAY too short": (frame(frames.GOAWAY, 0, 0, bytes(7)), ConnectionFault(SIZE)),
    "6.8 GOAWAY with a message": (frame(frames.GOAWAY, 0, 0, bytes(8) + b"bye"), IGNORED),
    "6.8 open streams end after GOAWAY": (
        OPENED + frame(frames.GOAWAY, 0, 0, bytes(8)) + frame(frames.DATA, ES, NEW),
        ANSWERS,
    ),
    "7 GOAWAY with an unknown code": (frame(frames.GOAWAY, 0, 0, b"\xff" * 8), IGNORED),
    "7 RST_STREAM with an unknown code": (
        frame(frames.RST_STREAM, 0, HALF_CLOSED_LOCAL, b"\xff" * 4),
        IGNORED,
    ),
}
WINDOWS: Rules = {
    "6.9 too short": (
        frame(frames.WINDOW_UPDATE, 0, OPEN, bytes(3)),
        ConnectionFault(SIZE),
    ),
    "6.9 too long": (frame(frames.WINDOW_UPDATE, 0, 0, bytes(5)), ConnectionFault(SIZE)),
    "6.9 the connection's by 0": (window_update(0, 0), ConnectionFault(PROTOCOL)),
    "6.9 a stream's by 0": (window_update(OPEN, 0), StreamFault(OPEN, PROTOCOL)),
    "6.9 a half-closed (remote) stream's by 0": (
        window_update(HALF_CLOSED_REMOTE, 0),
        StreamFault(HALF_CLOSED_REMOTE, PROTOCOL),
    ),
    "6.9 a half-closed (local) stream's by 0": (
        window_update(HALF_CLOSED_LOCAL, 0),
        StreamFault(HALF_CLOSED_LOCAL, PROTOCOL),
    ),
    "6.9 an idle stream's": (window_update(NEW, 1), ConnectionFault(PROTOCOL)),
    "6.9 the reserved bit is ignored": (window_update(OPEN, 1 << 31 | 1), IGNORED),
    "6.9.1 the connection's too large": (window_update(0, MAX_WINDOW), ConnectionFault(FLOW)),
    "6.9.1 a stream's too large": (window_update(OPEN, MAX_WINDOW), StreamFault(OPEN, FLOW)),
    "6.9.1 data within a stream's window": (
        OPENED + FULL * 3 + frame(frames.DATA, ES, NEW),
        ANSWERS,
    ),
    "6.9.2 a setting that makes a stream's window too large": (
        window_update(OPEN, MAX_WINDOW - 65_535) + setting((Setting.INITIAL_WINDOW_SIZE, 65_536)),
        ConnectionFault(FLOW),
    ),
}
CONTINUATIONS: Rules = {
    "6.10 CONTINUATION of the connection": (
        frame(frames.HEADERS, ES, NEW, GOOD) + frame(frames.CONTINUATION, EH, 0),
        ConnectionFault(PROTOCOL),
    ),
    "6.10 CONTINUATION of another stream": (
        frame(frames.HEADERS, ES, NEW, GOOD) + frame(frames.CONTINUATION, EH, NEW + 2),
        ConnectionFault(PROTOCOL),
    ),
    "6.10 CONTINUATION after whole HEADERS": (
        frame(frames.HEADERS, EH, NEW, GOOD) + frame(frames.CONTINUATION, EH, NEW),
        ConnectionFault(PROTOCOL),
    ),
    "6.10 CONTINUATION after DATA": (
        frame(frames.DATA, 0, OPEN, b"x") + frame(frames.CONTINUATION, EH, OPEN),
        ConnectionFault(PROTOCOL),
    ),
    "6.10 CONTINUATION after the last CONTINUATION": (
        frame(frames.HEADERS, 0, NEW, GOOD) + frame(frames.CONTINUATION, EH, NEW) * 2,
        ConnectionFault(PROTOCOL),
    ),
    "6.10 DATA instead of CONTINUATION": (
        frame(frames.HEADERS, 0, NEW, GOOD) + frame(frames.DATA, 0, NEW, b"x"),
        ConnectionFault(PROTOCOL),
    ),
    "6.10 HEADERS instead of CONTINUATION": (
        frame(frames.HEADERS, 0, NEW, GOOD) + frame(frames.HEADERS, EH, NEW, GOOD),
        ConnectionFault(PROTOCOL),
    ),
}
RULES = DATA | HEADERS | PRIORITIES | RESETS | SETTINGS | OTHERS | WINDOWS | CONTINUATIONS


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: str) -> None:
    check(*RULES[rule])


def test_6_5_3_settings_are_acknowledged() -> None:
    found = connection().exchange(setting((Setting.INITIAL_WINDOW_SIZE, 1)))
    assert found == [(frames.SETTINGS, frames.ACK, 0, b"")]


def test_6_7_a_ping_is_answered_with_its_payload() -> None:
    found = connection().exchange(frame(frames.PING, 0, 0, b"12345678"))
    assert found == [(frames.PING, frames.ACK, 0, b"12345678")]


LAST_DATA = {
    "5.2 data": frame(frames.DATA, 0, NEW, b"x"),
    "5.2 data that ends the request": frame(frames.DATA, ES, NEW, b"x"),
    "5.2 padding": frame(frames.DATA, PADDED, NEW, b"\x00"),
}


@pytest.mark.parametrize("rule", LAST_DATA)
def test_6_9_1_anything_over_a_streams_window_is_an_error(rule: str) -> None:
    opened = connection()
    opened.exchange(OPENED)
    (stream,) = (stream for stream in opened.protocol.streams if stream.number == NEW)
    stream.receive_window.is_held_back = True  # as when there is no memory for the body
    assert opened.exchange(FULL * 4) == []
    found = opened.exchange(LAST_DATA[rule])
    assert [(kind, payload[4:8]) for kind, _, _, payload in found] == [
        (frames.GOAWAY, FLOW.to_bytes(4, "big"))
    ]


def test_6_9_2_a_smaller_setting_makes_a_window_negative() -> None:
    """What was sent counts: nothing is sent before the window is above 0 again."""
    opened = connection()
    found = opened.exchange(
        setting((Setting.INITIAL_WINDOW_SIZE, 3)), OPENED, frame(frames.DATA, ES, NEW, b"abcdef")
    )
    assert [payload for kind, _, _, payload in found if kind == frames.DATA] == [b"abc"]
    found = opened.exchange(
        setting((Setting.INITIAL_WINDOW_SIZE, 0)), window_update(NEW, 3), window_update(NEW, 1)
    )
    assert [payload for kind, _, _, payload in found if kind == frames.DATA] == [b"d"]


def test_a_closed_stream_stays_closed() -> None:
    opened = connection()
    found = opened.exchange(window_update(ANSWERED, 1), begin(GOOD))
    assert {number for _, _, number, _ in found} == {NEW}
