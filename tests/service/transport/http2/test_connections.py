"""The rules of HTTP/2, each kept and broken frame by frame (RFC 9113)."""

import asyncio
import struct

from service.transport.grpc.messages import with_prefix
from service.transport.http2 import frames
from service.transport.http2.flow import CONNECTION_WINDOW, DEFAULT_WINDOW, STREAM_WINDOW
from service.transport.http2.frames import ErrorCode, Setting, frame
from service.transport.http2.headers import MAX_HEADER_LIST
from service.transport.http2.streams import MAX_STREAMS
from tests.service.transport.grpc.wire import HELLO, WHOLE, SmallServer, Wire, eventually

HELLO_MESSAGE = with_prefix(b"hello")


def setting(name: int, value: int) -> bytes:
    return frame(frames.SETTINGS, 0, 0, struct.pack(">HL", name, value))


async def test_the_first_frame_tells_the_settings(small: SmallServer) -> None:
    async with small.connection() as silent:
        hello = await silent.read()
        assert hello is not None
        assert (hello.kind, hello.flags, hello.stream) == (frames.SETTINGS, 0, 0)
        assert dict(struct.iter_unpack(">HL", hello.payload)) == {
            Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST,
        }
        update = await silent.until(frames.WINDOW_UPDATE)
        assert int.from_bytes(update.payload, "big") == CONNECTION_WINDOW - DEFAULT_WINDOW


async def test_settings_and_pings_are_answered(wire: Wire) -> None:
    acknowledgement = await wire.until(frames.SETTINGS)
    while not acknowledgement.flags & frames.ACK:
        acknowledgement = await wire.until(frames.SETTINGS)
    wire.send(frame(frames.PING, 0, 0, b"12345678"))
    answer = await wire.until(frames.PING)
    assert (answer.flags, answer.payload) == (frames.ACK, b"12345678")


async def test_a_small_call_is_answered_by_three_frames(wire: Wire) -> None:
    await wire.until(frames.WINDOW_UPDATE)
    await wire.until(frames.SETTINGS)
    for stream in (1, 3, 5):
        wire.send(wire.call(stream))
        kinds = [found.kind for _ in range(3) if (found := await wire.read())]
        assert kinds == [frames.HEADERS, frames.DATA, frames.HEADERS]


async def test_frames_may_come_byte_by_byte(small: SmallServer) -> None:
    async with small.connection() as wire:
        for byte in HELLO + wire.call(1):
            wire.send(bytes((byte,)))
            await wire.writer.drain()
            await asyncio.sleep(0)
        assert (await wire.answer(1)).body == HELLO_MESSAGE


async def test_many_calls_may_come_at_once(wire: Wire) -> None:
    numbers = range(1, 2 * MAX_STREAMS, 2)
    wire.send(*(wire.call(number, b"%d" % number) for number in numbers))
    for number in numbers:
        assert (await wire.answer(number)).body == with_prefix(b"%d" % number)


async def test_padding_priorities_and_unknown_frames_are_no_matter(wire: Wire) -> None:
    head = b"\x03" + b"\x00\x00\x00\x00\x10" + wire.block() + bytes(3)
    flags = frames.END_HEADERS | frames.PADDED | frames.PRIORITISED
    wire.send(
        frame(0xFE, 0xFF, 77, b"unknown"),
        frame(frames.PRIORITY, 0, 1, b"\x00\x00\x00\x00\x10"),
        frame(frames.HEADERS, flags, 1, head),
        frame(frames.DATA, frames.PADDED, 1, b"\x05" + HELLO_MESSAGE[:3] + bytes(5)),
        frame(frames.DATA, 0, 1, HELLO_MESSAGE[3:]),
        frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\x02" + bytes(2)),
    )
    assert (await wire.answer(1)).body == HELLO_MESSAGE


async def test_headers_may_be_continued(wire: Wire) -> None:
    block = wire.block()
    wire.send(
        frame(frames.HEADERS, 0, 1, block[:4]),
        frame(frames.CONTINUATION, 0, 1, block[4:9]),
        frame(frames.CONTINUATION, frames.END_HEADERS, 1, block[9:]),
        frame(frames.DATA, frames.END_STREAM, 1, HELLO_MESSAGE),
    )
    assert (await wire.answer(1)).body == HELLO_MESSAGE


async def test_a_request_may_have_trailers(wire: Wire) -> None:
    trailers = wire.encoder.encode([("x-checksum", "1")])
    wire.send(
        frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block()),
        frame(frames.DATA, 0, 1, HELLO_MESSAGE),
        frame(frames.HEADERS, WHOLE, 1, trailers),
    )
    assert (await wire.answer(1)).body == HELLO_MESSAGE


async def test_what_comes_late_on_an_answered_stream_is_no_mistake(wire: Wire) -> None:
    wire.send(
        frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block("/no/Method")),
        frame(frames.DATA, 0, 1, HELLO_MESSAGE),
        frame(frames.WINDOW_UPDATE, 0, 1, b"\x00\x00\x00\x01"),
        frame(frames.HEADERS, WHOLE, 1, wire.encoder.encode([("x-late", "1")])),
        frame(frames.RST_STREAM, 0, 1, bytes(4)),
    )
    assert (await wire.answer(1)).status == "UNIMPLEMENTED"
    wire.send(wire.call(3, x_late="1"))
    assert (await wire.answer(3)).body == HELLO_MESSAGE


