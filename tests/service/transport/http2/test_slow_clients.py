"""Clients that send a frame too slowly are sent away; idle ones and slow but steady ones aren't."""

import pytest

from service.transport.http2 import frames
from service.transport.http2.frames import PREFACE, ErrorCode, frame
from service.transport.http2.protocol import ConnectionState, ServerProtocol
from tests.service.transport.grpc.wire import SmallServer, eventually
from tests.service.transport.http2.responder import HELLO, TICKS, Responder, head, request

SECONDS = 20
"""In which a head must be complete, and over which the rate of data is measured."""

OPENED = frame(frames.HEADERS, frames.END_HEADERS, 1, head("/never"))
HEADERS = frame(frames.HEADERS, frames.END_HEADERS, 3, head("/echo"))
BEGUN = frame(frames.HEADERS, 0, 3, head("/echo"))
DATA = frame(frames.DATA, 0, 1, bytes(16_000))

UNFINISHED = {
    "nothing": b"",
    "a part of the preface": PREFACE[:5],
    "the preface": PREFACE,
    "a part of the settings": HELLO[:-1],
    "a part of a frame's head": HELLO + OPENED + HEADERS[:2],
    "a frame's head": HELLO + OPENED + HEADERS[:9],
    "a part of HEADERS": HELLO + OPENED + HEADERS[:-1],
    "HEADERS without the end of the block": HELLO + OPENED + BEGUN,
    "empty HEADERS without the end of the block": HELLO + OPENED + frame(frames.HEADERS, 0, 3),
    "a part of CONTINUATION": HELLO + OPENED + BEGUN + frame(frames.CONTINUATION, 4, 3, b"x")[:-1],
    "a part of PING": HELLO + OPENED + frame(frames.PING, 0, 0, bytes(8))[:-1],
    "a part of an unknown frame": HELLO + OPENED + frame(0xCC, 0, 0, bytes(8))[:-1],
    "a part of DATA's head": HELLO + OPENED + DATA[:3],
    "DATA's head": HELLO + OPENED + DATA[:9],
    "a part of DATA": HELLO + OPENED + DATA[:-1],
}


def after(responder: Responder, ticks: int) -> ConnectionState:
    for _ in range(ticks):
        responder.protocol.tick(0.0)
    return responder.protocol.state


def assert_sent_away(responder: Responder) -> None:
    assert responder.protocol.state is ConnectionState.CLOSED
    *_, (kind, _, _, payload) = responder.exchange()
    assert kind == frames.GOAWAY
    assert payload[4:8] == ErrorCode.NO_ERROR.to_bytes(4, "big")
    assert b" s" in payload[8:]
    assert not responder.protocol.streams
    assert responder.account.used == 0


@pytest.mark.parametrize("name", UNFINISHED)
def test_what_stays_unfinished_ends_the_connection(name: str) -> None:
    responder = Responder()
    responder.receive(UNFINISHED[name])
    assert after(responder, SECONDS) is not ConnectionState.CLOSED
    after(responder, 1)
    assert_sent_away(responder)


DRIPS = {
    "the settings": (PREFACE + frame(frames.SETTINGS, 0, 0, bytes(600))[:9], b"x"),
    "HEADERS": (HELLO + frame(frames.HEADERS, 4, 1, bytes(16_000))[:9], bytes(200)),
    "CONTINUATION": (HELLO + BEGUN, frame(frames.CONTINUATION, 0, 3, b"x")),
    "empty CONTINUATION": (HELLO + BEGUN, frame(frames.CONTINUATION, 0, 3)),
    "DATA": (HELLO + OPENED + DATA[:9], bytes(99)),
}


@pytest.mark.parametrize("name", DRIPS)
def test_what_drips_ends_the_connection(name: str) -> None:
    start, drop = DRIPS[name]
    responder = Responder()
    responder.receive(start)
    for _ in range(SECONDS + 1):
        responder.receive(drop)
        after(responder, 1)
    assert_sent_away(responder)


def test_data_may_be_as_slow_as_the_lowest_rate() -> None:
    responder = Responder()
    responder.receive(HELLO + OPENED + DATA[:9])
    for _ in range(150):
        responder.receive(bytes(100))
        assert after(responder, 1) is ConnectionState.OPEN


@pytest.mark.parametrize("cut", [5, -3])
def test_each_unfinished_frame_has_its_own_time(cut: int) -> None:
    """At each look another frame is on its way, as on a busy connection."""
    responder = Responder()
    responder.receive(HELLO)
    for number in range(1, 10 * SECONDS, 2):
        sent = request(number, "/echo", b"a body")
        responder.receive(sent[:cut])
        assert after(responder, 1) is ConnectionState.OPEN
        responder.receive(sent[cut:])
        responder.send()


@pytest.mark.parametrize("block", [b"", head("/echo")])
def test_each_unfinished_header_block_has_its_own_time(block: bytes) -> None:
    responder = Responder()
    responder.receive(HELLO, frame(frames.HEADERS, 1, 1, block))
    for number in range(3, 10 * SECONDS, 2):
        assert after(responder, 1) is ConnectionState.OPEN
        end = frame(
            frames.CONTINUATION, frames.END_HEADERS, number - 2, head("/echo")[len(block) :]
        )
        responder.receive(end + frame(frames.HEADERS, 1, number, block))
        responder.send()


@pytest.mark.parametrize("sent", [b"", OPENED, request(1, "/echo", b"x")])
def test_a_connection_without_anything_unfinished_may_be_idle(sent: bytes) -> None:
    """How long a request may take is a matter of the layer above."""
    responder = Responder()
    responder.receive(HELLO + sent)
    responder.send()
    assert after(responder, 100 * SECONDS) is ConnectionState.OPEN


def test_time_in_which_the_server_does_not_read_is_not_counted() -> None:
    responder = Responder()
    responder.receive(HELLO + OPENED + HEADERS[:-1])
    responder.protocol.pause()
    assert after(responder, 100 * SECONDS) is ConnectionState.OPEN


def test_without_limits_a_client_has_any_time() -> None:
    assert TICKS.header_timeout == SECONDS
    protocol = ServerProtocol(Responder().account, 0.0)
    list(protocol.receive(HELLO + HEADERS[:-1]))
    for _ in range(100 * SECONDS):
        protocol.tick(0.0)
    assert protocol.state is ConnectionState.OPEN


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_holds_half_a_frame_is_sent_away(small: SmallServer) -> None:
    async with small.wire() as wire:
        wire.send(wire.call(1, b"30", "/test/Wait"), HEADERS[:-1])
        assert await wire.end() == ErrorCode.NO_ERROR
    await eventually(lambda: small.methods.cancelled == 1)
    async with small.connection() as silent:
        assert await silent.end() == ErrorCode.NO_ERROR
    assert await small.works()
