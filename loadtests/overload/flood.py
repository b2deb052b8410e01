"""One generator, in a process of its own: a load in phases, and what became of each request.

In an open loop requests come at random times, whatever becomes of the ones before (a Poisson
process). Latency counts from the time at which a request should be sent. A connection has a limited
number of requests at a time: a request that finds no room on any connection isn't sent. It is
counted, as a caller would count it whose pool of connections is exhausted.
"""

import dataclasses
import json
import os
import select
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from typing import Final

import click

from loadtests.bench.figures import percentile
from loadtests.bench.open_loop import poisson_arrivals
from loadtests.bench.tools import run_tool
from loadtests.clients.samples import read_samples
from loadtests.overload.wires import Reply, Wire, WireError, WireMaker

SETTLE: Final = 1.0
"""Seconds at the beginning of a phase that aren't measured."""
_GRACE: Final = 10.0  # seconds for the last answers
_EACH: Final = 32  # requests between two looks for answers, if the generator is late


@dataclass(frozen=True, slots=True)
class Phase:
    """So many requests a second, for so many seconds; with rate 0 in a closed loop.

    With `returns` a request that is refused comes again, once, after this part of the time that
    it was told.
    """

    rate: float
    seconds: float
    returns: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What became of the requests of a phase. Times in seconds.

    Attributes:
        goodput: good answers a second.
        p50, p99: latencies of the good answers.
        refused, unsent, lost: how many others there were.
        retry_after: the times that refusals said: least, median, most.
        returned, returned_good: how many came again, and how many of them were let in.
        lateness: how late the generator sent (99th percentile).
        abnormal: how long after its beginning a request was refused, unsent, or took longer than
            `slow` for the last time.
    """

    goodput: float
    p50: float
    p99: float
    good: int
    refused: int
    unsent: int
    lost: int
    retry_after: list[float]
    returned: int
    returned_good: int
    lateness: float
    abnormal: float


@dataclass(frozen=True, slots=True)
class Result:
    """What a generator found: its phases, and the share of a core that it used."""

    outcomes: list[Outcome]
    cpu_share: float


@dataclass(slots=True)
class _Notes:
    """Of each request of a phase: when it was due, and what became of it."""

    begins: float
    seconds: float
    good: list[tuple[float, float]] = field(default_factory=list)
    refused: list[tuple[float, float]] = field(default_factory=list)
    unsent: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    returns: float = 0.0
    returned: list[bool] = field(default_factory=list)

    def outcome(self, slow: float) -> Outcome:
        """Return the figures; answers that take longer than `slow` aren't normal."""
        start, end = self.begins + min(SETTLE, self.seconds / 2), self.begins + self.seconds
        done = [due + latency for due, latency in self.good]
        inside = [latency for due, latency in self.good if start <= due < end] or [float("nan")]
        told = [after for _, after in self.refused] or [0.0]
        bad = [due for due, latency in self.good if latency > slow]
        bad += [due for due, _ in self.refused] + self.unsent + self.lost
        return Outcome(
            goodput=sum(start <= at < end for at in done) / (end - start),
            p50=percentile(inside, 0.5),
            p99=percentile(inside, 0.99),
            good=len(self.good),
            refused=len(self.refused),
            unsent=len(self.unsent),
            lost=len(self.lost),
            retry_after=[min(told), percentile(told, 0.5), max(told)],
            returned=len(self.returned),
            returned_good=sum(self.returned),
            lateness=percentile(self.lateness or [0.0], 0.99),
            abnormal=max(bad, default=self.begins) - self.begins,
        )


@dataclass(frozen=True, slots=True)
class _Request:
    due: float
    notes: _Notes
    again: bool


