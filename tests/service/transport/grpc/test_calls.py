"""gRPC on the wire: framing, deadlines, compression, metadata, and the errors of calls."""

import asyncio
import gzip
import struct
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import grpc
import h2.config
import h2.connection
import h2.events
import pytest

from service.transport.grpc.messages import MessageReader, with_prefix
from service.transport.grpc.status import CallError, StatusCode
from service.transport.http2 import frames
from service.transport.http2.frames import frame
from tests.service.transport.grpc.wire import (
    HELLO,
    MAX_MESSAGE,
    WHOLE,
    SmallServer,
    Wire,
    eventually,
)

HELLO_MESSAGE = with_prefix(b"hello")


def test_status_codes_are_those_of_grpc() -> None:
    assert {code.name: code.value for code in StatusCode} == {
        code.name: code.value[0] for code in grpc.StatusCode
    }


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_messages_are_cut_wherever_the_parts_end(size: int) -> None:
    body = b"".join(map(with_prefix, (b"", b"one", b"", b"three" * 9)))
    reader, found = MessageReader(100), []
    for start in range(0, len(body), size):
        part = body[start : start + size]
        found += reader.read(part, is_last=start + size >= len(body))
    assert found == [(False, b""), (False, b"one"), (False, b""), (False, b"three" * 9)]


def test_a_large_message_is_refused_before_it_is_there() -> None:
    with pytest.raises(CallError, match="limit of 100") as caught:
        MessageReader(100).read(struct.pack(">BL", 0, 101), is_last=False)
    assert caught.value.status is StatusCode.RESOURCE_EXHAUSTED


async def test_an_answer_has_a_status_and_the_callers_id(wire: Wire) -> None:
    wire.send(wire.call(1, x_request_id="mine-1"), wire.call(3, x_request_id="un sane"))
    first, second = await wire.answer(1), await wire.answer(3)
    assert first.headers == {
        ":status": "200",
        "content-type": "application/grpc",
        "grpc-status": "0",
        "x-request-id": "mine-1",
    }
    assert (first.body, second.status) == (HELLO_MESSAGE, "OK")
    assert len(second.headers["x-request-id"]) == 32


async def test_a_failure_is_told_by_headers_alone(wire: Wire) -> None:
    sentence = "50% Käse\nfür 5 €"
    wire.send(wire.call(1, sentence.encode(), "/test/Fail", x_request_id="mine"))
    answer = await wire.answer(1)
    assert (answer.status, answer.body) == ("ABORTED", b"")
    assert answer.headers["grpc-message"] == "50%25 K%C3%A4se%0Af%C3%BCr 5 %E2%82%AC"
    assert unquote(answer.headers["grpc-message"]) == sentence
    assert (answer.headers["retry-after"], answer.headers["x-request-id"]) == ("7", "mine")


async def test_a_long_sentence_is_cut(wire: Wire) -> None:
    wire.send(wire.call(1, "ß".encode() * 4_000, "/test/Fail"))
    assert set(unquote((await wire.answer(1)).headers["grpc-message"])) == {"ß"}


async def test_a_defect_is_logged_and_not_told(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.send(wire.call(1, b"", "/test/Fail"))
    answer = await wire.answer(1)
    assert answer.status == "INTERNAL"
    assert "Zero" not in answer.headers["grpc-message"]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("path", ["/test/Nothing", "/nobody/Echo", "/", "/test/Echo/"])
async def test_what_is_not_there_is_unimplemented(wire: Wire, path: str) -> None:
    wire.send(wire.call(1, path=path), wire.call(3, bytes(16_000), path=path))
    for stream in (1, 3):
        assert (await wire.answer(stream)).status == "UNIMPLEMENTED"


async def test_other_requests_get_http_statuses(wire: Wire) -> None:
    wire.send(
        wire.call(1, content_type="application/json"),
        wire.call(3, content_type=""),
        frame(frames.HEADERS, WHOLE, 5, b"\x82\x86\x84"),
    )
    assert (await wire.answer(1)).headers == {":status": "415"}
    assert (await wire.answer(3)).headers == {":status": "415"}
    assert (await wire.answer(5)).headers == {":status": "405", "allow": "POST"}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/grpc",
        "application/grpc+proto",
        "Application/gRPC",
        "application/grpc;charset=utf-8",
        "application/grpc+proto ; x=y",
    ],
)
async def test_grpc_with_protobuf_is_answered(wire: Wire, content_type: str) -> None:
    wire.send(wire.call(1, content_type=content_type))
    assert (await wire.answer(1)).status == "OK"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/grpcfoo",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc+json",
        "application/grpc+",
        "application/grpc proto",
        "text/application/grpc",
    ],
)
async def test_what_only_begins_like_grpc_is_refused(wire: Wire, content_type: str) -> None:
    wire.send(wire.call(1, content_type=content_type))
    assert (await wire.answer(1)).headers == {":status": "415"}


