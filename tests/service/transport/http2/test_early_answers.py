"""Requests that are answered before they are complete: the rest is read, but not for ever."""

import pytest

from service.transport.http2 import frames, streams
from service.transport.http2.flow import STREAM_WINDOW
from service.transport.http2.frames import ErrorCode, frame
from service.transport.http2.streams import MAX_STREAMS
from tests.service.transport.grpc.wire import SmallServer, Wire

PART = bytes(16_384)
TOO_LARGE = b"\x00\x7f\xff\xff\xff"  # what a message of 2 GiB begins with


def _opened(wire: Wire, number: int, path: str = "/test/Nothing") -> bytes:
    return frame(frames.HEADERS, frames.END_HEADERS, number, wire.block(path))


async def _send_rest(wire: Wire, number: int, size: int) -> None:
    """Send so many bytes, as the windows allow, and the end."""
    left = STREAM_WINDOW
    for _ in range(size // len(PART)):
        while left < len(PART):
            window = await wire.until(frames.WINDOW_UPDATE, frames.RST_STREAM)
            assert window.kind == frames.WINDOW_UPDATE
            if window.stream == number:
                left += int.from_bytes(window.payload)
        wire.send(frame(frames.DATA, 0, number, PART))
        await wire.writer.drain()
        left -= len(PART)
    wire.send(frame(frames.DATA, frames.END_STREAM, number))


async def test_the_rest_of_an_answered_request_is_read(wire: Wire) -> None:
    wire.send(_opened(wire, 1))
    answer = await wire.answer(1)
    assert (answer.status, answer.reset) == ("UNIMPLEMENTED", None)
    await _send_rest(wire, 1, 3 * STREAM_WINDOW)
    wire.send(wire.call(3))
    assert (await wire.answer(3)).status == "OK"


async def test_the_rest_of_a_message_over_the_limit_is_read(wire: Wire) -> None:
    wire.send(_opened(wire, 1, "/test/Echo"), frame(frames.DATA, 0, 1, TOO_LARGE))
    answer = await wire.answer(1)
    assert (answer.status, answer.reset) == ("RESOURCE_EXHAUSTED", None)
    await _send_rest(wire, 1, STREAM_WINDOW)
    wire.send(wire.call(3))
    assert (await wire.answer(3)).status == "OK"


async def test_a_request_that_is_reset_after_its_answer_is_forgotten(wire: Wire) -> None:
    wire.send(_opened(wire, 1))
    assert (await wire.answer(1)).status == "UNIMPLEMENTED"
    wire.send(frame(frames.RST_STREAM, 0, 1, bytes(4)), frame(frames.DATA, 0, 1, PART))
    assert await wire.end() == ErrorCode.STREAM_CLOSED


@pytest.mark.usefixtures("impatient")
async def test_the_rest_of_an_answered_request_may_not_last_for_ever(
    small: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_LEFTOVER_SECONDS", 0.1)
    async with small.wire() as wire:
        wire.send(_opened(wire, 1))
        assert (await wire.answer(1)).reset is None
        cut = await wire.until(frames.RST_STREAM)
        assert (cut.stream, cut.code) == (1, ErrorCode.NO_ERROR)
        wire.send(frame(frames.DATA, frames.END_STREAM, 1, PART), wire.call(3))
        assert (await wire.answer(3)).status == "OK"


async def test_few_answered_requests_are_read_at_a_time(wire: Wire) -> None:
    last = 2 * MAX_STREAMS + 1
    wire.send(*(_opened(wire, number) for number in range(1, last + 2, 2)))
    resets = []
    while (found := await wire.until(frames.HEADERS, frames.RST_STREAM)).stream != last:
        resets += [(found.stream, found.code)] if found.kind == frames.RST_STREAM else []
    wire.send(wire.call(last + 2))
    found = await wire.until(frames.RST_STREAM, frames.DATA)
    resets += [(found.stream, found.code)] if found.kind == frames.RST_STREAM else []
    assert resets == [(1, ErrorCode.NO_ERROR)]
