"""The soak: what it compares, and what its hostile clients send."""

import asyncio
import random
from collections.abc import Sequence

import numpy as np
import pytest

from loadtests.soak.figures import Change, Reading, WorkerState, changes, lost_at
from loadtests.soak.hostile import Hostile, HostileCaller, hostile_requests
from loadtests.swaps.callers import FailedRequestError
from loadtests.swaps.figures import Load

EARLY, LATE = (10.0, 20.0), (90.0, 100.0)


def load(due: Sequence[float], latency: Sequence[float], version: Sequence[int]) -> Load:
    failures = [(5.0, "at the kill"), (50.0, "later")]
    arrays = np.array(due), np.array(latency), np.array(version)
    return Load(*arrays, failures=failures, went_back=0, lateness=0.0, cpu_share=0.0)


def reading(at: float, *workers: tuple[int, int]) -> Reading:
    return Reading(at, tuple(WorkerState(pid, memory, 30, 40) for pid, memory in workers))


def test_a_workers_memory_is_compared_over_the_two_spans_only() -> None:
    readings = [
        reading(5, (1, 900), (2, 900)),
        reading(10, (1, 100), (2, 500)),
        reading(12, (1, 120), (3, 100)),
        reading(19, (1, 110), (3, 100)),
        reading(50, (1, 900), (3, 900)),
        reading(95, (1, 121), (3, 100)),
    ]
    found = {
        one.name: one for one in changes(readings, load([15, 95], [1, 2], [1, 1]), EARLY, LATE)
    }
    assert found["memory of worker 1"] == Change("memory of worker 1", 110, 121)
    assert found["memory of worker 1"].ratio == pytest.approx(1.1)
    assert found["memory of worker 3"].ratio == 1
    assert "memory of worker 2" not in found  # it has died


def test_the_latency_is_that_of_good_requests() -> None:
    requests = load([15, 16, 95, 96], [0.002, 9.0, 0.003, 9.0], [1, 0, 2, 0])
    found = {one.name: one for one in changes([], requests, EARLY, LATE)}
    assert found["p99"] == Change("p99", 2.0, 3.0)


def test_failures_at_the_kill_are_told_apart() -> None:
    assert lost_at(load([], [], []), [(0, 10)]) == (["at the kill"], ["later"])


def test_growth_from_nothing_is_growth() -> None:
    assert Change("threads", 0, 1).ratio > 1.05
    assert Change("threads", 0, 0).ratio == 1


@pytest.mark.parametrize("status", [200, 422])
async def test_a_hostile_request_that_gets_another_answer_is_a_failure(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4)
        writer.write(b"HTTP/1.1 %d Fine\r\n\r\n" % status)
        writer.close()

    refused = Hostile("bad", b"GET / ", frozenset({422}))
    monkeypatch.setattr("loadtests.soak.hostile.hostile_requests", lambda draw: [refused])
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        caller = HostileCaller(server.sockets[0].getsockname()[1])
        if status == 422:
            assert await caller.ask(0) == 0
        else:
            with pytest.raises(FailedRequestError, match="hostile, bad: 200"):
                await caller.ask(0)


def test_hostile_requests_differ_in_kind() -> None:
    found = hostile_requests(random.Random(1))
    assert len({one.name for one in found}) == len(found) > 15
