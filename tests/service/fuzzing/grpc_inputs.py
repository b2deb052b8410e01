"""The inputs over gRPC by number: each is made from the seed and its number alone."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from hpack import Encoder

from service.transport.http2 import frames
from service.transport.http2.frames import Setting, frame, settings, window_update
from tests.service.fuzzing.bodies import PLANTED
from tests.service.fuzzing.damage import damaged
from tests.service.fuzzing.grpc_messages import framed, method_and_message

Fields = list[tuple[bytes, bytes]]

_EH: Final = frames.END_HEADERS
_WHOLE: Final = frames.END_HEADERS | frames.END_STREAM


@dataclass(frozen=True, slots=True)
class CallInput:
    """One call in valid frames: it is answered or reset, and its connection lives on."""

    kind: str
    fields: Fields
    body: bytes
    parts: int
    """How many DATA frames the body is cut into, the last of which may be empty."""


@dataclass(frozen=True, slots=True)
class WireInput:
    """All that is sent on a connection after the preface, in frames that may be wrong."""

    kind: str
    data: bytes


def grpc_input_of(seed: int, number: int) -> CallInput | WireInput:
    """Return an input; the same arguments give the same one."""
    source = Random(f"grpc/{seed}/{number}")
    return source.choice(_KINDS)(source)


def _fields(path: str, **more: str) -> Fields:
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "a"}
    fields |= {"te": "trailers", "content-type": "application/grpc"}
    fields |= {name.replace("_", "-"): value for name, value in more.items() if value}
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]


def _message(source: Random) -> CallInput:
    path, message = method_and_message(source)
    body = framed(source, message, "") if source.random() < 0.2 else framed(Random(0), message, "")
    return CallInput("message", _fields(path), body, source.choice((1, 1, 2, 9)))


def _framing(source: Random) -> CallInput:
    path, message = method_and_message(source)
    encoding = source.choice(("", "gzip", "deflate", "identity", "br", "gzip, gzip", "x" * 5_000))
    body = framed(source, message, encoding)
    return CallInput("framing", _fields(path, grpc_encoding=encoding), body, 1)


_TIMEOUTS: Final = (
    "1n", "999u", "5m", "0S", "1S", "99999999H", "00000001S", "123456789S", "-1S", "+1S", "1", "S",
    "", "1x", "1 S", " 1S", "1e3S", "0x1S", "1s", "1.5S", "1S1S", "\xb2S", "1H,1H", "9" * 400 + "S",
)  # fmt: skip
_CONTENT_TYPES: Final = (
    "application/grpc", "application/grpc+proto", "application/grpc+json", "application/grpc;a=b",
    "APPLICATION/GRPC", "application/grpc-web", "application/grpcx", "application/json",
    "text/plain", "", "application/grpc, application/grpc", "application/grpc\t", "\xff",
    "x" * 3_000,
)  # fmt: skip
_METHODS: Final = (
    "GET",
    "PUT",
    "HEAD",
    "OPTIONS",
    "post",
    "CONNECT",
    "X" * 300,
    "",
    "PO ST",
    "\xff",
)
_PATHS: Final = (
    "/", "//", "/trident.v1.Inference", "/trident.v1.Inference/", "/trident.v1.Inference/classify",
    "/x/y/z", "/" + "x" * 8_000, "*", "", "x", "/%00", "/../etc", "/a?b=c", "/\xe9",
)  # fmt: skip
_RESERVED: Final = (
    "grpc-status", "grpc-message", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding",
    "grpc-tags-bin", "grpc-trace-bin", "grpc-retry-pushback-ms", "host", "user-agent",
    "authorization", "x-api-key", "x-request-id", "traceparent", "tracestate", "baggage",
    "x-canary-key", "cookie", "trailer", "expect", "x-odd-bin", "x" * 3_000,
)  # fmt: skip
_MALFORMED: Final = (
    "te", "content-length", "connection", "upgrade", "transfer-encoding", ":status", ":path",
    ":protocol", "X-Upper", "", "a b", "a\0", "\xe9", "a:",
)  # fmt: skip
_REPEATED: Final = ("x-request-id", "grpc-encoding")  # answers repeat them by design
_VALUES: Final = (
    "", " ", "0", "1", "-1", "gzip", "trailers", "a,b", "\t", "\x7f", "\xff" * 20, "\0", "\r\n",
    "%0d%0a", PLANTED, f"Bearer {PLANTED}", "=" * 9, "AAEC", "x" * 2_000, "9" * 30,
    "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
)  # fmt: skip


def _metadata(source: Random) -> CallInput:
    """Return a call with odd headers and a small body."""
    path, message = method_and_message(source)
    fields = dict(_fields(path))
    if source.random() < 0.25:
        fields[b"grpc-timeout"] = source.choice(_TIMEOUTS).encode("latin-1")
    if source.random() < 0.25:
        fields[b"content-type"] = source.choice(_CONTENT_TYPES).encode("latin-1")
    if source.random() < 0.1:
        fields[b":method"] = source.choice(_METHODS).encode("latin-1")
    if source.random() < 0.1:
        fields[b":path"] = source.choice(_PATHS).encode("latin-1")
    if source.random() < 0.05:
        del fields[source.choice(list(fields))]
    pairs = list(fields.items())
    for _ in range(source.choice((0, 1, 1, 2, 10))):
        name = source.choice(_MALFORMED if source.random() < 0.1 else _RESERVED)
        value = source.choice(_VALUES)
        if name in _REPEATED:
            value = value.replace(PLANTED, "anything")
        pairs.insert(
            len(pairs) if source.random() < 0.9 else 0,
            (name.encode("latin-1"), value.encode("latin-1")),
        )
    if source.random() < 0.05:
        pairs += [(b"x-%d" % number, b"value") for number in range(400)]
    return CallInput("metadata", pairs, framed(Random(0), message[:4_000], ""), 1)


def _conversation(source: Random) -> bytes:
    """Return what a client sends for a few calls, with frames that it may send between them."""
    encoder = Encoder()
    sent = []
    for number in range(1, 2 * source.randrange(2, 6), 2):
        path, message = method_and_message(source)
        block = encoder.encode(_fields(path), huffman=source.random() < 0.5)
        body = framed(source, message[:2_000], "")
        sent += [frame(frames.HEADERS, _EH, number, block), frame(0, 1, number, body)]
        sent.append(source.choice(_BETWEEN)(source, number))
    return b"".join(sent)


_BETWEEN: Final[tuple[Callable[[Random, int], bytes], ...]] = (
    lambda _, number: b"",
    lambda _, number: frame(frames.RST_STREAM, 0, number, bytes(4)),
    lambda source, number: window_update(number, source.choice((0, 1, 2**31 - 1))),
    lambda source, number: window_update(0, source.choice((0, 1, 2**31 - 1))),
    lambda source, _: settings({source.choice(list(Setting)): source.choice((0, 1, 2**31))}),
    lambda source, _: frame(frames.PING, source.randrange(2), 0, source.randbytes(8)),
    lambda _, number: frame(frames.PRIORITY, 0, number, bytes(5)),
    lambda source, _: frame(source.randrange(256), source.randrange(256), 0, source.randbytes(9)),
    lambda _, number: frame(frames.GOAWAY, 0, 0, number.to_bytes(4, "big") + bytes(4)),
    lambda _, number: frame(frames.HEADERS, _WHOLE, number, b"\x83"),
)


def _frames(source: Random) -> WireInput:
    data = _conversation(source)
    return WireInput("frames", damaged(source, data) if source.random() < 0.8 else data)


def _header_blocks(source: Random) -> WireInput:
    """Return calls whose header blocks are damaged, noise or bombs, some of them in pieces."""
    encoder = Encoder()
    sent = []
    for number in range(1, 2 * source.randrange(2, 8), 2):
        block = encoder.encode(_metadata(source).fields, huffman=source.random() < 0.5)
        block = source.choice(
            (
                block,
                damaged(source, block),
                source.randbytes(source.choice((1, 20, 300))),
                b"\x3f" + source.randbytes(3) + block,
                b"\x40\x01a\x7f\x81\x1e" + b"x" * 3_968 + b"\xbe" * source.choice((1, 7, 3_000)),
            )
        )[: frames.MAX_FRAME_SIZE]
        at = source.randrange(len(block) + 1)
        if source.random() < 0.5:
            sent.append(frame(frames.HEADERS, _WHOLE, number, block))
        else:
            sent.append(frame(frames.HEADERS, frames.END_STREAM, number, block[:at]))
            sent.append(frame(frames.CONTINUATION, _EH, number, block[at:]))
    return WireInput("header blocks", b"".join(sent))


def _noise(source: Random) -> WireInput:
    return WireInput("noise", source.randbytes(source.choice((1, 9, 300, 5_000))))


_KINDS: Final[tuple[Callable[[Random], CallInput | WireInput], ...]] = (
    *[_message] * 8,
    *[_framing] * 3,
    *[_metadata] * 4,
    *[_frames] * 3,
    *[_header_blocks] * 2,
    _noise,
)
