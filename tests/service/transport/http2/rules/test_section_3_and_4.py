"""RFC 9113, 3.4 and 4: the preface, the format and the size of frames, header blocks."""

import pytest

from service.transport.http2 import frames
from service.transport.http2.frames import PREFACE, frame, settings
from service.transport.http2.protocol import ConnectionState
from tests.service.transport.http2.responder import Responder
from tests.service.transport.http2.rules.rule import (
    ANSWERS,
    COMPRESSION,
    EH,
    ES,
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
    begin,
    check,
)

LONG = bytes(frames.MAX_FRAME_SIZE + 1)

RULES: Rules = {
    "4.1 a frame of an unknown type is ignored": (frame(0xCC, 0, 0, b"anything"), IGNORED),
    "4.1 unknown flags are ignored": (frame(frames.HEADERS, 0xD2 | WHOLE, NEW, GOOD), ANSWERS),
    "4.1 the reserved bit of a stream's number is ignored": (
        frame(frames.HEADERS, WHOLE, NEW | 1 << 31, GOOD),
        ANSWERS,
    ),
    "4.2 a frame of the largest size": (
        frame(frames.DATA, 0, HALF_CLOSED_LOCAL, LONG[1:]),
        IGNORED,
    ),
    "4.2 DATA over the largest size": (frame(frames.DATA, 0, OPEN, LONG), ConnectionFault(SIZE)),
    "4.2 HEADERS over the largest size": (
        frame(frames.HEADERS, WHOLE, NEW, LONG),
        ConnectionFault(SIZE),
    ),
    "4.2 an unknown frame over the largest size": (
        frame(0xCC, 0, 0, LONG),
        ConnectionFault(SIZE),
    ),
    "4.3 a block that can't be decoded": (begin(b"\xff" * 9), ConnectionFault(COMPRESSION)),
    "4.3 a block that can't be decoded, as trailers": (
        frame(frames.HEADERS, WHOLE, OPEN, b"\xff" * 9),
        ConnectionFault(COMPRESSION),
    ),
    "4.3 a block that can't be decoded, of a stream that isn't open": (
        frame(frames.HEADERS, WHOLE, HALF_CLOSED_REMOTE, b"\xff" * 9),
        ConnectionFault(COMPRESSION),
    ),
    "4.3 a block in pieces": (
        frame(frames.HEADERS, ES, NEW, GOOD[:1])
        + frame(frames.CONTINUATION, 0, NEW)
        + frame(frames.CONTINUATION, EH, NEW, GOOD[1:]),
        ANSWERS,
    ),
    "4.3 another frame within a block": (
        frame(frames.HEADERS, ES, NEW, GOOD[:1]) + frame(frames.PING, 0, 0, bytes(8)),
        ConnectionFault(PROTOCOL),
    ),
    "4.3 an unknown frame within a block": (
        frame(frames.HEADERS, ES, NEW, GOOD[:1]) + frame(0xCC, 0, 0),
        ConnectionFault(PROTOCOL),
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: str) -> None:
    check(*RULES[rule])


GREETINGS = {
    "3.4 HTTP/1.1": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "3.4 TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "3.4 a preface with another end": PREFACE[:-2] + b"xx",
    "3.4 no SETTINGS after the preface": PREFACE + frame(frames.PING, 0, 0, bytes(8)),
    "3.4 HEADERS after the preface": PREFACE + frame(frames.HEADERS, WHOLE, 1, GOOD),
    "3.4 an acknowledgement after the preface": PREFACE + frame(frames.SETTINGS, frames.ACK, 0),
}


@pytest.mark.parametrize("rule", GREETINGS)
def test_a_wrong_greeting_ends_the_connection(rule: str) -> None:
    responder = Responder()
    responder.receive(GREETINGS[rule])
    assert responder.protocol.state is ConnectionState.CLOSED
    *_, last = responder.exchange()
    assert (last[0], last[3][4:8]) == (frames.GOAWAY, PROTOCOL.to_bytes(4, "big"))


def test_3_4_requests_may_follow_the_preface_at_once() -> None:
    found = Responder().exchange(PREFACE + settings({}) + frame(frames.HEADERS, WHOLE, 1, GOOD))
    assert [number for kind, _, number, _ in found if kind == frames.HEADERS] == [1, 1]
