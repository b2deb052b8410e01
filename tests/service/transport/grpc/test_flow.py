"""Flow control: large bodies both ways, windows that stay shut, peers that don't read."""

import asyncio
import gzip
import struct
from contextlib import AsyncExitStack

import pytest

from service import admission
from service.admission import Stage
from service.transport.grpc.messages import with_prefix
from service.transport.http2 import frames
from service.transport.http2.flow import (
    CONNECTION_WINDOW,
    DEFAULT_WINDOW,
    ReceiveWindow,
)
from service.transport.http2.frames import (
    BrokenConnectionError,
    ErrorCode,
    Setting,
    frame,
    settings,
    window_update,
)
from tests.service.live_server import free_port
from tests.service.transport.grpc.wire import (
    MAX_MESSAGE,
    SmallServer,
    Wire,
    eventually,
    small_server,
)

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


async def begin_large(wire: Wire, stream: int, size: int = LARGE) -> bytes:
    """Send the first frame of a large message; return the rest of it."""
    body = with_prefix(bytes(size))
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, stream, wire.block()))
    wire.send(frame(frames.DATA, 0, stream, body[:16_384]))
    return body[16_384:]


async def send_rest(wire: Wire, stream: int, rest: bytes) -> None:
    for start in range(0, len(rest), 16_384):
        flags = frames.END_STREAM if start + 16_384 >= len(rest) else 0
        wire.send(frame(frames.DATA, flags, stream, rest[start : start + 16_384]))
        await wire.writer.drain()


async def widened(wire: Wire) -> int:
    """Return the next stream whose window grows."""
    while True:
        update = await wire.until(frames.WINDOW_UPDATE)
        if update.stream:
            assert int.from_bytes(update.payload, "big") == LARGE
            return update.stream


async def test_a_large_message_is_let_in_when_there_is_room_for_it(
    small: SmallServer, wire: Wire
) -> None:
    """Messages that are never complete can't make the server use more memory than its limit."""
    account = small.methods.account
    account.large_bodies = Stage(3 * LARGE)
    wire.send(window_update(0, 2**30), settings({Setting.INITIAL_WINDOW_SIZE: 2**30}))
    rests = {stream: await begin_large(wire, stream) for stream in range(1, 12, 2)}
    assert [await widened(wire) for _ in range(3)] == [1, 3, 5]
    assert account.large_bodies.used == 3 * LARGE
    wire.send(wire.call(13))
    assert (await wire.answer(13)).body == with_prefix(b"hello"), "a small one needn't wait"
    await send_rest(wire, 3, rests[3])
    assert (await wire.answer(3)).body == with_prefix(bytes(LARGE))
    assert await widened(wire) == 7, "they are let in in their order"
    wire.send(frame(frames.RST_STREAM, 0, 1, bytes(4)), frame(frames.RST_STREAM, 0, 9, bytes(4)))
    assert await widened(wire) == 11, "one that has gone makes way"
    for stream in (5, 7, 11):
        await send_rest(wire, stream, rests[stream])
        assert (await wire.answer(stream)).body == with_prefix(bytes(LARGE))
    assert account.used == 0


async def test_a_message_that_is_not_let_in_is_not_taken(small: SmallServer, wire: Wire) -> None:
    account = small.methods.account
    account.large_bodies = Stage(LARGE)
    await begin_large(wire, 1)
    rest = await begin_large(wire, 3)
    await send_rest(wire, 3, rest)  # beyond the window
    assert await wire.end() == ErrorCode.FLOW_CONTROL_ERROR
    assert account.used == 0


async def test_too_many_do_not_wait(
    small: SmallServer, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_MAX_WAITING", 2)
    small.methods.account.large_bodies = Stage(LARGE)
    for stream in (1, 3, 5, 7):
        await begin_large(wire, stream)
    refused = await wire.answer(7)
    assert refused.status == "RESOURCE_EXHAUSTED"
    assert int(refused.headers["retry-after"]) >= 1


async def test_waiting_for_room_has_an_end() -> None:
    async with small_server(free_port(), seconds=0.1) as small, small.wire() as wire:
        small.methods.account.large_bodies = Stage(LARGE)
        assert small.methods.account.large_bodies.try_take(LARGE)
        await begin_large(wire, 1)
        assert (await wire.answer(1)).status == "RESOURCE_EXHAUSTED"


async def test_messages_that_grow_when_decompressed_are_counted_so(
    small: SmallServer, wire: Wire
) -> None:
    account = small.methods.account
    bomb = gzip.compress(bytes(MAX_MESSAGE))
    data = b"\x01" + struct.pack(">L", len(bomb)) + bomb
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 2**30}), window_update(0, 2**30))
    head = wire.block("/test/Size", grpc_encoding="gzip")
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, head))
    wire.send(frame(frames.DATA, 0, 1, data))
    await eventually(lambda: account.used > 0)
    assert account.used >= 2 * MAX_MESSAGE
    wire.send(frame(frames.DATA, frames.END_STREAM, 1))
    assert (await wire.answer(1)).body == with_prefix(b"%d" % MAX_MESSAGE)
    assert account.used == 0


