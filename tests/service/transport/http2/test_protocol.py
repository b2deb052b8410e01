"""The protocol's states, one by one, and h2 as its client: all without a socket."""

import random

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from service.admission import Account
from service.transport.http2 import frames
from service.transport.http2.frames import ErrorCode, frame, rst_stream, window_update
from service.transport.http2.protocol import ConnectionState
from service.transport.http2.stream import StreamState
from service.transport.http2.streams import MAX_STREAMS
from tests.service.transport.http2.responder import (
    HELLO,
    Frame,
    Responder,
    head,
    request,
)


@pytest.fixture
def responder() -> Responder:
    """A connection after the handshake."""
    opened = Responder()
    opened.exchange(HELLO)
    return opened


def state(responder: Responder, number: int) -> StreamState:
    return responder.protocol._streams.state(number)


def phase(responder: Responder) -> ConnectionState:
    return responder.protocol.state


def codes(found: list[Frame], kind: int) -> list[tuple[int, int]]:
    """Return the streams and the codes of the RST_STREAM or GOAWAY among some frames."""
    start = 0 if kind == frames.RST_STREAM else 4
    return [
        (number, int.from_bytes(payload[start : start + 4], "big"))
        for found_kind, _, number, payload in found
        if found_kind == kind
    ]


def test_a_connection_is_open_once_the_client_has_greeted() -> None:
    responder = Responder()
    assert [kind for kind, *_ in responder.exchange()] == [frames.SETTINGS, frames.WINDOW_UPDATE]
    for start in range(len(HELLO)):
        assert responder.protocol.state is ConnectionState.HANDSHAKE
        responder.receive(HELLO[start : start + 1])
    assert responder.protocol.state is ConnectionState.OPEN


def test_a_stream_is_half_closed_by_its_request_and_closed_by_its_answer(
    responder: Responder,
) -> None:
    assert state(responder, 1) is StreamState.IDLE
    responder.receive(frame(1, 4, 1, head("/echo")))
    assert state(responder, 1) is StreamState.OPEN
    responder.protocol.pause()
    responder.receive(frame(0, 1, 1, b"abc"))
    assert state(responder, 1) is StreamState.HALF_CLOSED_REMOTE
    responder.protocol.resume()
    responder.send()
    assert state(responder, 1) is StreamState.CLOSED


def test_a_stream_is_half_closed_by_its_answer_and_closed_by_its_request(
    responder: Responder,
) -> None:
    responder.receive(frame(1, 4, 1, head("/early")))
    assert state(responder, 1) is StreamState.HALF_CLOSED_LOCAL
    responder.receive(frame(0, 0, 1, b"abc"))
    assert responder.events == [(1, "/early")], "nobody asks for the rest"
    responder.receive(frame(0, 1, 1, b"abc"))
    assert state(responder, 1) is StreamState.CLOSED


def test_a_reset_closes_a_stream_from_either_side(responder: Responder) -> None:
    found = responder.exchange(frame(1, 4, 1, head("/reset")), frame(0, 0, 1, b"late"))
    assert codes(found, frames.RST_STREAM) == [(1, ErrorCode.CANCEL)]
    assert state(responder, 1) is StreamState.CLOSED
    responder.receive(frame(1, 4, 3, head("/never")), rst_stream(3, ErrorCode.CANCEL))
    assert state(responder, 3) is StreamState.CLOSED
    found = responder.exchange(frame(0, 0, 3, b"never allowed"))
    assert codes(found, frames.GOAWAY) == [(0, ErrorCode.STREAM_CLOSED)]


def test_streams_below_the_last_one_were_closed_unopened(responder: Responder) -> None:
    responder.receive(frame(1, 4, 7, head("/never")))
    assert state(responder, 5) is StreamState.CLOSED
    assert state(responder, 9) is StreamState.IDLE


def test_a_draining_connection_refuses_streams_and_closes_with_the_last_one(
    responder: Responder,
) -> None:
    responder.receive(frame(1, 4, 1, head("/echo")))
    responder.protocol.announce_shutdown()
    assert phase(responder) is ConnectionState.OPEN
    responder.receive(frame(1, 4, 3, head("/echo")), frame(6, 1, 0, b"shutdown"))
    assert phase(responder) is ConnectionState.DRAINING
    found = responder.exchange(request(5, "/echo"))
    assert codes(found, frames.RST_STREAM) == [(5, ErrorCode.REFUSED_STREAM)]
    responder.exchange(frame(0, 1, 1, b"x"))
    assert phase(responder) is ConnectionState.DRAINING
    found = responder.exchange(frame(0, 1, 3, b"y"))
    assert [(kind, number) for kind, _, number, _ in found] == [(1, 3), (0, 3), (1, 3)]
    assert phase(responder) is ConnectionState.CLOSED


def test_a_closed_connection_stays_closed(responder: Responder) -> None:
    responder.receive(frame(1, 4, 1, head("/never")))
    (stream,) = responder.protocol.streams
    found = responder.exchange(frame(8, 0, 0, bytes(4)))
    assert codes(found, frames.GOAWAY) == [(0, ErrorCode.PROTOCOL_ERROR)]
    assert responder.protocol.state is ConnectionState.CLOSED
    sender = responder.protocol.sender
    sender.send_headers(stream, b"")
    assert sender.send_data(stream, b"data")
    assert sender.answer(stream, b"", b"data", b"")
    assert sender.end(stream, b"")
    sender.reset(stream, ErrorCode.CANCEL)
    responder.protocol.tick(1e9)
    assert responder.exchange(HELLO, request(3, "/echo")) == []
    assert [number for number, _ in responder.events] == [1, 1]


