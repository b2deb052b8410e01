"""The parts of the service without I/O, as functions of bytes, for a fuzzer to call.

Whatever the bytes are, a target raises nothing but what the service raises for bad input.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from random import Random
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from service.admission import Account
from service.api.reading.base64_text import decode_base64
from service.api.reading.charsets import decode_json, decode_text
from service.api.reading.content_encoding import read_encodings
from service.api.reading.forms import read_images, read_samples, read_tensors, read_texts
from service.api.trident import grpc_tensors
from service.api.trident import inference_pb2 as messages
from service.errors import TridentError
from service.tasks.preprocessing.arrays import read_array
from service.tasks.preprocessing.images import decode_image, decoding_bytes, pixel_count
from service.transport.compression import FORMATS as COMPRESSIONS
from service.transport.compression import decompress
from service.transport.grpc.messages import MessageReader
from service.transport.grpc.status import CallError
from service.transport.http1.head import Head
from service.transport.http1.reader import RequestReader
from service.transport.http2.protocol import ServerProtocol
from service.transport.http2.stream import Stream
from tests.service.fuzzing import bodies, image_files
from tests.service.fuzzing.http_requests import clear_request
from tests.service.fuzzing.smuggling import smuggled

_MOST_PIXELS: Final = 100_000
_MOST_BYTES: Final = 1_000_000
_DTYPES: Final = ("float32", "int64", "bool", "string", "bfloat16")


class Target(NamedTuple):
    """A function of bytes, and inputs from which a fuzzer starts."""

    run: Callable[[bytes], None]
    samples: Callable[[], Iterable[bytes]]


class _Requests:
    """Takes what a reader of HTTP/1 reads."""

    def __init__(self) -> None:
        self.is_refused = False
        self.has_head = False

    def on_head(self, head: Head) -> None:
        assert head.version in ("1.0", "1.1")
        assert not self.is_refused
        self.has_head = True

    def on_body(self, part: bytes) -> None:
        assert self.has_head
        assert not self.is_refused

    def on_end(self) -> None:
        assert self.has_head
        self.has_head = False

    def has_waiting(self) -> bool:
        return False

    def refuse(self, error: TridentError) -> None:
        assert str(error).endswith(".")
        self.is_refused = True


def _read_http1(data: bytes) -> None:
    """Read requests whole, and again in pieces: both must find the same number of them."""
    found = []
    for size in (len(data), 7):
        receiver = _Requests()
        reader = RequestReader(receiver)
        for piece in _pieces(data, size):
            reader.feed(piece)
            if receiver.is_refused:
                break
        found.append((reader.requests, receiver.is_refused))
        reader.close()
    assert found[0] == found[1], found


def _receive_http2(data: bytes) -> None:
    protocol = ServerProtocol(Account(_MOST_BYTES), now=0.0)
    streams: set[Stream] = set()
    for piece in _pieces(data, 50):
        for stream, _ in protocol.receive(piece):
            streams.add(stream)
        while protocol.data_to_send():
            for _ in protocol.events():
                pass
    protocol.close()
    for _ in protocol.events():
        pass
    assert not protocol.streams


def _read_form(data: bytes) -> None:
    content_type, _, body = data.partition(b"\n")
    with suppress(TridentError):
        read_images(content_type.decode("latin-1"), body, 32)


def _read_text(data: bytes) -> None:
    content_type, _, body = data.partition(b"\n")
    for read in (read_texts, read_tensors, read_samples):
        with suppress(TridentError):
            read(content_type.decode("latin-1"), body, 32)


def _read_charset(data: bytes) -> None:
    charset, _, body = data.partition(b"\n")
    for decode in (decode_text, decode_json):
        with suppress(TridentError):
            decode(body, charset.decode("latin-1"))


def _read_arrays(data: bytes) -> None:
    with suppress(TridentError):
        inputs = read_tensors("application/json", data, 1).inputs[0]
        for value in inputs.values():
            for dtype in _DTYPES:
                with suppress(TridentError):
                    read_array("x", value, dtype)


def _read_grpc_arrays(data: bytes) -> None:
    with suppress(DecodeError):
        grpc_tensors.read_tensors(messages.PredictRequest.FromString(data).inputs)
    dtype, shape, content = [*data.split(b"\n", 2), b"", b""][:3]
    sizes = [int.from_bytes(shape[at : at + 2], "big", signed=True) for at in range(len(shape))]
    named = dtype.decode("latin-1")
    for sent in (sizes, [2**40 * size for size in sizes], [1] * len(shape)):
        array = messages.Tensor(dtype=named, shape=sent, content=content)
        grpc_tensors.read_tensors({"x": array})


def _read_grpc_messages(data: bytes) -> None:
    reader = MessageReader(_MOST_BYTES)
    with suppress(CallError):
        for piece in _pieces(data, 11):
            reader.read(piece, is_last=False)
        reader.read(b"", is_last=True)


def _decode_base64(data: bytes) -> None:
    for text in (data, data.decode("latin-1")):
        with suppress(TridentError):
            decode_base64(text)


def _decompress(data: bytes) -> None:
    header, _, body = data.partition(b"\n")
    with suppress(TridentError):
        read_encodings(header.decode("latin-1"))
    for compression in COMPRESSIONS:
        with suppress(TridentError):
            assert len(decompress(body, compression, _MOST_BYTES)) <= _MOST_BYTES


def _decode_image(data: bytes) -> None:
    for channels in (1, 3):
        with suppress(TridentError):
            assert pixel_count(data) >= 0
            assert decoding_bytes(data, channels=channels) >= 0
            decode_image(data, channels=channels, max_pixels=_MOST_PIXELS)


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), max(1, size)))


def _made(make: Callable[[Random], bytes], count: int = 60) -> list[bytes]:
    return [make(Random(number)) for number in range(count)]


def _described(make: Callable[[Random], bodies.Body], source: Random) -> bytes:
    """Return a body behind a line with its type."""
    body = make(source)
    return body.content_type.encode("latin-1", "replace") + b"\n" + body.content


def _http1_samples() -> list[bytes]:
    return [*_made(lambda source: clear_request(source)[0]), *_made(smuggled)]


def _http2_samples() -> list[bytes]:
    from tests.service.transport.http2.test_random_input import conversation

    return [conversation(number) for number in range(30)]


def _image_samples() -> list[bytes]:
    return [data for name in image_files.FORMATS for data in image_files.samples(name)]


def _array_message() -> list[bytes]:
    arrays = {
        "x": messages.Tensor(dtype="float32", shape=[1, 3], content=struct.pack("<3f", 1, 2, 3)),
        "s": messages.Tensor(dtype="string", shape=[2], strings=[b"a", b"b"]),
    }
    message = messages.PredictRequest(inputs=arrays).SerializeToString()
    return [message, b"float32\n\0\1\nabcd", b"uint8\n\0\0\n", b"bfloat16\n\na"]


TARGETS: Final = {
    "http1": Target(_read_http1, _http1_samples),
    "http2": Target(_receive_http2, _http2_samples),
    "form": Target(_read_form, lambda: _made(partial(_described, bodies.form_body))),
    "json": Target(_read_text, lambda: _made(partial(_described, bodies.json_body))),
    "samples": Target(_read_text, lambda: _made(partial(_described, bodies.sample_body))),
    "charset": Target(_read_charset, lambda: [b"utf-16\n" + "text".encode("utf-16"), b"hz\n~{VP"]),
    "arrays": Target(_read_arrays, lambda: _made(lambda s: bodies.tensor_body(s).content)),
    "grpc arrays": Target(_read_grpc_arrays, _array_message),
    "grpc messages": Target(_read_grpc_messages, lambda: [b"\0\0\0\0\3abc", b"\1\0\0\0\1a" * 3]),
    "base64": Target(_decode_base64, lambda: [b"YWJj", b"data:image/png;base64,YWJj", b"YW-_\n="]),
    "compression": Target(_decompress, lambda: [b"gzip, deflate\n" + bodies.bombs()[0]]),
    "image": Target(_decode_image, _image_samples),
}
"""The targets by name."""
