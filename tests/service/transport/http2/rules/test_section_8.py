"""RFC 9113, 8: how requests are framed, which are malformed, and what their fields may be."""

import pytest

from service.transport.http2 import frames
from service.transport.http2.frames import frame
from service.transport.http2.headers import HeaderReader
from tests.service.transport.http2.rules.rule import (
    ANSWERS,
    CLOSED,
    EH,
    ES,
    GOOD,
    NEW,
    PROTOCOL,
    WHOLE,
    Rules,
    StreamFault,
    begin,
    check,
    literal,
)

OPENED = frame(frames.HEADERS, EH, NEW, GOOD)
MALFORMED = StreamFault(NEW, PROTOCOL)
POST, HTTP, HTTPS, ECHO = b"\x83", b"\x86", b"\x87", b"\x04\x05/echo"
TRAILER = literal(b"x-checksum", b"1")


def trailers(block: bytes) -> bytes:
    return OPENED + frame(frames.HEADERS, WHOLE, NEW, block)


def of_length(length: bytes) -> bytes:
    return frame(frames.HEADERS, EH, NEW, GOOD + literal(b"content-length", length))


def _with(name: bytes, value: bytes) -> bytes:
    """Return the block of a request in which one pseudo-header has another value."""
    fields = {b":method": b"POST", b":scheme": b"http", b":path": b"/echo"} | {name: value}
    return b"".join(literal(*field) for field in fields.items())


def data(size: int, flags: int = ES) -> bytes:
    return frame(frames.DATA, flags, NEW, bytes(size))


FRAMING: Rules = {
    "8.1 headers alone": (begin(GOOD), ANSWERS),
    "8.1 headers and data": (OPENED + data(3, 0) + data(3), ANSWERS),
    "8.1 headers, data and trailers": (
        OPENED + data(3, 0) + frame(frames.HEADERS, WHOLE, NEW, TRAILER),
        ANSWERS,
    ),
    "8.1 trailers without data": (trailers(TRAILER), ANSWERS),
    "8.1 empty trailers": (trailers(b""), ANSWERS),
    "8.1 trailers that don't end the request": (
        OPENED + frame(frames.HEADERS, EH, NEW, TRAILER),
        MALFORMED,
    ),
    "8.1 data after trailers": (
        frame(frames.HEADERS, EH, NEW, b"\x83\x86\x04\x06/never")
        + frame(frames.HEADERS, WHOLE, NEW, TRAILER)
        + data(1),
        StreamFault(NEW, CLOSED),
    ),
    "8.1 trailers with a pseudo-header": (trailers(TRAILER + POST), MALFORMED),
    "8.1 trailers with a capital": (trailers(literal(b"X-Sum", b"1")), MALFORMED),
    "8.1 trailers with a line end": (trailers(literal(b"x-sum", b"1\n2")), MALFORMED),
    "8.1 trailers about the connection": (trailers(literal(b"connection", b"close")), MALFORMED),
    "8.1.1 a content length that is right": (of_length(b"6") + data(3, 0) + data(3), ANSWERS),
    "8.1.1 a content length of 0": (of_length(b"0") + data(0), ANSWERS),
    "8.1.1 a content length that is right, with padding": (
        of_length(b"1") + frame(frames.DATA, ES | frames.PADDED, NEW, b"\x02x\0\0"),
        ANSWERS,
    ),
    "8.1.1 a content length and trailers": (
        of_length(b"3") + data(3, 0) + frame(frames.HEADERS, WHOLE, NEW, TRAILER),
        ANSWERS,
    ),
    "8.1.1 more data than the content length": (of_length(b"5") + data(6), MALFORMED),
    "8.1.1 more data in several frames": (of_length(b"5") + data(3, 0) + data(3, 0), MALFORMED),
    "8.1.1 less data than the content length": (of_length(b"7") + data(6), MALFORMED),
    "8.1.1 less data before trailers": (
        of_length(b"7") + data(6, 0) + frame(frames.HEADERS, WHOLE, NEW, TRAILER),
        MALFORMED,
    ),
    "8.1.1 a content length without data": (
        begin(GOOD + literal(b"content-length", b"1")),
        MALFORMED,
    ),
    "8.1.1 two content lengths": (
        begin(GOOD + literal(b"content-length", b"0") + literal(b"content-length", b"1")),
        MALFORMED,
    ),
}
FRAMING |= {
    f"8.1.1 the content length {length!r}": (of_length(length), MALFORMED)
    for length in (b"", b"-1", b"+1", b"1,1", b"0x1", b"1.0", "٣".encode(), b"9" * 30)
}

