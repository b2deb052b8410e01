"""HPACK: which header blocks are cached, and the fields of answers."""

import random

import pytest
from hpack import Decoder, Encoder

from service.transport.http2.frames import BrokenConnectionError, BrokenStreamError
from service.transport.http2.headers import (
    MAX_HEADER_LIST,
    HeaderReader,
    encoded_field,
    encoded_status,
)

FIELDS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/package.Service/Method"),
    (":authority", "somewhere:3001"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


def test_a_request_is_read() -> None:
    fields = [*FIELDS, ("content-length", "12"), ("tracestate", "a=1"), ("tracestate", "b=2")]
    request = HeaderReader().request(Encoder().encode(fields))
    assert (request.method, request.path) == ("POST", "/package.Service/Method")
    assert request.content_length == 12
    assert request.headers["tracestate"] == "a=1, b=2"
    assert ":path" not in request.headers


def test_the_same_block_is_decoded_once() -> None:
    encoder, reader = Encoder(), HeaderReader()
    reader.request(encoder.encode(FIELDS))  # which fills the table
    block = encoder.encode(FIELDS)  # which only refers to it
    assert reader.request(block) is reader.request(block)


def test_the_same_block_means_another_thing_once_the_table_has_changed() -> None:
    encoder, reader = Encoder(), HeaderReader()
    reader.request(encoder.encode([*FIELDS[:2], (":path", "/first")]))
    block = encoder.encode([*FIELDS[:2], (":path", "/first")])
    assert reader.request(block).path == "/first"
    reader.request(encoder.encode([*FIELDS[:2], (":path", "/second")]))
    assert reader.request(block).path == "/second"


def test_a_smaller_table_is_another_one() -> None:
    encoder, reader = Encoder(), HeaderReader()
    reader.request(encoder.encode(FIELDS))
    block = encoder.encode(FIELDS)
    reader.request(block)
    encoder.header_table_size = 0
    assert reader.request(encoder.encode(FIELDS)).path == "/package.Service/Method"
    with pytest.raises(BrokenConnectionError):
        reader.request(block)


def test_trailers_change_the_table_too() -> None:
    encoder, reader = Encoder(), HeaderReader()
    reader.request(encoder.encode(FIELDS))
    first = encoder.encode(FIELDS)
    assert reader.request(first).path == "/package.Service/Method"
    reader.fields(encoder.encode([("x-checksum", "1")]))
    assert reader.request(encoder.encode(FIELDS)) == HeaderReader().request(
        Encoder().encode(FIELDS)
    )


def test_requests_are_those_that_a_plain_decoder_finds() -> None:
    """Whatever is sent, in any order, cached requests never differ from decoded ones."""
    source, encoder, reader, plain = random.Random(3), Encoder(), HeaderReader(), Decoder()
    for _ in range(2_000):
        fields = [*FIELDS[:2], (":path", f"/{source.randrange(6)}")]
        fields += [(f"x-{source.randrange(5)}", str(source.randrange(3))) for _ in range(3)]
        secret = source.random() < 0.5  # then it isn't put into the table
        block = encoder.encode([(name, value, secret) for name, value in fields])
        decoded = [(str(name), str(value)) for name, value in plain.decode(block)]
        expected: dict[str, str] = {}
        for name, value in decoded[3:]:
            expected[name] = f"{expected[name]}, {value}" if name in expected else value
        request = reader.request(block)
        assert (request.path, request.headers) == (decoded[2][1], expected)


def test_a_block_that_is_no_request_still_counts_for_the_next_ones() -> None:
    encoder, reader = Encoder(), HeaderReader()
    with pytest.raises(BrokenStreamError):
        reader.request(encoder.encode(FIELDS[2:]))
    assert reader.request(encoder.encode(FIELDS)).path == "/package.Service/Method"


def test_what_is_kept_is_bounded() -> None:
    encoder, reader = Encoder(), HeaderReader()
    for number in range(1_000):
        fields = [(name, value, True) for name, value in [*FIELDS, ("x-id", str(number))]]
        assert reader.request(encoder.encode(fields)).headers["x-id"] == str(number)
    assert len(reader._heads) <= 16


def test_a_list_over_the_limit_is_refused() -> None:
    with pytest.raises(BrokenConnectionError, match=str(MAX_HEADER_LIST)):
        HeaderReader().request(Encoder().encode([*FIELDS, ("a", "x" * MAX_HEADER_LIST)]))


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 256, 5_000])
def test_fields_of_answers_can_be_decoded(size: int) -> None:
    block = encoded_status(200) + encoded_field("grpc-message", "x" * size)
    decoded = [(str(name), str(value)) for name, value in Decoder().decode(block)]
    assert decoded == [(":status", "200"), ("grpc-message", "x" * size)]
