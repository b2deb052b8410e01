"""Open loop over HTTP: requests are sent at scheduled times, even if earlier ones still wait.

Independent callers arrive as a Poisson process. Latency counts from a request's scheduled time, so
a stall of the server isn't hidden by also delaying the generator (coordinated omission; Gil Tene,
"How NOT to Measure Latency", 2015).

`select` waits to the microsecond; asyncio's and uvloop's timers round to the millisecond, which
is longer than a fast server takes to answer.
"""

import dataclasses
import json
import math
import random
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from loadtests.bench.figures import Sample, percentile
from loadtests.bench.requests import HOST, read_requests
from loadtests.bench.tools import run_tool

CONNECTIONS = 256
GRACE = 10.0
"""Seconds to wait for answers after the last request has been sent."""

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class _Connection:
    """A connection with at most one request in progress."""

    __slots__ = ("due", "received", "request", "reset", "socket", "used")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=GRACE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self.request = self.received = b""
        self.used = self.reset = False

    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def closed(self) -> bool:
        """Whether the server closed it while it was idle, as it may at any time."""
        return bool(select.select([self], [], [], 0)[0])

    @property
    def never_read(self) -> bool:
        """Whether the server closed it as idle while the request was on its way.

        In that case the operating system resets the connection. If the server closes it after it
        has read the request, or ends, the stream has an ordinary end.
        """
        return self.used and self.reset and not self.received

    def send(self, request: bytes, due: float) -> bool:
        """Send a request; return whether the connection accepted it."""
        self.request, self.due, self.received = request, due, b""
        try:
            self.socket.sendall(request)
        except OSError as error:
            self.reset = isinstance(error, ConnectionError)
            return False
        return True

    def receive(self) -> int | None:
        """Read available bytes; return the status of a complete answer, 0 if it can't be read."""
        try:
            part = self.socket.recv(65536)
        except OSError as error:
            self.reset = isinstance(error, ConnectionError)
            return 0
        if not part:
            return 0
        self.received += part
        status = read_status(self.received)
        self.used = self.used or bool(status)
        return status


def read_status(received: bytes) -> int | None:
    """Return an HTTP answer's status, None if it isn't complete yet, 0 if it has no length."""
    head, end, body = received.partition(_HEAD_END)
    if not end:
        return None
    _, found, rest = head.lower().partition(_LENGTH)
    if not found:
        return 0
    length = int(rest.partition(b"\r\n")[0])
    return int(head[9:12]) if len(body) >= length else None


