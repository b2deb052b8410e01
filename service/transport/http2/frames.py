"""The bytes of frames, and the errors of frames (RFC 9113, 4, 6 and 7)."""

import struct
from enum import IntEnum
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends before its first frame."""

# Types of frames. Plain numbers, since each frame of each call is compared with them.
DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

# Flags of frames.
ACK: Final = 0x01
END_STREAM: Final = 0x01
END_HEADERS: Final = 0x04
PADDED: Final = 0x08
PRIORITISED: Final = 0x20

FRAME_HEAD: Final = struct.Struct(">HBBBL")
"""The upper and the lower part of the payload's length, the type, the flags, the stream."""

STREAM_MASK: Final = 2**31 - 1
"""The bits of a stream's number: the highest one is reserved."""

MAX_FRAME_SIZE: Final = 16_384
"""Bytes of payload that each side must accept, and the most that this server accepts."""

MAX_STREAM: Final = 2**31 - 1


class Setting(IntEnum):
    """Parameters of a SETTINGS frame (RFC 9113, 6.5.2)."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (RFC 9113, 7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class BrokenConnectionError(Exception):
    """The peer broke a rule in a way that ends the connection (RFC 9113, 5.4.1)."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        """Keep the code; the message is shown to the peer."""
        super().__init__(message)
        self.code = code


class BrokenStreamError(Exception):
    """The peer broke a rule in a way that ends one stream only (RFC 9113, 5.4.2)."""

    def __init__(self, code: ErrorCode) -> None:
        """Keep the code."""
        super().__init__(code.name)
        self.code = code


def broken_rule(message: str) -> BrokenConnectionError:
    """Return the error for a broken rule without its own error code."""
    return BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, message)


def frame(kind: int, flags: int, stream: int, payload: bytes | memoryview = b"") -> bytes:
    """Return a frame. The payload must not be longer than the peer accepts."""
    size = len(payload)
    return b"".join((FRAME_HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream), payload))


def settings(values: dict[Setting, int]) -> bytes:
    """Return a SETTINGS frame."""
    pairs = (struct.pack(">HL", name, value) for name, value in values.items())
    return frame(SETTINGS, 0, 0, b"".join(pairs))


def window_update(stream: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def rst_stream(stream: int, code: ErrorCode) -> bytes:
    """Return a RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def goaway(last_stream: int, code: ErrorCode, message: str = "") -> bytes:
    """Return a GOAWAY frame that names the last stream that was processed."""
    return frame(GOAWAY, 0, 0, struct.pack(">LL", last_stream, code) + message.encode())
