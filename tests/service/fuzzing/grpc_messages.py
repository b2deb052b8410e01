"""Messages of every method with every kind of fault: protobuf, and gRPC's framing of it."""

import gzip
import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from service.api.trident import inference_pb2 as messages
from tests.service.fuzzing.bodies import PLANTED
from tests.service.fuzzing.damage import damaged, spliced
from tests.service.fuzzing.image_files import FORMATS, image_file, samples

_INFERENCE: Final = "/trident.v1.Inference"
_MOST: Final = 48 * 1024  # bytes: a stream's window lets 64 KiB through at once
_NAMES: Final = (
    "",
    "digits",
    "sentiment",
    "pair",
    "sequence",
    "mood",
    "sketch",
    "nothing",
    "../x",
    "x" * 5_000,
)
_TEXTS: Final = ("", "A wonderful film.", PLANTED, "\0", "\U0001f600" * 50, "a" * 5_000)
_DTYPES: Final = ("float32", "int32", "int64", "string", "bool", "bfloat16", "complex64", "", "x")
_SIZES: Final = (0, 1, 2, 3, -1, 2**31, 2**62, -(2**63))


def method_and_message(source: Random) -> tuple[str, bytes]:
    """Return the path of a method and a message, mostly one of its own."""
    path, make = source.choice(_METHODS)
    message = make(source).SerializeToString()
    if len(message) > _MOST:
        message = message[:_MOST]
    change = source.random()
    if change < 0.5:
        message = damaged(source, message)
    elif change < 0.6:
        message = spliced(source, message, source.choice(_METHODS)[1](source).SerializeToString())
    elif change < 0.75:
        message = source.choice(_FORGERIES)(source)
    return path, message[:_MOST]


def framed(source: Random, message: bytes, encoding: str) -> bytes:
    """Return a request's body: the message as it should be, or not quite."""
    compressed = encoding in ("gzip", "deflate") and source.random() < 0.8
    if compressed:
        message = (gzip.compress if encoding == "gzip" else zlib.compress)(message)
        if source.random() < 0.3:
            message = damaged(source, message)
    right = struct.pack(">BL", compressed, len(message)) + message
    return source.choice(
        (
            *[right] * 8,
            b"",
            right + right,
            right[:-1],
            right[: source.randrange(6)],
            right + b"\0",
            struct.pack(">BL", source.randrange(256), len(message)) + message,
            struct.pack(">BL", 0, source.choice((2**31, 2**32 - 1, len(message) + 1))) + message,
            struct.pack(">BL", 0, 0) * source.choice((1, 2, 150)),
            damaged(source, right),
        )
    )


def _choice(source: Random) -> messages.ModelChoice:
    return messages.ModelChoice(
        name=source.choice(_NAMES),
        version=source.choice((0, 0, 0, 1, 2, -1, 2**62)),
        label=source.choice(("", "", "", "stable", "canary", "latest", "\n")),
    )


def _images(source: Random) -> list[bytes]:
    if source.random() < 0.4:
        small = [image for image in samples(source.choice(FORMATS)) if len(image) < _MOST]
        return [source.choice(small) for _ in range(source.choice((0, 1, 1, 1, 2, 40)))]
    return [image_file(source) for _ in range(source.choice((0, 1, 1, 2)))]


def _classify(source: Random) -> Message:
    return messages.ClassifyRequest(images=_images(source), model=_choice(source))


def _embed(source: Random) -> Message:
    return messages.EmbedRequest(images=_images(source), model=_choice(source))


def _texts(source: Random) -> list[str]:
    return [source.choice(_TEXTS) for _ in range(source.choice((0, 1, 1, 2, 40)))]


def _sentiment(source: Random) -> Message:
    return messages.SentimentRequest(texts=_texts(source), model=_choice(source))


def _tensor(source: Random) -> messages.Tensor:
    shape = [source.choice(_SIZES) for _ in range(source.choice((0, 1, 2, 3, 40)))]
    if source.random() < 0.5:
        shape = [source.choice((1, 2, 3)) for _ in range(source.randrange(3))]
    return messages.Tensor(
        dtype=source.choice(_DTYPES),
        shape=shape,
        content=source.randbytes(source.choice((0, 4, 8, 12, 24, 1_000))),
        strings=[source.randbytes(3) for _ in range(source.choice((0, 0, 1, 3)))],
    )


def _samples(source: Random) -> messages.Samples:
    numbers = (None, None, 0, 1, 3, 64, 65, 2**32 - 1)
    return messages.Samples(
        label=source.choice(("", "", "7", "7", "ten", PLANTED)),
        count=source.choice(numbers),
        seed=source.choice(numbers),
    )


def _generate(source: Random) -> Message:
    wanted = _samples(source).SerializeToString()  # a GenerateRequest has the same fields
    request = messages.GenerateRequest.FromString(wanted)
    request.model.CopyFrom(_choice(source))
    return request


def _predict(source: Random) -> Message:
    names = source.choice((("x", "weight"), ("ids",), ("x",), ("text",), ("", "unknown"), ()))
    return messages.PredictRequest(
        images=_images(source) if source.random() < 0.2 else [],
        texts=_texts(source) if source.random() < 0.2 else [],
        inputs={name: _tensor(source) for name in names},
        samples=_samples(source) if source.random() < 0.2 else None,
        model=_choice(source),
    )


def _health(source: Random) -> Any:
    names = ("", "trident.v1.Inference", "nothing", PLANTED)
    return health_pb2.HealthCheckRequest(service=source.choice(names))


def _reflection(source: Random) -> Any:
    field = source.choice(
        (
            "file_by_filename",
            "file_containing_symbol",
            "list_services",
            "all_extension_numbers_of_type",
        )
    )
    names = ("", "trident.v1.Inference", "inference.proto", "../../etc/hostname", "x" * 5_000)
    return reflection_pb2.ServerReflectionRequest(**{field: source.choice(names)})


_METHODS: Final[tuple[tuple[str, Callable[[Random], Any]], ...]] = (
    (f"{_INFERENCE}/Classify", _classify),
    (f"{_INFERENCE}/Embed", _embed),
    (f"{_INFERENCE}/Sentiment", _sentiment),
    (f"{_INFERENCE}/Generate", _generate),
    (f"{_INFERENCE}/Predict", _predict),
    (f"{_INFERENCE}/Predict", _predict),
    ("/grpc.health.v1.Health/Check", _health),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", _reflection),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", _reflection),
    (f"{_INFERENCE}/Nothing", _health),
)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes((*encoded, number))


_FORGERIES: Final[tuple[Callable[[Random], bytes], ...]] = (
    lambda source: source.randbytes(source.choice((1, 10, 1_000))),
    lambda _: b"",
    lambda _: b"\x0b" * 200,  # groups in groups
    lambda _: b"\x0b" * 40_000,
    lambda _: b"\x12\x7f" * 200,  # messages in messages, each longer than the rest
    lambda source: b"\x0a" + _varint(source.choice((2**31 - 1, 2**32, 2**63, 2**64 - 1))),
    lambda _: b"\x0a" + b"\xff" * 20,  # a number without an end
    lambda _: b"\x0a\x00" * 20_000,  # many empty inputs
    lambda _: b"\x0a\x02\xff\xfe",  # a text that isn't UTF-8
    lambda _: b"\x00\x01",  # field 0
    lambda source: bytes((source.randrange(256),)) * source.choice((1, 9, 300)),
    lambda source: _varint(source.randrange(2**29) << 3 | source.randrange(8)) + b"\x01" * 9,
)