BAD_BODIES = {
    "no message": (b"", "UNIMPLEMENTED"),
    "two messages": (HELLO_MESSAGE * 2, "UNIMPLEMENTED"),
    "half a prefix": (HELLO_MESSAGE[:3], "INTERNAL"),
    "half a message": (HELLO_MESSAGE[:7], "INTERNAL"),
    "a message and a half": (HELLO_MESSAGE + HELLO_MESSAGE[:7], "INTERNAL"),
    "a message over the limit": (struct.pack(">BL", 0, MAX_MESSAGE + 1), "RESOURCE_EXHAUSTED"),
    "compressed by nothing": (b"\x01" + HELLO_MESSAGE[1:], "INTERNAL"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_call_takes_exactly_one_message(wire: Wire, name: str) -> None:
    body, status = BAD_BODIES[name]
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block()))
    wire.send(frame(frames.DATA, frames.END_STREAM, 1, body))
    assert (await wire.answer(1)).status == status
    wire.send(wire.call(3))
    assert (await wire.answer(3)).status == "OK"


async def test_a_call_of_headers_alone_lacks_its_message(wire: Wire) -> None:
    wire.send(frame(frames.HEADERS, WHOLE, 1, wire.block()))
    assert (await wire.answer(1)).status == "UNIMPLEMENTED"


async def test_a_message_over_the_limit_is_answered_before_it_is_there(wire: Wire) -> None:
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block()))
    wire.send(frame(frames.DATA, 0, 1, struct.pack(">BL", 0, 2**32 - 1) + bytes(1_000)))
    assert (await wire.answer(1)).status == "RESOURCE_EXHAUSTED"
    wire.send(frame(frames.DATA, 0, 1, bytes(10_000)), wire.call(3))
    assert (await wire.answer(3)).status == "OK"


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        ("100m", "DEADLINE_EXCEEDED"),
        ("1u", "DEADLINE_EXCEEDED"),
        ("0S", "DEADLINE_EXCEEDED"),
        ("1H", "OK"),
        ("99999999M", "OK"),
        ("", "OK"),
        ("5", "INVALID_ARGUMENT"),
        ("-1S", "INVALID_ARGUMENT"),
        ("1.5S", "INVALID_ARGUMENT"),
        ("123456789n", "INVALID_ARGUMENT"),
        ("٣S", "INVALID_ARGUMENT"),
    ],
)
async def test_a_deadline_ends_a_call_even_if_its_method_does_not(
    impatient: None, small: SmallServer, wire: Wire, allowed: str, status: str
) -> None:
    seconds = b"30" if status == "DEADLINE_EXCEEDED" else b"0"
    wire.send(wire.call(1, seconds, "/test/Wait", grpc_timeout=allowed))
    assert (await wire.answer(1)).status == status
    await eventually(lambda: not small.methods.running)


def compressed(data: bytes, encoding: str) -> bytes:
    packed = gzip.compress(data) if encoding == "gzip" else zlib.compress(data)
    return b"\x01" + with_prefix(packed)[1:]


async def send_compressed(wire: Wire, encoding: str, body: bytes) -> str:
    block = wire.block(grpc_encoding=encoding)
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, block))
    wire.send(frame(frames.DATA, frames.END_STREAM, 1, body))
    answer = await wire.answer(1)
    assert "grpc-encoding" not in answer.headers
    return f"{answer.status} {len(answer.body)}"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_request_may_be_compressed(wire: Wire, encoding: str) -> None:
    body = compressed(b"words " * 1_000, encoding)
    assert await send_compressed(wire, encoding, body) == "OK 6005"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_what_is_compressed_may_be_large_but_not_too_large(wire: Wire, encoding: str) -> None:
    assert await send_compressed(wire, encoding, compressed(bytes(MAX_MESSAGE + 1), encoding)) == (
        "RESOURCE_EXHAUSTED 0"
    )


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_what_is_badly_compressed_is_refused(wire: Wire, encoding: str) -> None:
    good = compressed(b"words" * 99, encoding)
    bad = b"\x01" + with_prefix(good[5:-3])[1:]
    assert await send_compressed(wire, encoding, bad) == "INTERNAL 0"


async def test_not_every_message_of_a_compressed_call_needs_to_be(wire: Wire) -> None:
    assert await send_compressed(wire, "gzip", HELLO_MESSAGE) == "OK 10"


async def test_an_unknown_compression_is_unimplemented(wire: Wire) -> None:
    wire.send(wire.call(1, grpc_encoding="snappy"))
    answer = await wire.answer(1)
    assert answer.status == "UNIMPLEMENTED"
    assert answer.headers["grpc-accept-encoding"] == "identity,gzip,deflate"


