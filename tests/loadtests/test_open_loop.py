"""The open loop's generator, against servers that stall, refuse, and close connections."""

import numpy as np

from loadtests.bench.open_loop import (
    CONNECTIONS,
    OpenLoop,
    measure,
    poisson_arrivals,
    read_status,
)
from loadtests.bench.requests import Request
from tests.loadtests.tiny_server import TinyServer


def test_arrivals_are_as_many_as_the_rate_says_and_never_the_same_gap() -> None:
    arrivals = list(poisson_arrivals(1000, 10, seed=1))
    assert 9500 < len(arrivals) < 10500
    assert arrivals == sorted(arrivals) == list(poisson_arrivals(1000, 10, seed=1))
    gaps = np.diff(arrivals)
    assert 0.9 < gaps.std() / gaps.mean() < 1.1  # an exponential distribution's are equal


def test_an_answer_is_read_once_it_is_whole() -> None:
    answer = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: a\r\nContent-Length: 3\r\n\r\nabc"
    assert read_status(answer) == 429
    assert all(read_status(answer[:size]) is None for size in range(len(answer)))
    assert read_status(b"HTTP/1.1 200 OK\r\n\r\nno length") == 0


REQUEST = [Request("/", "text/plain", b"x").raw()]


def _drive(server: TinyServer, arrivals: list[float], **options: float) -> OpenLoop:
    with server.running() as port:
        loop = OpenLoop(port, REQUEST, connections=4)
        loop.run(arrivals, **options)
    return loop


def test_a_stall_is_felt_by_all_requests_that_were_due_meanwhile() -> None:
    """A closed loop would see only four slow requests: one on each connection."""
    arrivals = [number / 100 for number in range(100)]
    loop = _drive(TinyServer(stall_at=20), arrivals)
    assert (len(loop.latencies), loop.errors) == (100, 0)
    slow = [latency for latency in loop.latencies if latency > 0.1 * TinyServer.STALL]
    assert len(slow) >= 30
    assert max(loop.latencies) >= TinyServer.STALL * 0.95


def test_refusals_and_lost_connections_are_errors_and_no_latencies() -> None:
    arrivals = [number / 1000 for number in range(50)]
    refused = _drive(TinyServer("429 Too Many Requests"), arrivals)
    assert (refused.latencies, refused.errors) == ([], 50)
    lost = _drive(TinyServer(close_at=10), arrivals)
    assert (len(lost.latencies), lost.errors) == (49, 1)


def test_a_connection_closed_while_idle_loses_no_request() -> None:
    """As every HTTP client does: servers close idle connections, uvicorn after five seconds."""
    loop = _drive(TinyServer(answers_each=1), [number / 50 for number in range(20)])
    assert (len(loop.latencies), loop.errors) == (20, 0)


def test_a_request_that_a_closing_server_never_read_is_sent_again_once() -> None:
    arrivals = [number / 50 for number in range(20)]
    loop = _drive(TinyServer(answers_each=1, resets=True), arrivals)
    assert (len(loop.latencies), loop.errors) == (20, 0)
    never = _drive(TinyServer(answers_each=0, resets=True), arrivals)
    assert (never.latencies, never.errors) == ([], 20)


def test_connections_are_settled_before_anything_counts() -> None:
    """The time in which a server accepts many new connections one by one isn't counted."""
    server = TinyServer()
    with server.running() as port:
        sample = measure(port, REQUEST, rate=50, seconds=1, seed=1)
    assert sample.errors == 0
    assert server.answered == CONNECTIONS + sample.requests


def test_a_connection_that_closes_once_settled_is_replaced() -> None:
    with TinyServer(answers_each=1).running() as port:
        loop = OpenLoop(port, REQUEST, connections=4)
        loop.settle()
        assert (loop.latencies, loop.errors) == ([], 0)
        loop.run([0.0, 0.01])
    assert (len(loop.latencies), loop.errors) == (2, 0)


def test_what_is_never_answered_counts_as_an_error_with_the_time_it_waited() -> None:
    loop = _drive(TinyServer(stall_at=1), [0.0, 0.01], grace=0.2)
    assert loop.errors == 2
    assert min(loop.latencies) >= 0.2
