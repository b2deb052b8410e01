"""The benchmark from start to end: start servers, check answers, run loads, stop servers."""

import pickle
import statistics
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

from loadtests.bench.ceiling import Ceiling
from loadtests.bench.check import check_grpc, check_http
from loadtests.bench.cold_start import measure_cold_starts
from loadtests.bench.drivers import Drivers
from loadtests.bench.figures import Load, Measurement, medians
from loadtests.bench.inputs import Inputs
from loadtests.bench.memory import bare_memory
from loadtests.bench.photos import measure_photos
from loadtests.bench.plan import ENDPOINTS, IMAGES_PER_CALL, SATURATING, Plan, Say
from loadtests.bench.requests import HOST
from loadtests.bench.results import Memory, Results, new_results
from loadtests.bench.servers import Server, Stock, Trident


def run_benchmark(
    plan: Plan, parts: Collection[str], models: Path, inputs: Inputs, say: Say
) -> Results:
    """Measure the parts; `say` gets lines of progress.

    Raises:
        BenchError: a server failed or answered wrongly, or a load generator failed.
    """
    results = new_results(plan)
    with tempfile.TemporaryDirectory(prefix="trident-bench-") as name:
        folder = Path(name)
        if "cold-start" in parts:
            results.cold_start = measure_cold_starts(plan, models, inputs, folder, say)
        if set(parts) - {"cold-start"}:
            with ExitStack() as stack:
                _Session(results, parts, models, inputs, folder, say, stack).run()
    return results


class _Session:
    """Both servers and the ceiling run all the time; one of them at a time is driven."""

    def __init__(
        self,
        results: Results,
        parts: Collection[str],
        models: Path,
        inputs: Inputs,
        folder: Path,
        say: Say,
        stack: ExitStack,
    ) -> None:
        self._results, self._plan, self._parts = results, results.plan, parts
        self._models, self._inputs, self._folder, self._say = models, inputs, folder, say
        # One after the other, because each finds its fastest programs by timing them.
        self._trident = stack.enter_context(Trident(models, folder))
        self._wait_for(self._trident)
        self._stock = stack.enter_context(Stock(models, folder))
        self._wait_for(self._stock)
        self._say("ceiling: compiling")
        self._ceiling = stack.enter_context(Ceiling(models, self._write_inputs(folder)))
        self._ceiling.wait_until_warm()
        self._drivers = Drivers(
            self._trident, self._stock, inputs, folder, self._plan.warm_up_seconds
        )

    def run(self) -> None:
        """Check, measure, check again."""
        self._check()
        warm = {server.name: server.tree.largest_memory() for server in self._servers}
        found: list[Measurement] = []
        ceilings: dict[str, list[float]] = {}
        for number in range(self._plan.rounds):
            found += self._closed_round(number)
            for endpoint in self._endpoints():
                self._say(f"round {number + 1}: ceiling of {endpoint}")
                rate = self._ceiling.measure(endpoint, self._plan.seconds)
                ceilings.setdefault(endpoint, []).append(rate)
        self._results.ceiling = {name: statistics.median(r) for name, r in ceilings.items()}
        self._results.measurements = medians(found)
        if "photos" in self._parts:
            self._results.photos = measure_photos(
                self._plan, self._servers, self._inputs, self._folder, self._say
            )
        if "open-loop" in self._parts:
            self._results.measurements += medians(list(self._open_rounds()))
        self._check()
        if "memory" in self._parts:
            self._results.memory = self._measure_memory(warm)

    @property
    def _servers(self) -> tuple[Server, ...]:
        return (self._trident, self._stock)

    def _wait_for(self, server: Server) -> None:
        self._say(f"{server.name}: starting")
        server.wait_until_ready()
        self._say(f"{server.name}: ready, waiting until it is warm")
        server.wait_until_warm()

    def _write_inputs(self, folder: Path) -> Path:
        file = folder / "inputs.pickle"
        inputs = {name: self._inputs.load(name) for name in self._endpoints()}
        file.write_bytes(pickle.dumps(inputs))
        return file

    def _endpoints(self) -> list[str]:
        """Return the endpoints that are driven in closed loop, for any of the parts."""
        needs_images = {"grpc", "open-loop"} & set(self._parts)
        return [
            endpoint
            for endpoint in ENDPOINTS
            if endpoint in self._parts or (endpoint == "classify" and needs_images)
        ]

    def _checked_endpoints(self) -> list[str]:
        endpoints = self._endpoints()
        needed = "photos" in self._parts and "classify" not in endpoints
        return ["classify", *endpoints] if needed else endpoints

    def _check(self) -> None:
        for endpoint in self._checked_endpoints():
            for server in self._servers:
                share = check_http(server, endpoint, self._inputs)
                self._results.accuracy[f"{server.name} /{endpoint}"] = share
                self._say(f"{server.name} /{endpoint}: {share:.1%} of the answers are right")
        if "grpc" in self._parts:
            share = check_grpc(f"{HOST}:{self._trident.grpc_port}", self._inputs)
            self._results.accuracy["trident gRPC Classify"] = share

    def _http_loads(self) -> Iterator[Load]:
        for endpoint in self._endpoints():
            for connections in self._plan.connections:
                for server in self._servers:
                    yield Load(server.name, endpoint, "http", concurrency=connections)

    def _grpc_loads(self) -> Iterator[Load]:
        if "grpc" not in self._parts:
            return
        for images, concurrencies in (
            (1, self._plan.connections),
            (IMAGES_PER_CALL, self._plan.many_connections),
        ):
            for concurrency in concurrencies:
                yield Load("trident", "classify", "grpc", images, concurrency)

    def _closed_round(self, number: int) -> Iterator[Measurement]:
        """Drive each load once; every second round in reverse order, so that drift cancels out."""
        loads = [*self._http_loads(), *self._grpc_loads()]
        for load in loads if number % 2 == 0 else reversed(loads):
            drive = (
                self._drivers.closed_grpc if load.protocol == "grpc" else self._drivers.closed_http
            )
            yield self._told(number, drive(load, self._plan.seconds))

    def _open_rounds(self) -> Iterator[Measurement]:
        for number in range(self._plan.rounds):
            for share in self._plan.rate_shares:
                for server in self._servers:
                    rate = share * self._saturation(server.name)
                    load = Load(server.name, "classify", "http", rate_share=share)
                    yield self._told(
                        number,
                        self._drivers.open_http(load, rate, self._plan.open_seconds, seed=number),
                    )

    def _saturation(self, server: str) -> float:
        found = self._results.closed(server, "classify", SATURATING)
        return max(1.0, found.requests_per_second if found else 0.0)

    def _told(self, number: int, found: Measurement) -> Measurement:
        load = found.load
        how = (
            f"{load.concurrency} at once" if load.concurrency else f"{found.rate:,.0f} scheduled/s"
        )
        self._say(
            f"round {number + 1}: {load.server} {load.protocol} {load.endpoint}"
            f" x{load.inputs_per_request}, {how}: {found.requests_per_second:,.0f} requests/s,"
            f" p99 {found.p99:.2f} ms, {found.errors} errors"
        )
        return found

    def _measure_memory(self, warm: dict[str, int]) -> Memory:
        return Memory(
            bare=bare_memory(self._models),
            warm_worker=warm,
            loaded_worker={s.name: s.tree.largest_memory() for s in self._servers},
            loaded_total={s.name: s.tree.total_memory() for s in self._servers},
        )