def poisson_arrivals(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Yield the scheduled times of requests, in seconds from the start; `rate` is per second."""
    draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    due = draw.expovariate(rate)
    while due < seconds:
        yield due
        due += draw.expovariate(rate)


class OpenLoop:
    """One run against one server."""

    def __init__(self, port: int, requests: Sequence[bytes], connections: int) -> None:
        """Connect. Raises OSError."""
        self._port = port
        self._requests = requests
        self._idle = [_Connection(port) for _ in range(connections)]
        self._busy: set[_Connection] = set()
        self._waiting: deque[float] = deque()
        self._sent = 0
        self.latencies: list[float] = []
        self.lateness: list[float] = []
        self.errors = 0

    def settle(self) -> None:
        """Get one answer on each connection before the measurement starts.

        A server accepts many new connections one after the other. How long that takes isn't
        measured here, but would delay the first requests.
        """
        for connection in self._idle:
            connection.send(self._requests[0], 0.0)
        for connection in self._idle:
            while connection.receive() is None:
                pass

    def run(self, arrivals: Sequence[float], grace: float = GRACE) -> None:
        """Send a request at each of `arrivals`, in seconds from now; await the answers.

        Requests without an answer at the end are errors; their latency is the time until then.
        """
        start, coming, give_up = time.perf_counter(), deque(arrivals), arrivals[-1] + grace
        now = 0.0
        while (coming or self._waiting or self._busy) and now < give_up:
            while coming and coming[0] <= now:
                self.lateness.append(now - coming[0])
                self._waiting.append(coming.popleft())
            while self._waiting and self._idle:
                self._send(self._waiting.popleft())
            wake = coming[0] if coming else give_up
            pause = max(0.0, wake - (time.perf_counter() - start))
            ready, _, _ = select.select(self._busy, [], [], pause)
            now = time.perf_counter() - start
            for connection in ready:
                self._receive(connection, now)
        self._close(now)

    def _send(self, due: float) -> None:
        connection = self._idle.pop()
        if connection.closed:
            connection = self._replace(connection)
        request = self._requests[self._sent % len(self._requests)]
        self._sent += 1
        self._send_on(connection, request, due)

    def _send_on(self, connection: _Connection, request: bytes, due: float) -> None:
        if connection.send(request, due):
            self._busy.add(connection)
        else:
            self._lose(connection)

    def _receive(self, connection: _Connection, now: float) -> None:
        status = connection.receive()
        if status is None:
            return
        self._busy.discard(connection)
        if status == 0:
            self._lose(connection)
            return
        self._idle.append(connection)
        if status < 400:
            self.latencies.append(now - connection.due)
        else:
            self.errors += 1

    def _lose(self, connection: _Connection) -> None:
        """Send a lost connection's request again if the server never read it; otherwise count it.

        HTTP clients do so, too (RFC 9112, 9.3.1), and only once: the new connection was never idle.
        """
        new = self._replace(connection)
        if connection.never_read:
            self._send_on(new, connection.request, connection.due)
        else:
            self.errors += 1
            self._idle.append(new)

    def _replace(self, connection: _Connection) -> _Connection:
        connection.socket.close()
        return _Connection(self._port)

    def _close(self, now: float) -> None:
        unanswered = [*self._waiting, *(connection.due for connection in self._busy)]
        self.errors += len(unanswered)
        self.latencies += [now - due for due in unanswered]
        for connection in (*self._idle, *self._busy):
            connection.socket.close()


def measure(port: int, requests: Sequence[bytes], rate: float, seconds: float, seed: int) -> Sample:
    """Drive a server at a fixed rate, in this process."""
    loop = OpenLoop(port, requests, CONNECTIONS)
    loop.settle()
    arrivals = list(poisson_arrivals(rate, seconds, seed)) or [0.0]
    wall, cpu = time.perf_counter(), time.process_time()
    loop.run(arrivals)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    times = [1e3 * latency for latency in loop.latencies] or [math.nan]
    return Sample(
        requests=len(arrivals) - loop.errors,
        seconds=max(seconds, wall),
        p50=percentile(times, 0.5),
        p99=percentile(times, 0.99),
        p999=percentile(times, 0.999),
        errors=loop.errors,
        lateness=1e3 * percentile(loop.lateness, 0.99),
        client_cpu=cpu / wall,
    )


def run_open_loop(port: int, requests: Path, rate: float, seconds: int, seed: int) -> Sample:
    """Drive a server at a fixed rate, from a separate process. Raises LoadFailedError."""
    command = [sys.executable, "-m", __name__, str(port), str(requests)]
    command += [str(rate), str(seconds), str(seed)]
    return Sample(**json.loads(run_tool(command, seconds)))


@click.command()
@click.argument("port", type=int)
@click.argument("requests", type=click.Path(path_type=Path))
@click.argument("rate", type=float)
@click.argument("seconds", type=int)
@click.argument("seed", type=int)
def main(port: int, requests: Path, rate: float, seconds: int, seed: int) -> None:
    """Drive the server on PORT at RATE requests per second; print the figures as JSON."""
    sample = measure(port, read_requests(requests), rate, seconds, seed)
    click.echo(json.dumps(dataclasses.asdict(sample)))


if __name__ == "__main__":
    main()
