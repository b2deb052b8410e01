"""Flow control: large bodies both ways, windows that stay shut, peers that don't read."""

import struct

import pytest

from service.grpc.http2 import connection, frames
from service.grpc.http2.flow import (
    CONNECTION_WINDOW,
    DEFAULT_WINDOW,
    ReceiveWindow,
)
from service.grpc.http2.frames import (
    BrokenConnectionError,
    ErrorCode,
    Setting,
    frame,
    settings,
    window_update,
)
from service.grpc.messages import with_prefix
from tests.service.grpc.wire import (
    MAX_MESSAGE,
    SmallServer,
    Wire,
    eventually,
    small_server,
)
from tests.service.live_server import free_port

LARGE = 1_000_000


def test_a_window_is_renewed_when_half_of_it_is_used() -> None:
    window = ReceiveWindow(100)
    assert [window.take(30), window.take(20), window.take(49), window.take(1)] == [0, 50, 0, 50]
    window.take(40)
    with pytest.raises(BrokenConnectionError):
        window.take(61)


async def send_large(wire: Wire, stream: int, size: int) -> None:
    """Send the largest message, within the windows that the server gave."""
    body = with_prefix(bytes(size))
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, stream, wire.block()))
    for start in range(0, len(body), 16_384):
        flags = frames.END_STREAM if start + 16_384 >= len(body) else 0
        wire.send(frame(frames.DATA, flags, stream, body[start : start + 16_384]))
        await wire.writer.drain()


async def test_windows_grow_with_what_is_sent(wire: Wire) -> None:
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 2**31 - 1}), window_update(0, 2**30))
    got = {0: DEFAULT_WINDOW, 1: 0}
    calls = 3 * CONNECTION_WINDOW // MAX_MESSAGE
    for number in range(1, 2 * calls, 2):
        await send_large(wire, number, MAX_MESSAGE)
        while True:
            found = await wire.read()
            assert found is not None
            if found.kind == frames.WINDOW_UPDATE and found.stream == 0:
                got[0] += int.from_bytes(found.payload, "big")
            if found.kind == frames.HEADERS and found.flags & frames.END_STREAM:
                break
    assert got[0] >= calls * MAX_MESSAGE