class Flood:
    """A number of connections, and the requests on them."""

    def __init__(self, make: WireMaker, connections: int) -> None:
        """Connect, and get one answer on each connection."""
        self._wires = [make() for _ in range(connections)]
        self._by_socket = {wire.fileno(): wire for wire in self._wires}
        self._poll = select.epoll()
        self._free = deque(self._wires)
        self._sent: dict[tuple[Wire, int], _Request] = {}
        self._returning: list[tuple[float, int, _Notes]] = []
        self._make = make
        self._received = 0
        for wire in self._wires:
            self._poll.register(wire.fileno(), select.EPOLLIN)
        self._start = time.perf_counter()

    def run(self, phases: Sequence[Phase], slow: float) -> list[Outcome]:
        """Send the load of each phase, one after another, and await the last answers."""
        begins = [0.0]
        for phase in phases:
            begins.append(begins[-1] + phase.seconds)
        self._start = time.perf_counter()
        noted: list[_Notes] = []
        for phase, (begin, end) in zip(phases, pairwise(begins), strict=True):
            notes = _Notes(begin, phase.seconds, returns=phase.returns)
            if phase.rate:
                arrivals = poisson_arrivals(phase.rate, phase.seconds, len(noted))
                self._open(notes, (begin + due for due in arrivals))
            else:
                self._closed(notes, end)
            noted.append(notes)
        while self._sent and self._now() < begins[-1] + _GRACE:
            self._receive(0.1)
        for request in self._sent.values():
            request.notes.lost.append(request.due)
        return [notes.outcome(slow) for notes in noted]

    def _now(self) -> float:
        return time.perf_counter() - self._start

    def _open(self, notes: _Notes, arrivals: Iterable[float]) -> None:
        for due in arrivals:
            while (wait := due - self._now()) > 0:
                self._receive(wait)
            self._receive_sometimes()
            notes.lateness.append(self._now() - due)
            self._send(notes, due)

    def _closed(self, notes: _Notes, end: float) -> None:
        while (now := self._now()) < end:
            while self._free:
                self._send(notes, now)
            self._receive(0.01)

    def _receive_sometimes(self) -> None:
        """Read answers even if requests are always due."""
        self._received += 1
        if self._received % _EACH == 0:
            self._receive(0.0)

    def _send(self, notes: _Notes, due: float, *, again: bool = False) -> None:
        if not self._free:
            if not again:
                notes.unsent.append(due)
            return
        wire = self._free[0]
        try:
            number = wire.send()
        except OSError:
            notes.lost.append(due)
            self._replace(wire)
            return
        self._sent[wire, number] = _Request(due, notes, again)
        if not wire.room:
            self._free.popleft()

    def _receive(self, wait: float) -> None:
        for number, _ in self._poll.poll(wait):
            wire = self._by_socket[number]
            had_room = wire.room > 0
            try:
                replies = wire.receive()
            except WireError:
                self._replace(wire)
                continue
            for reply in replies:
                self._note(wire, reply)
            if wire.room and not had_room:
                self._free.append(wire)
        while self._returning and self._returning[0][0] <= (now := self._now()):
            self._send(heappop(self._returning)[-1], now, again=True)

    def _note(self, wire: Wire, reply: Reply) -> None:
        request = self._sent.pop((wire, reply.number))
        due, notes, now = request.due, request.notes, self._now()
        if request.again:
            notes.returned.append(reply.is_good)
        elif reply.is_refusal and notes.returns:
            back = now + notes.returns * reply.retry_after
            heappush(self._returning, (back, len(notes.refused), notes))
        if reply.is_good:
            notes.good.append((due, now - due))
        elif reply.is_refusal:
            notes.refused.append((due, reply.retry_after))
        else:
            notes.lost.append(due)

    def _replace(self, wire: Wire) -> None:
        """Connect again; what was under way on the old connection is lost."""
        for key in [key for key in self._sent if key[0] is wire]:
            request = self._sent.pop(key)
            request.notes.lost.append(request.due)
        self._poll.unregister(wire.fileno())
        del self._by_socket[wire.fileno()]
        if wire in self._free:
            self._free.remove(wire)
        wire.close()
        new = self._make()
        self._by_socket[new.fileno()] = new
        self._poll.register(new.fileno(), select.EPOLLIN)
        self._free.append(new)


@dataclass(frozen=True, slots=True)
class Order:
    """What a generator shall do. `slow` is a latency that isn't normal any more, in seconds."""

    protocol: str
    port: int
    task: str
    connections: int
    """Over HTTP a connection has one request at a time, over gRPC up to `STREAMS`."""
    phases: list[Phase]
    slow: float = 1.0
    items: int = 1
    cores: list[int] = field(default_factory=list)


def run_flood(order: Order) -> Result:
    """Run a generator in a process of its own. Raises LoadFailedError."""
    return read_result(run_tool(command(order), sum(phase.seconds for phase in order.phases)))


def command(order: Order) -> list[str]:
    """Return the command that runs a generator."""
    return [sys.executable, "-m", __name__, json.dumps(dataclasses.asdict(order))]


def read_result(text: str) -> Result:
    """Return what a generator has printed."""
    content = json.loads(text)
    return Result([Outcome(**found) for found in content["outcomes"]], content["cpu_share"])


@click.command()
@click.argument("order", type=json.loads)
def main(order: dict[str, object]) -> None:
    """Do what ORDER says, a JSON object; print the result as JSON."""
    phases = [Phase(**phase) for phase in order.pop("phases")]  # type: ignore[attr-defined]
    wanted = Order(**order, phases=phases)  # type: ignore[arg-type]
    if wanted.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, wanted.cores)
    data = read_samples(wanted.task)[0].data
    maker = WireMaker(wanted.protocol, wanted.port, wanted.task, data, wanted.items)
    flood = Flood(maker, wanted.connections)
    wall, cpu = time.perf_counter(), time.process_time()
    outcomes = flood.run(wanted.phases, wanted.slow)
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    click.echo(json.dumps(dataclasses.asdict(Result(outcomes, share))))


if __name__ == "__main__":
    main()
