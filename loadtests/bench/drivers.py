"""Driving one server with one load, and measuring what it costs the server."""

import time
from collections.abc import Callable
from pathlib import Path

from loadtests.bench.figures import Load, Measurement, Sample, measurement
from loadtests.bench.h2load import run_h2load
from loadtests.bench.inputs import Inputs
from loadtests.bench.open_loop import run_open_loop
from loadtests.bench.plan import ENDPOINTS
from loadtests.bench.requests import write_requests
from loadtests.bench.servers import Server, Trident
from loadtests.bench.wrk import run_wrk
from service.api.trident import inference_pb2 as messages

CLASSIFY = "/trident.v1.Inference/Classify"
_PAUSE = 1.0  # seconds between two loads, so that the first one has no effect on the second


class Drivers:
    """The load generators, with the requests for each server written to files beforehand."""

    def __init__(
        self, trident: Trident, stock: Server, inputs: Inputs, folder: Path, warm_up_seconds: int
    ) -> None:
        """Write each server's requests to `folder`; run `warm_up_seconds` before each load."""
        self._warm_up_seconds = warm_up_seconds
        self._inputs = inputs
        self._trident = trident
        servers = (trident, stock)
        self._servers = {server.name: server for server in servers}
        self._files: dict[tuple[str, str], Path] = {}
        for server in servers:
            for endpoint in ENDPOINTS:
                file = folder / f"{server.name}-{endpoint}.requests"
                requests = [server.request(endpoint, data) for data in inputs.load(endpoint)]
                write_requests(file, requests)
                self._files[server.name, endpoint] = file

    def closed_http(self, load: Load, seconds: int) -> Measurement:
        """Drive with wrk. Raises LoadFailedError."""
        port, file = self._servers[load.server].port, self._files[load.server, load.endpoint]
        return self._measure(
            load, seconds, lambda seconds: run_wrk(port, file, load.concurrency or 1, seconds)
        )

    def closed_grpc(self, load: Load, seconds: int) -> Measurement:
        """Drive with h2load and the first images. Raises LoadFailedError."""
        server = self._trident
        images = self._inputs.images[: load.inputs_per_request]
        message = messages.ClassifyRequest(images=images).SerializeToString()

        def run(seconds: int) -> Sample:
            failed = server.failed_grpc_calls()
            sample = run_h2load(server.grpc_port, CLASSIFY, message, load.concurrency or 1, seconds)
            return sample.with_failures(server.failed_grpc_calls() - failed)

        return self._measure(load, seconds, run)

    def open_http(self, load: Load, rate: float, seconds: int, seed: int) -> Measurement:
        """Drive at `rate` requests a second. Raises LoadFailedError."""
        port, file = self._servers[load.server].port, self._files[load.server, load.endpoint]
        return self._measure(
            load, seconds, lambda seconds: run_open_loop(port, file, rate, seconds, seed), rate
        )

    def _measure(
        self, load: Load, seconds: int, run: Callable[[int], Sample], rate: float | None = None
    ) -> Measurement:
        """Run twice, and measure the second time: the first lets the server settle on the load."""
        time.sleep(_PAUSE)
        run(self._warm_up_seconds)
        tree = self._servers[load.server].tree
        before = tree.cpu_seconds()
        sample = run(seconds)
        return measurement(load, sample, tree.cpu_seconds() - before, rate)