NAMES = [b"", b"X-Name", b"a b", b"a\x00", b"a\x7f", b"a:", b"a\r\n", b"\xc3\xa4", b"a\xff", b"a\t"]
VALUES = [b"\x00", b"a\x00b", b"a\rb", b"a\nb", b"a\r\nb: c"]
OF_A_CONNECTION = [
    b"connection",
    b"proxy-connection",
    b"keep-alive",
    b"transfer-encoding",
    b"upgrade",
]
FIELDS: Rules = {
    f"8.2.1 the name {name!r}": (begin(GOOD + literal(name, b"x")), MALFORMED) for name in NAMES
}
FIELDS |= {
    f"8.2.1 the value {value!r}": (begin(GOOD + literal(b"a", value)), MALFORMED)
    for value in VALUES
}
FIELDS |= {
    f"8.2.2 {name.decode()}": (begin(GOOD + literal(name, b"x")), MALFORMED)
    for name in OF_A_CONNECTION
}
FIELDS |= {
    "8.2.1 no value": (begin(GOOD + literal(b"a", b"")), ANSWERS),
    "8.2.1 a value with bytes of no letter": (
        begin(GOOD + literal(b"a", b"\x01\x7f\xff")),
        ANSWERS,
    ),
    "8.2.2 te: trailers": (begin(GOOD + literal(b"te", b"trailers")), ANSWERS),
    "8.2.2 te: gzip": (begin(GOOD + literal(b"te", b"gzip")), MALFORMED),
    "8.2.2 te: trailers, gzip": (begin(GOOD + literal(b"te", b"trailers, gzip")), MALFORMED),
}
PSEUDO_HEADERS: Rules = {
    "8.3 in another order": (begin(ECHO + HTTPS + literal(b":authority", b"a") + POST), ANSWERS),
    "8.3 after a field": (begin(POST + HTTP + literal(b"a", b"b") + ECHO), MALFORMED),
    "8.3 of an answer": (begin(GOOD + b"\x88"), MALFORMED),
    "8.3 unknown": (begin(GOOD + literal(b":protocol", b"websocket")), MALFORMED),
    "8.3 a colon alone": (begin(GOOD + literal(b":", b"x")), MALFORMED),
    "8.3 with a capital": (begin(POST + HTTP + literal(b":Path", b"/echo")), MALFORMED),
    "8.3.1 no method": (begin(HTTP + ECHO), MALFORMED),
    "8.3.1 no scheme": (begin(POST + ECHO), MALFORMED),
    "8.3.1 no path": (begin(POST + HTTP), MALFORMED),
    "8.3.1 nothing": (begin(b""), MALFORMED),
    "8.3.1 two methods": (begin(POST + GOOD), MALFORMED),
    "8.3.1 two schemes": (begin(HTTP + GOOD), MALFORMED),
    "8.3.1 two paths": (begin(ECHO + GOOD), MALFORMED),
    "8.3.1 two authorities": (begin(literal(b":authority", b"a") * 2 + GOOD), MALFORMED),
    "8.3.1 no authority": (begin(GOOD), ANSWERS),
}
WRONG_VALUES = {
    b":method": (b"", b"PO ST", b"POST\r\n", b"\xff"),
    b":scheme": (b"", b"ht tp", b"1http", b"\xff"),
    b":path": (b"", b"echo", b"/a b", b"/a\x00", b"/a\tb", b"/\xc3\xa4", b"*", b"http://a/echo"),
}
PSEUDO_HEADERS |= {
    f"8.3.1 the {name.decode()[1:]} {value!r}": (begin(_with(name, value)), MALFORMED)
    for name, values in WRONG_VALUES.items()
    for value in values
}
CONNECT = literal(b":method", b"CONNECT")
AUTHORITY = literal(b":authority", b"a:1")
CONNECTS: Rules = {
    "8.5 CONNECT with a path": (begin(CONNECT + AUTHORITY + ECHO), MALFORMED),
    "8.5 CONNECT with a scheme": (begin(CONNECT + AUTHORITY + HTTP), MALFORMED),
    "8.5 CONNECT without an authority": (begin(CONNECT), MALFORMED),
    "8.5 CONNECT with all": (begin(CONNECT + AUTHORITY + HTTP + ECHO), MALFORMED),
}
RULES = FRAMING | FIELDS | PSEUDO_HEADERS | CONNECTS


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: str) -> None:
    check(*RULES[rule])


def test_8_2_1_whitespace_around_a_value_is_removed() -> None:
    """The RFC calls it malformed; gRPC lets its clients send it (docs/decisions/http2.md)."""
    head = HeaderReader().request(GOOD + literal(b"a", b" \tx y\t "))
    assert head.headers == {"a": "x y"}


def test_8_2_3_cookies_are_joined_as_one() -> None:
    crumbs = literal(b"cookie", b"a=1") + literal(b"b", b"2") + literal(b"cookie", b"c=3")
    assert HeaderReader().request(GOOD + crumbs).headers == {"cookie": "a=1; c=3", "b": "2"}


def test_8_3_1_options_may_ask_for_the_server() -> None:
    head = HeaderReader().request(HTTP + literal(b":method", b"OPTIONS") + literal(b":path", b"*"))
    assert (head.method, head.path) == ("OPTIONS", "*")


def test_8_5_connect_is_a_request_without_a_path() -> None:
    head = HeaderReader().request(CONNECT + AUTHORITY)
    assert (head.method, head.path) == ("CONNECT", "")