PROTOCOL = ErrorCode.PROTOCOL_ERROR


async def test_a_broken_rule_of_the_connection_ends_it(small: SmallServer) -> None:
    """Which rules there are is told in `rules`."""
    async with small.wire() as wire:
        wire.send(wire.call(1, b"30", "/test/Wait"), frame(frames.PING, 0, 1, bytes(8)))
        assert await wire.end() == PROTOCOL
    await eventually(lambda: not small.methods.running)
    assert await small.works()


async def test_a_broken_rule_of_a_stream_ends_that_alone(wire: Wire) -> None:
    opened = frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block())
    wire.send(opened, frame(frames.PRIORITY, 0, 1, bytes(4)))
    assert (await wire.answer(1)).reset == ErrorCode.FRAME_SIZE_ERROR
    wire.send(wire.call(3))
    assert (await wire.answer(3)).body == HELLO_MESSAGE


async def test_a_malformed_request_is_reset(wire: Wire) -> None:
    wire.send(wire.call(1, connection="close"), wire.call(3))
    assert (await wire.answer(1)).reset == PROTOCOL
    assert (await wire.answer(3)).body == HELLO_MESSAGE


async def test_a_request_to_connect_is_refused(wire: Wire) -> None:
    block = wire.encoder.encode([(":method", "CONNECT"), (":authority", "a:1")])
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, block))
    answer = await wire.answer(1)
    assert (answer.headers[":status"], answer.reset) == ("405", None)


async def test_data_after_the_end_of_a_request_is_reset(small: SmallServer, wire: Wire) -> None:
    wire.send(wire.call(1, b"30", "/test/Wait"), frame(frames.DATA, 0, 1, b"more"))
    assert (await wire.answer(1)).reset == ErrorCode.STREAM_CLOSED
    await eventually(lambda: not small.methods.running)


async def test_whoever_speaks_otherwise_is_sent_away(small: SmallServer) -> None:
    async with small.connection() as stranger:
        stranger.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await stranger.end() == PROTOCOL


async def test_a_reset_cancels_the_call(small: SmallServer, wire: Wire) -> None:
    wire.send(wire.call(1, b"30", "/test/Wait"))
    await eventually(lambda: small.methods.running == 1)
    wire.send(frame(frames.RST_STREAM, 0, 1, b"\x00\x00\x00\x08"))
    await eventually(lambda: small.methods.cancelled == 1)


async def test_a_lost_connection_cancels_its_calls(small: SmallServer) -> None:
    async with small.wire() as wire:
        wire.send(*(wire.call(number, b"30", "/test/Wait") for number in (1, 3, 5)))
        await eventually(lambda: small.methods.running == 3)
    await eventually(lambda: small.methods.cancelled == 3)


async def test_streams_over_the_limit_are_refused(small: SmallServer, wire: Wire) -> None:
    last = 2 * MAX_STREAMS + 1
    wire.send(*(wire.call(n, b"30", "/test/Wait") for n in range(1, last, 2)), wire.call(last))
    assert (await wire.answer(last)).reset == ErrorCode.REFUSED_STREAM
    assert small.methods.running == MAX_STREAMS
    wire.send(frame(frames.RST_STREAM, 0, 1, bytes(4)), wire.call(last + 2))
    assert (await wire.answer(last + 2)).body == HELLO_MESSAGE


async def test_stopping_finishes_what_was_begun_and_refuses_the_rest(small: SmallServer) -> None:
    async with small.wire() as wire:
        wire.send(wire.call(1, b"0.5", "/test/Wait"))
        await eventually(lambda: small.methods.running == 1)
        stopping = asyncio.create_task(small.http2.stop(20))
        first = await wire.until(frames.GOAWAY)
        assert int.from_bytes(first.payload[:4], "big") == frames.MAX_STREAM
        wire.send(wire.call(3))  # which it couldn't know better than to send
        ping = await wire.until(frames.PING)
        assert (await wire.answer(3)).body == HELLO_MESSAGE
        wire.send(frame(frames.PING, frames.ACK, 0, ping.payload))
        second = await wire.until(frames.GOAWAY)
        assert (int.from_bytes(second.payload[:4], "big"), second.code) == (3, 0)
        wire.send(wire.call(5))
        assert (await wire.answer(5)).reset == ErrorCode.REFUSED_STREAM
        assert (await wire.answer(1)).body == with_prefix(b"0.5")
        assert await wire.read() is None
    await stopping


async def test_what_lasts_longer_than_the_grace_is_cut_off(small: SmallServer) -> None:
    async with small.wire() as wire:
        wire.send(wire.call(1, b"30", "/test/Wait"))
        await eventually(lambda: small.methods.running == 1)
        await small.http2.stop(0.1)
        assert await wire.end() == ErrorCode.NO_ERROR
    await eventually(lambda: small.methods.cancelled == 1)
