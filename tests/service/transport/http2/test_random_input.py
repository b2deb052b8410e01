"""Random and mutated input, from seeds: the protocol keeps its rules, however input is split."""

import random
from collections.abc import Iterator
from functools import cache

import h2.config
import h2.connection
import pytest

from service.transport.http2 import frames
from service.transport.http2.frames import frame, settings, window_update
from service.transport.http2.protocol import ConnectionState
from tests.service.transport.http2.responder import HELLO, Responder, frames_of, head

PATHS = ("/echo", "/echo", "/parts", "/early", "/reset", "/never")
CASES = 1_000


def blocks(source: random.Random) -> bytes:
    """Return a block of headers, mostly a request's."""
    block = head(source.choice(PATHS))
    extra = (
        b"",
        b"",
        b"\x40\x01a" + bytes((5,)) + source.randbytes(5).hex()[:5].encode(),  # goes into the table
        b"\xbe",  # the newest entry of the table, if there is one
        b"\x00\x0econtent-length\x01" + b"%d" % source.randrange(10),
        source.randbytes(source.randrange(1, 5)),
    )
    return block + source.choice(extra)


def random_frame(source: random.Random) -> bytes:
    """Return a frame that is mostly valid, and wrong in some ways."""
    kind = source.choice((0, 0, 1, 1, 1, 1, 2, 3, 4, 6, 7, 8, 8))
    number = 0 if kind in (4, 6, 7) else source.choice((1, 1, 3, 3, 5, 7))
    flags = source.choice((0, 1, 4, 5, 5, 5))
    if source.random() < 0.05:
        kind = source.choice((*range(10), source.randrange(256)))
    if source.random() < 0.05:
        number = source.choice((0, 2, source.randrange(2**31)))
    if source.random() < 0.05:
        flags = source.randrange(256)
    small = source.choice((1, 10, 1_000, 2**16, 2**31 - 1, 0))
    payloads = {
        frames.DATA: source.randbytes(source.choice((0, 1, 20, 3_000))),
        frames.HEADERS: blocks(source),
        frames.CONTINUATION: blocks(source)[source.randrange(9) :],
        frames.PRIORITY: bytes(5),
        frames.SETTINGS: bytes((0, source.randrange(7))) + small.to_bytes(4, "big"),
        frames.WINDOW_UPDATE: small.to_bytes(4, "big"),
        frames.RST_STREAM: bytes(4),
        frames.PING: source.choice((bytes(8), b"shutdown")),
    }
    payload = payloads.get(kind, source.randbytes(source.randrange(12)))
    if source.random() < 0.05:
        payload = payload[: source.randrange(len(payload) + 1)] + source.randbytes(2)
    return frame(kind, flags, number, payload)


def random_input(source: random.Random) -> bytes:
    hello = HELLO if source.random() < 0.95 else source.randbytes(30)
    return hello + b"".join(random_frame(source) for _ in range(source.randrange(1, 12)))


@cache
def conversation(seed: int) -> bytes:
    """Return what a client of h2 sends."""
    source = random.Random(seed)
    client = h2.connection.H2Connection(h2.config.H2Configuration())
    client.initiate_connection()
    for number in range(1, 2 * source.randrange(2, 4), 2):
        fields = [(":method", "POST"), (":scheme", "http"), (":path", source.choice(PATHS))]
        client.send_headers(number, [*fields, (":authority", "test"), ("x-number", str(number))])
        client.send_data(number, bytes(source.randrange(100)), end_stream=source.random() < 0.7)
    return client.data_to_send()


def mutated_input(source: random.Random) -> bytes:
    data = bytearray(conversation(source.randrange(100)))
    for _ in range(source.choice((0, 1, 1, 2, 5))):
        start = source.randrange(24, len(data))
        end = min(len(data), start + source.randrange(1, 30))
        change = source.randrange(4)
        if change == 0:
            data[start] ^= 1 << source.randrange(8)
        elif change == 1:
            del data[start:end]
        elif change == 2:
            data[start:start] = data[start:end]
        else:
            data[start:start] = random_frame(source)
    return bytes(data)


def cut(source: random.Random, data: bytes) -> Iterator[bytes]:
    while data:
        size = source.choice((1, 2, 9, 50, 5_000))
        yield data[:size]
        data = data[size:]


INPUTS = {"random frames": random_input, "mutated conversations": mutated_input}


@pytest.mark.parametrize("name", INPUTS)
def test_the_same_comes_of_an_input_however_it_is_cut(name: str) -> None:
    closed = 0
    for seed in range(CASES):
        source = random.Random(seed)
        data = INPUTS[name](source)
        whole, pieces, alone = Responder(), Responder(), Responder()
        whole.receive(data)
        pieces.receive(*cut(source, data))
        bytewise = min(len(data), 400)
        alone.receive(*(data[at : at + 1] for at in range(bytewise)), data[bytewise:])
        assert whole.events == pieces.events == alone.events, seed
        assert whole.send() == pieces.send() == alone.send(), seed
        frames_of(whole.output)
        closed += whole.protocol.state is ConnectionState.CLOSED
    assert CASES // 20 < closed < CASES * 19 // 20, "some inputs are refused, and some are not"


def test_nothing_is_kept_when_a_connection_ends() -> None:
    for seed in range(CASES):
        source = random.Random(-seed)
        responder = Responder()
        for piece in cut(source, random_input(source)):
            responder.receive(piece)
            if source.random() < 0.5:
                responder.send()
            if source.random() < 0.1:
                source.choice((responder.protocol.pause, responder.protocol.resume))()
            if source.random() < 0.1:
                responder.protocol.tick(source.random() * 100)
        source.choice((responder.protocol.announce_shutdown, responder.protocol.drain, int))()
        responder.send()
        responder.close()
        rest = responder.protocol.data_to_send()
        frames_of(rest)
        told = len(responder.events)
        responder.receive(HELLO + random_input(source))
        assert len(responder.events) == told
        assert not responder.protocol.data_to_send()
        assert responder.account.used == 0, seed


def test_windows_are_never_overdrawn() -> None:
    """No more data is sent than the client allows, whatever it allows and whenever."""
    for seed in range(300):
        source = random.Random(seed)
        responder = Responder()
        initial = source.choice((0, 1, 100, 65_535))
        allowed = {0: 65_535, 1: initial}
        responder.exchange(HELLO, settings({frames.Setting.INITIAL_WINDOW_SIZE: initial}))
        body = source.randbytes(source.choice((1, 1_000, 60_000)))
        sent = {0: 0, 1: 0}
        got = b""
        found = responder.exchange(frame(1, 4, 1, head("/echo")))
        parts = [body[start : start + 16_384] for start in range(0, len(body), 16_384)]
        for part in parts:
            found += responder.exchange(frame(0, 0, 1, part))
        found += responder.exchange(frame(0, 1, 1))
        for _ in range(200):
            for kind, _, number, payload in found:
                if kind == frames.DATA:
                    sent[0], sent[number] = sent[0] + len(payload), sent[number] + len(payload)
                    got += payload
            assert sent[0] <= allowed[0], seed
            assert sent[1] <= allowed[1], seed
            if got == body:
                break
            number, more = source.choice((0, 1)), source.choice((1, 500, 9_999, 40_000))
            allowed[number] += more
            found = responder.exchange(window_update(number, more))
        assert body.startswith(got), seed