async def test_what_nobody_reads_of_a_stream_of_messages_is_bounded(
    small: SmallServer, wire: Wire
) -> None:
    account = small.methods.account
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 0}))
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block("/test/Repeat")))
    for _ in range(20):
        wire.send(frame(frames.DATA, 0, 1, with_prefix(bytes(16_000))))
    await eventually(lambda: account.used > 250_000)
    account.small_bodies = Stage(300_000)
    small.methods.account.small_bodies.try_take(300_000)
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 3, wire.block("/test/Repeat")))
    wire.send(frame(frames.DATA, 0, 3, with_prefix(bytes(16_000)) * 1))
    assert (await wire.answer(3)).status == "RESOURCE_EXHAUSTED"


async def test_a_streamed_message_is_small(wire: Wire) -> None:
    wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block("/test/Repeat")))
    wire.send(frame(frames.DATA, 0, 1, b"\x00" + struct.pack(">L", 100_000)))
    assert (await wire.answer(1)).status == "RESOURCE_EXHAUSTED"


async def test_a_slow_upload_is_taken_as_long_as_it_goes_on(impatient: None) -> None:
    """The time-out is for the answer; in an upload it applies to each part."""
    async with small_server(free_port(), seconds=0.4) as small, small.wire() as wire:
        body = with_prefix(bytes(LARGE))
        wire.send(frame(frames.HEADERS, frames.END_HEADERS, 1, wire.block("/test/Size")))
        for start in range(0, len(body), 100_000):
            for begin in range(start, min(start + 100_000, len(body)), 16_000):
                part = body[begin : min(begin + 16_000, start + 100_000)]
                wire.send(frame(frames.DATA, 0, 1, part))
            await asyncio.sleep(0.15)
        wire.send(frame(frames.DATA, frames.END_STREAM, 1))
        assert (await wire.answer(1)).body == with_prefix(b"%d" % LARGE)
        await begin_large(wire, 3)
        assert (await wire.answer(3)).status == "DEADLINE_EXCEEDED"
        wire.send(frame(frames.HEADERS, frames.END_HEADERS, 5, wire.block(grpc_timeout="300m")))
        for _ in range(60):
            wire.send(frame(frames.DATA, 0, 5, with_prefix(bytes(LARGE))[:16_000]))
            await asyncio.sleep(0.01)
        assert (await wire.answer(5)).status == "DEADLINE_EXCEEDED"


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
    impatient: None, small: SmallServer
) -> None:
    async with small.wire() as deaf:
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
        deaf.send(settings({Setting.INITIAL_WINDOW_SIZE: 2**31 - 1}), window_update(0, 2**30))
        deaf.send(*(deaf.call(n, b"2000000", "/test/Grow") for n in range(1, 99, 2)))
        await eventually(lambda: not small.http2._connections)
    assert await small.works()


async def test_windows_and_settings_are_kept_to_by_the_byte(wire: Wire) -> None:
    """Whatever the windows, no more data arrives than they allow, and all arrives in the end."""
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 7}), wire.call(1, b"3000", "/test/Grow"))
    got = len((await wire.until(frames.DATA)).payload)
    assert got == 7
    for increment in (1, 2, 3, 500, 999):
        wire.send(frame(frames.WINDOW_UPDATE, 0, 1, struct.pack(">L", increment)))
        assert len((await wire.until(frames.DATA)).payload) == increment
    wire.send(window_update(1, LARGE))
    assert len((await wire.answer(1)).body) == 3005 - 7 - 1505


async def test_an_answer_that_waits_to_be_taken_is_counted(small: SmallServer, wire: Wire) -> None:
    account = small.methods.account
    wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 0}), wire.call(1, b"100000", "/test/Grow"))
    await wire.until(frames.HEADERS)
    await eventually(lambda: account.small_bodies.used == 100_005)
    wire.send(window_update(1, LARGE), window_update(0, LARGE))
    assert len((await wire.answer(1)).body) == 100_005
    await eventually(lambda: account.used == 0)


async def test_all_answers_that_wait_to_be_taken_have_one_limit(small: SmallServer) -> None:
    """However many connections they wait on."""
    account = small.methods.account
    account.small_bodies = Stage(1_000_000)
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(small.wire()) for _ in range(20)]
        for wire in wires:
            wire.send(settings({Setting.INITIAL_WINDOW_SIZE: 0}))
            wire.send(wire.call(1, b"100000", "/test/Grow"))
        refused = 0
        for wire in wires:
            await wire.until(frames.HEADERS)
            wire.send(frame(frames.PING, 0, 0, bytes(8)))
            refused += (await wire.until(frames.RST_STREAM, frames.PING)).kind == frames.RST_STREAM
        assert refused == 11
        assert account.small_bodies.used == 9 * 100_005
    await eventually(lambda: account.used == 0)


async def test_all_requests_that_wait_for_room_have_one_limit(
    small: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many connections they wait on, each can have sent no more than its window."""
    monkeypatch.setattr(admission, "_MAX_WAITING", 30)
    small.methods.account.large_bodies = Stage(LARGE)
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(small.wire()) for _ in range(10)]
        for wire in wires:
            for stream in range(1, 21, 2):
                await begin_large(wire, stream)

        def opened() -> list[int]:
            streams = [connection._protocol._streams for connection in small.http2._connections]
            return [len(these.unanswered) for these in streams if these.last == 19]

        await eventually(lambda: len(opened()) == len(wires) and sum(opened()) == 1 + 30)
    await eventually(lambda: small.methods.account.used == 0)