async def test_requests_that_are_never_whole_are_bounded(
    small: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection could make the server hold a message of the largest size for each stream."""
    monkeypatch.setattr(connection, "MAX_HELD", 6 * LARGE)
    async with small.wire() as wire:
        wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 2 * LARGE}), window_update(0, 2 * LARGE))
        for stream in range(1, 41, 2):
            wire.send(frame(frames.HEADERS, frames.END_HEADERS, stream, wire.block()))
            wire.send(frame(frames.DATA, 0, stream, with_prefix(bytes(LARGE))[:16_384]))
            for _ in range(LARGE // 16_384 - 1):
                wire.send(frame(frames.DATA, 0, stream, bytes(16_384)))
            await wire.writer.drain()
        assert (await wire.until(frames.RST_STREAM)).code == ErrorCode.ENHANCE_YOUR_CALM
        wire.send(frame(frames.PING, 0, 0, bytes(8)))
        await wire.until(frames.PING)  # all that went before it has been read
        (open_connection,) = small.listener._connections
        held = sum(stream.held for stream in open_connection._streams.values())
        assert LARGE < held <= 6 * LARGE + CONNECTION_WINDOW // 2
        last = bytes(5 + LARGE - LARGE // 16_384 * 16_384)
        wire.send(frame(frames.DATA, frames.END_STREAM, 39, last))
        assert (await wire.answer(39)).body == with_prefix(bytes(LARGE))


async def test_an_answer_waits_for_the_streams_window(wire: Wire) -> None:
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 10}), window_update(0, 2**30))
    wire.send(wire.call(1, b"1000", "/test/Grow"))
    first = await wire.until(frames.DATA)
    assert len(first.payload) == 10
    wire.send(window_update(1, 1))
    assert len((await wire.until(frames.DATA)).payload) == 1
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 500}))
    assert len((await wire.until(frames.DATA)).payload) == 490
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 0}), window_update(1, 500))
    wire.send(frame(frames.PING, 0, 0, bytes(8)))
    assert (await wire.until(frames.DATA, frames.PING)).kind == frames.PING
    wire.send(window_update(1, 504))
    assert len((await wire.answer(1)).body) == 504


async def test_answers_wait_for_the_connections_window(wire: Wire) -> None:
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 2**31 - 1}))
    wire.send(*(wire.call(n, b"60000", "/test/Grow") for n in (1, 3)))
    assert len((await wire.answer(1)).body) == 60_005
    wire.send(wire.call(5, b"", "/test/Fail"), window_update(0, 120_000))
    assert len((await wire.answer(3)).body) == 60_005


async def test_frames_are_as_large_as_the_peer_takes(wire: Wire) -> None:
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: LARGE, Setting.MAX_FRAME_SIZE: 20_000}))
    wire.send(window_update(0, LARGE), wire.call(1, b"500000", "/test/Grow"))
    sizes = [len((await wire.until(frames.DATA)).payload) for _ in range(25)]
    assert sizes == [20_000] * 25


async def test_one_streams_shut_window_does_not_hold_up_another(wire: Wire) -> None:
    wire.send(wire.call(1, b"100000", "/test/Grow"), window_update(0, LARGE))
    await wire.until(frames.DATA)
    wire.send(wire.call(3, b"500", "/test/Grow"))
    assert len((await wire.answer(3)).body) == 505


async def test_an_answer_that_is_never_taken_is_given_up_at_its_deadline(impatient: None) -> None:
    async with small_server(free_port(), seconds=0.1) as small, small.wire() as wire:
        wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 0}))
        wire.send(wire.call(1, b"100000", "/test/Grow"))
        assert (await wire.answer(1)).reset == ErrorCode.CANCEL
        wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 9_999}), wire.call(3))
        assert (await wire.answer(3)).status == "OK"


async def test_a_request_that_never_ends_is_given_up_at_its_deadline(impatient: None) -> None:
    async with small_server(free_port(), seconds=0.1) as small, small.wire() as wire:
        wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block()))
        assert (await wire.answer(1)).status == "DEADLINE_EXCEEDED"
        assert await small.works()


async def test_a_stream_of_messages_waits_for_its_reader(wire: Wire) -> None:
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 8}))
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block("/test/Repeat")))
    wire.send(*(frame(frames.DATA, 0, 1, with_prefix(b"abc")) for _ in range(3)))
    assert (await wire.until(frames.DATA)).payload == with_prefix(b"abc")
    wire.send(frame(frames.PING, 0, 0, bytes(8)))
    assert (await wire.until(frames.DATA, frames.PING)).kind == frames.PING
    wire.send(window_update(1, 100), frame(frames.DATA, frames.END_STREAM, 1))
    assert (await wire.answer(1)).body == with_prefix(b"abc") * 2


async def test_a_peer_that_does_not_read_is_not_read_and_then_cut_off(
    impatient: None, small: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_STALL_SECONDS", 0.1)
    async with small.wire() as deaf:
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
        deaf.send(settings({Setting.INITIAL_WINDOW_SIZE: 2**31 - 1}), window_update(0, 2**30))
        deaf.send(*(deaf.call(n, b"2000000", "/test/Grow") for n in range(1, 99, 2)))
        await eventually(lambda: not small.listener._connections)
    assert await small.works()


async def test_windows_and_settings_are_kept_to_by_the_byte(wire: Wire) -> None:
    """Whatever the windows, no more than they allow comes, and all of it comes in the end."""
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 7}), wire.call(1, b"3000", "/test/Grow"))
    got = len((await wire.until(frames.DATA)).payload)
    assert got == 7
    for increment in (1, 2, 3, 500, 999):
        wire.send(frame(frames.WINDOW_UPDATE, 0, 1, struct.pack(">L", increment)))
        assert len((await wire.until(frames.DATA)).payload) == increment
    wire.send(window_update(1, LARGE))
    assert len((await wire.answer(1)).body) == 3005 - 7 - 1505