def test_the_rest_of_an_answered_request_has_its_time(responder: Responder) -> None:
    responder.exchange(frame(1, 4, 1, head("/early")))
    responder.protocol.tick(29.0)
    assert responder.send() == b""
    responder.protocol.tick(31.0)
    found = frames.rst_stream(1, ErrorCode.NO_ERROR)
    assert responder.send() == found


def test_output_waits_until_it_is_taken(responder: Responder) -> None:
    """A client with large windows can't make the server keep all of its answers as frames."""
    body = bytes(60_000)
    responder.exchange(window_update(0, 2**30))
    for number in range(1, 41, 2):
        responder.receive(frame(1, 4, number, head("/echo")))
        for start in range(0, len(body), 15_000):
            responder.receive(frame(0, start == 45_000, number, body[start : start + 15_000]))
    sent = responder.send()
    assert sent.count(bytes(1_000)) >= 20 * 60 - 100


# The process as a whole.


CAPACITY_OF_ALL = 64 * 1024 * 1024


def test_all_connections_together_have_one_limit_of_streams() -> None:
    account = Account(CAPACITY_OF_ALL)
    connections = [Responder(account) for _ in range(100)]
    refused = 0
    for responder in connections:
        responder.exchange(HELLO)
        numbers = range(1, 2 * MAX_STREAMS, 2)
        found = responder.exchange(b"".join(frame(1, 4, n, head("/never")) for n in numbers))
        refused += len(codes(found, frames.RST_STREAM))
        assert account.streams.used <= CAPACITY_OF_ALL // 32
    opened = sum(len(responder.protocol.streams) for responder in connections)
    assert opened + refused == 100 * MAX_STREAMS
    assert 0 < opened < MAX_STREAMS * 10
    for responder in connections:
        responder.close()
    assert account.used == 0


def test_headers_count_by_what_they_are_when_decoded() -> None:
    """A few bytes that refer to a large entry of the table repeatedly become many."""
    account = Account(CAPACITY_OF_ALL)
    entry = b"\x40\x01a\x7f" + b"\x81\x1e" + b"x" * 3_968
    connections = [Responder(account) for _ in range(20)]
    for responder in connections:
        responder.exchange(HELLO, frame(1, 5, 1, head("/never") + entry))
        numbers = range(3, 101, 2)
        responder.exchange(b"".join(frame(1, 5, n, head("/never") + b"\xbe" * 7) for n in numbers))
    opened = sum(len(responder.protocol.streams) for responder in connections)
    assert 0 < opened * 7 * 3_968 < 2 * CAPACITY_OF_ALL // 32


UNFINISHED = {
    "frames": frame(0, 0, 1, bytes(16_384))[:-1],
    "headers": frame(1, 0, 1, bytes(16_000)) + frame(9, 0, 1, bytes(16_000)),
    "answered requests": b"".join(frame(1, 4, n, head("/early")) for n in range(1, 501, 2)),
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_all_connections_together_have_one_limit_of_unfinished_parts(name: str) -> None:
    account = Account(CAPACITY_OF_ALL)
    connections = [Responder(account) for _ in range(200)]
    endings = []
    for responder in connections:
        endings += codes(responder.exchange(HELLO, UNFINISHED[name]), frames.GOAWAY)
        assert account.used <= 2 * CAPACITY_OF_ALL // 32
    assert 0 < len(endings) < len(connections)
    assert set(endings) == {(0, ErrorCode.ENHANCE_YOUR_CALM)}
    for responder in connections:
        responder.close()
    assert account.used == 0


# h2 as the client.


def client_of_h2(window: int) -> h2.connection.H2Connection:
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    codes_ = h2.settings.SettingCodes
    client.local_settings = h2.settings.Settings(
        client=True, initial_values={codes_.INITIAL_WINDOW_SIZE: window, codes_.ENABLE_PUSH: 0}
    )
    client.initiate_connection()
    return client


@pytest.mark.parametrize("seed", range(20))
def test_a_client_of_h2_gets_all_of_its_answers(seed: int) -> None:
    """Bodies and windows of many sizes, and bytes that arrive in pieces, in both directions."""
    source = random.Random(seed)
    client = client_of_h2(source.choice((1_000, 20_000, 65_535)))
    responder = Responder()
    bodies = {n: source.randbytes(source.choice((0, 5, 70_000))) for n in range(1, 41, 2)}
    unsent, answers = dict(bodies), dict.fromkeys(bodies, b"")
    ended: set[int] = set()
    for number in bodies:
        path = source.choice(("/echo", "/parts"))
        fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a")]
        client.send_headers(number, fields)
    while len(ended) < len(bodies):
        for number in list(unsent):
            size = min(client.local_flow_control_window(number), client.max_outbound_frame_size)
            part, rest = unsent[number][:size], unsent[number][size:]
            if part or not rest:
                client.send_data(number, part, end_stream=not rest)
            unsent[number] = rest
            if not rest:
                del unsent[number]
        sent = client.data_to_send()
        middle = source.randrange(len(sent) + 1)
        responder.receive(sent[:middle], sent[middle:])
        for event in client.receive_data(responder.send()):
            match event:
                case h2.events.DataReceived():
                    answers[event.stream_id] += event.data
                    client.acknowledge_received_data(len(event.data), event.stream_id)
                case h2.events.StreamEnded():
                    ended.add(event.stream_id)
    assert answers == bodies
    assert not responder.protocol.streams
