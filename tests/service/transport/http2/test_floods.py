"""Hostile peers: each is disconnected or tolerated, and the others are still answered."""

import random

import pytest

from service.transport.grpc.messages import with_prefix
from service.transport.http2 import frames
from service.transport.http2.frames import ErrorCode, frame, settings, window_update
from service.transport.http2.headers import MAX_HEADER_LIST
from tests.service.transport.grpc.wire import HELLO, WHOLE, SmallServer, Wire, eventually

CALM = ErrorCode.ENHANCE_YOUR_CALM
NUMBER = 20_000  # more of anything than a well-behaved client sends in a second
RESET = b"\x00\x00\x00\x08"


def opened(wire: Wire, number: int) -> bytes:
    return frame(frames.HEADERS, frames.END_HEADERS, number, wire.block())


async def test_rapid_resets_are_stopped(small: SmallServer) -> None:
    """CVE-2023-44487: streams that are opened and reset at once."""
    async with small.wire() as wire:
        for number in range(1, NUMBER, 2):
            wire.send(wire.call(number, b"30", "/test/Wait"))
            wire.send(frame(frames.RST_STREAM, 0, number, RESET))
        assert await wire.end() == CALM
    await eventually(lambda: not small.methods.running)
    assert await small.works()


MISTAKES = {
    "a window by 0": lambda number: window_update(number, 0),
    "a window too large": lambda number: window_update(number, 2**31 - 1),
    "data after the end": lambda number: frame(frames.DATA, 0, number, b"x"),
    "headers after the end": lambda number: frame(frames.HEADERS, WHOLE, number, b"\x83"),
    "a priority too short": lambda number: frame(frames.PRIORITY, 0, number, bytes(4)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_mistakes_that_make_the_server_reset_are_stopped(
    small: SmallServer, mistake: str
) -> None:
    """CVE-2025-8671: the same, through the server's own resets."""
    async with small.wire() as wire:
        for number in range(1, NUMBER, 2):
            wire.send(wire.call(number, b"30", "/test/Wait"), MISTAKES[mistake](number))
        assert await wire.end() == CALM
    await eventually(lambda: not small.methods.running)
    assert await small.works()


async def test_malformed_requests_are_stopped(small: SmallServer) -> None:
    async with small.wire() as wire:
        numbers = range(1, NUMBER, 2)
        wire.send(*(frame(frames.HEADERS, WHOLE, number, b"\x83") for number in numbers))
        assert await wire.end() == CALM
    assert await small.works()


async def test_streams_far_over_the_limit_are_stopped(small: SmallServer) -> None:
    async with small.wire() as wire:
        wire.send(*(opened(wire, number) for number in range(1, NUMBER, 2)))
        assert await wire.end() == CALM
    assert await small.works()


FLOODS = {
    "pings": frame(frames.PING, 0, 0, bytes(8)),
    "settings": settings({frames.Setting.INITIAL_WINDOW_SIZE: 1}),
    "acknowledgements": frame(frames.SETTINGS, frames.ACK, 0),
    "empty data": frame(frames.DATA, 0, 1),
    "tiny data": frame(frames.DATA, 0, 1, b"\x00"),
    "padding": frame(frames.DATA, frames.PADDED, 1, b"\x00"),
    "priorities": frame(frames.PRIORITY, 0, 7, bytes(5)),
    "unknown frames": frame(0xCC, 0, 0),
    "windows": window_update(0, 1),
    "farewells": frame(frames.GOAWAY, 0, 0, bytes(8)),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_idle_frames_is_stopped(small: SmallServer, name: str) -> None:
    async with small.wire() as wire:
        wire.send(opened(wire, 1), FLOODS[name] * (2 * NUMBER))
        assert await wire.end() == CALM
    assert await small.works()


async def test_a_flood_whose_answers_are_not_read_is_stopped(small: SmallServer) -> None:
    """CVE-2019-9512: neither answers nor frames that need answers may accumulate."""
    async with small.connection() as deaf:
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
        deaf.send(HELLO, frame(frames.PING, 0, 0, bytes(8)) * NUMBER)
        await eventually(lambda: all(c._is_closing for c in small.http2._connections))
    assert await small.works()


async def test_headers_without_end_are_stopped(small: SmallServer) -> None:
    """CVE-2024-27316: endless CONTINUATION frames, with and without content."""
    for part in (b"\x00\x01a\x01b" * 100, b""):
        async with small.wire() as wire:
            wire.send(frame(frames.HEADERS, 0, 1, b"\x83"))
            wire.send(frame(frames.CONTINUATION, 0, 1, part) * 5_000)
            assert await wire.end() == CALM
    assert await small.works()


async def test_headers_that_grow_when_they_are_decoded_are_stopped(small: SmallServer) -> None:
    """A few bytes that refer to a large entry of the table again and again."""
    async with small.wire() as wire:
        entry = b"\x40\x01a\x7f" + b"\x81\x1e" + bytes(b"x" * 4_000)
        wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, entry + b"\xbe" * 10_000))
        assert await wire.end() == CALM
    assert await small.works()


async def test_headers_up_to_the_limit_are_taken(wire: Wire) -> None:
    wire.send(wire.call(1, x_long="x" * (MAX_HEADER_LIST // 3)))
    assert (await wire.answer(1)).body == with_prefix(b"hello")


async def test_random_bytes_and_random_frames_do_no_harm(small: SmallServer) -> None:
    source = random.Random(7)
    for _ in range(150):
        async with small.wire() as wire:
            await wire.until(frames.WINDOW_UPDATE)
            if source.random() < 0.2:
                wire.send(source.randbytes(source.randrange(1, 400)))
            for _ in range(source.randrange(1, 30)):
                wire.send(random_frame(source, wire))
            await wire.writer.drain()
    assert await small.works()
    await eventually(lambda: not small.methods.running)


def random_frame(source: random.Random, wire: Wire) -> bytes:
    """Return a frame that is mostly valid, and wrong in some ways."""
    kind = source.choice((*range(10), frames.HEADERS, frames.DATA, source.randrange(256)))
    number = source.choice((0, 1, 1, 3, 3, 5, 7, 2, source.randrange(2**31)))
    flags = source.choice((0, 1, 4, 5, 5, 5, source.randrange(256)))
    paths = ("/test/Echo", "/test/Wait", "/test/Repeat", "/test/Fail", "/")
    payloads = {
        frames.DATA: with_prefix(source.randbytes(source.randrange(20))),
        frames.HEADERS: wire.block(source.choice(paths)),
        frames.SETTINGS: bytes(1) + source.randbytes(5),
        frames.WINDOW_UPDATE: source.randrange(2**31).to_bytes(4, "big"),
        frames.RST_STREAM: bytes(4),
        frames.PING: bytes(8),
    }
    payload = payloads.get(kind, source.randbytes(source.randrange(12)))
    if source.random() < 0.1:
        payload = payload[: source.randrange(len(payload) + 1)] + source.randbytes(2)
    return frame(kind, flags, number, payload)
