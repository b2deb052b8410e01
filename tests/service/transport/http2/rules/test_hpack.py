"""RFC 7541 (HPACK), for what RFC 9113, 4.3 asks of a server: how header blocks are decoded."""

import pytest

from service.transport.http2 import frames
from service.transport.http2.frames import frame
from tests.service.transport.http2.rules.rule import (
    ANSWERS,
    CALM,
    COMPRESSION,
    EH,
    GOOD,
    NEW,
    RESET_BY_SERVER,
    WHOLE,
    ConnectionFault,
    Rules,
    begin,
    check,
    literal,
)

BROKEN = ConnectionFault(COMPRESSION)
ENTRY = b"\x40\x01a\x01b"  # put into the table as number 62
NEWEST = b"\xbe"
EMPTY_TABLE, FULL_TABLE = b"\x20", b"\x3f\xe1\x1f"  # sizes of 0 and of 4,096

RULES: Rules = {
    "2.3.3 an index of nothing": (begin(GOOD + NEWEST), BROKEN),
    "2.3.3 an index far over the table": (begin(GOOD + b"\xff\x80\x80\x04"), BROKEN),
    "2.3.3 a name's index of nothing": (begin(GOOD + b"\x7e\x01b"), BROKEN),
    "3.2 an entry of the same block": (begin(GOOD + ENTRY + NEWEST), ANSWERS),
    "3.2 an entry of an earlier block": (
        frame(frames.HEADERS, EH, NEW, GOOD + ENTRY) + frame(frames.HEADERS, WHOLE, NEW, NEWEST),
        ANSWERS,
    ),
    "3.2 an entry of a block whose stream isn't open": (
        frame(frames.HEADERS, EH, RESET_BY_SERVER, ENTRY) + begin(GOOD + NEWEST),
        ANSWERS,
    ),
    "4.2 a smaller table, and the largest again": (begin(EMPTY_TABLE + FULL_TABLE + GOOD), ANSWERS),
    "4.2 three changes of the table's size": (
        begin(EMPTY_TABLE + FULL_TABLE + EMPTY_TABLE + GOOD),
        BROKEN,
    ),
    "4.2 a change of the table's size after a field": (begin(GOOD + EMPTY_TABLE), BROKEN),
    "4.2 a block with nothing but changes": (begin(EMPTY_TABLE * 16_000), BROKEN),
    "4.3 a smaller table forgets entries": (
        frame(frames.HEADERS, EH, NEW, GOOD + ENTRY)
        + frame(frames.HEADERS, WHOLE, NEW, EMPTY_TABLE + NEWEST),
        BROKEN,
    ),
    "4.4 an entry larger than the table empties it": (
        begin(b"\x3f\x01" + GOOD + b"\x40\x01a\x7f\x00" + b"x" * 127 + NEWEST),
        BROKEN,
    ),
    "5.1 an integer without an end": (begin(GOOD + b"\xff\x80"), BROKEN),
    "5.1 an integer too large": (begin(GOOD + b"\xff" + b"\xff" * 20 + b"\x7f"), BROKEN),
    "5.1 an integer of zeros": (begin(GOOD + b"\xff" + b"\x80" * 20 + b"\x00"), BROKEN),
    "5.2 a name longer than the block": (begin(GOOD + b"\x00\x05ab"), BROKEN),
    "5.2 a value longer than the block": (begin(GOOD + b"\x00\x01a\x05b"), BROKEN),
    "5.2 no value": (begin(GOOD + b"\x00\x01a"), BROKEN),
    "5.2 no name": (begin(GOOD + b"\x00"), BROKEN),
    "5.2 padding of 7 bits": (begin(GOOD + b"\x00\x01a\x81\x1f"), ANSWERS),
    "5.2 padding of 8 bits": (begin(GOOD + b"\x00\x01a\x82\x1f\xff"), BROKEN),
    "5.2 padding of zeros": (begin(GOOD + b"\x00\x01a\x81\x18"), BROKEN),
    "5.2 the end of string as a symbol": (
        begin(GOOD + b"\x00\x01a\x84\xff\xff\xff\xff"),
        BROKEN,
    ),
    "6.1 index 0": (begin(GOOD + b"\x80"), BROKEN),
    "6.2.3 a field that is never put into a table": (
        begin(GOOD + b"\x10" + literal(b"a", b"b")[1:]),
        ANSWERS,
    ),
    "6.3 a table over the limit": (begin(b"\x3f\xe2\x1f" + GOOD), BROKEN),
    "7.3 a block that becomes too large": (
        begin(GOOD + b"\x40\x01a\x7f\x81\x1e" + b"x" * 3_968 + NEWEST * 9),
        ConnectionFault(CALM),
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: str) -> None:
    check(*RULES[rule])