async def test_binary_metadata_is_no_matter(wire: Wire) -> None:
    wire.send(wire.call(1, some_bin="//79"))
    assert (await wire.answer(1)).status == "OK"


async def test_a_stream_answers_each_message(wire: Wire) -> None:
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block("/test/Repeat")))
    for word in (b"one", b"two", b""):
        wire.send(frame(frames.DATA, 0, 1, with_prefix(word)))
        assert (await wire.until(frames.DATA)).payload == with_prefix(word)
    wire.send(frame(frames.DATA, frames.END_STREAM, 1))
    assert (await wire.answer(1)).status == "OK"


async def test_a_stream_without_messages_ends_well(wire: Wire) -> None:
    wire.send(frame(frames.HEADERS, WHOLE, 1, wire.block("/test/Repeat")))
    assert (await wire.answer(1)).status == "OK"


async def test_questions_without_end_are_stopped(wire: Wire) -> None:
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block("/test/Repeat")))
    wire.send(*[frame(frames.DATA, 0, 1, with_prefix(b"") * 1_000)] * 9)
    answer = await wire.answer(1)
    assert answer.status == "RESOURCE_EXHAUSTED"


async def test_a_stream_ends_when_the_server_stops(small: SmallServer, wire: Wire) -> None:
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block("/test/Repeat")))
    await wire.until(frames.SETTINGS)
    wire.send(frame(frames.DATA, 0, 1, HELLO_MESSAGE))
    await wire.until(frames.DATA)
    stopping = asyncio.create_task(small.http2.stop(20))
    assert (await wire.answer(1)).status == "UNAVAILABLE"
    wire.writer.close()
    await stopping


def plain(make: Callable[..., Any], path: str) -> Any:
    """Return a method of grpc's client that takes and returns bytes."""
    return make(path, None, None)


async def test_grpcs_own_client_is_answered(small: SmallServer) -> None:
    async with grpc.aio.insecure_channel(small.target) as channel:
        names = ("Echo", "Grow", "Wait", "Fail")
        echo, grow, wait, fail = (plain(channel.unary_unary, f"/test/{name}") for name in names)
        assert await echo(b"x" * MAX_MESSAGE) == b"x" * MAX_MESSAGE
        assert await echo(b"y" * 99_999, compression=grpc.Compression.Gzip) == b"y" * 99_999
        assert len(await grow(b"4000000")) == 4_000_000
        answers = await asyncio.gather(*(echo(b"%d" % number) for number in range(600)))
        assert answers == [b"%d" % number for number in range(600)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await wait(b"30", timeout=0.1)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await fail("zu späte Käfer, 100 %".encode())
        assert caught.value.details() == "zu späte Käfer, 100 %"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await echo(b"x" * (MAX_MESSAGE + 1))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        running = wait(b"30")
        await eventually(lambda: small.methods.running == 1)
        running.cancel()
        await eventually(lambda: small.methods.running == 0)
        words = [b"a", b"b", b"c"]
        repeated = plain(channel.stream_stream, "/test/Repeat")(iter(words))
        assert [answer async for answer in repeated] == words


async def test_a_client_of_h2_is_answered(small: SmallServer) -> None:
    """h2 puts every header into its table, and checks every frame that it gets."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    async with small.connection() as wire:
        for number in range(1, 21, 2):
            fields = [
                *((":method", "POST"), (":scheme", "http"), (":path", "/test/Echo")),
                *((":authority", "test"), ("content-type", "application/grpc")),
                *(("te", "trailers"), ("x-request-id", f"id-{number}")),
            ]
            client.send_headers(number, fields)
            client.send_data(number, HELLO_MESSAGE, end_stream=True)
        found: dict[int, list[object]] = {number: [] for number in range(1, 21, 2)}
        while not all(any(isinstance(x, str) for x in events) for events in found.values()):
            wire.send(client.data_to_send())
            data = await wire.read_some()
            for event in client.receive_data(data):
                match event:
                    case h2.events.DataReceived():
                        found[event.stream_id].append(event.data)
                    case h2.events.TrailersReceived():
                        assert event.headers is not None
                        trailers = {str(name): str(value) for name, value in event.headers}
                        assert trailers["grpc-status"] == "0"
                        found[event.stream_id].append(trailers["x-request-id"])
    assert found == {number: [HELLO_MESSAGE, f"id-{number}"] for number in range(1, 21, 2)}


async def test_clients_that_come_at_the_same_time_are_answered(small: SmallServer) -> None:
    async def one(number: int) -> bytes:
        async with small.connection() as wire:
            wire.send(HELLO, wire.call(1, b"%d" % number))
            return (await wire.answer(1)).body

    answers = await asyncio.gather(*(one(number) for number in range(100)))
    assert answers == [with_prefix(b"%d" % number) for number in range(100)]
