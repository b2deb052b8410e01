"""From a server's start to its first answers."""

import http.client
import statistics
import time
from pathlib import Path

from loadtests.bench.errors import ServerFailedError
from loadtests.bench.inputs import Inputs
from loadtests.bench.plan import ENDPOINTS, Plan, Say
from loadtests.bench.requests import HOST
from loadtests.bench.results import ColdStart
from loadtests.bench.servers import Server, Stock, Trident


def measure_cold_starts(
    plan: Plan, models: Path, inputs: Inputs, folder: Path, say: Say
) -> dict[str, ColdStart]:
    """Start each server again in each round, alone on the machine, in turn.

    Raises:
        ServerFailedError: a server didn't become ready, or answered with an error.
    """
    found: dict[str, list[ColdStart]] = {}
    for number in range(plan.rounds):
        for kind in (Trident, Stock) if number % 2 == 0 else (Stock, Trident):
            with kind(models, folder) as server:
                ready = server.wait_until_ready()
                one = ColdStart(ready, ready + _seconds_to_answer(server, inputs))
            found.setdefault(server.name, []).append(one)
            say(f"cold start of {server.name}: ready in {one.ready:.1f} s")
    return {
        name: ColdStart(
            statistics.median(one.ready for one in rounds),
            statistics.median(one.answered for one in rounds),
        )
        for name, rounds in found.items()
    }


def _seconds_to_answer(server: Server, inputs: Inputs) -> float:
    """Return how long the first answers take, one of each endpoint."""
    started = time.monotonic()
    for endpoint in ENDPOINTS:
        request = server.request(endpoint, inputs.load(endpoint)[0])
        connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        headers = {"Content-Type": request.content_type}
        connection.request("POST", request.path, request.body, headers)
        status = connection.getresponse().status
        connection.close()
        if status != 200:
            raise ServerFailedError(f"{server.name} answered its first /{endpoint} with {status}.")
    return time.monotonic() - started
