"""A stop: a server under the load of one kind of client is told to stop."""

import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from loadtests.bench.requests import Request
from loadtests.bench.servers import ROOT, Trident
from loadtests.clients.samples import read_samples
from loadtests.stops.callers import ANSWERED, GRPC_CALLERS, HTTP_CALLERS, REFUSED, Threads
from loadtests.stops.programs import Java, Wrk

CLIENTS: Final = (*HTTP_CALLERS, "wrk", "java", *GRPC_CALLERS)
_LONGEST: Final = 120.0  # seconds to stop


class Load(Protocol):
    """Clients that send requests until they are refused."""

    def result(self) -> Counter[str]:
        """Return what became of the requests, when the server has ended."""


@dataclass(frozen=True, slots=True)
class Stop:
    """What one stop has cost: requests by what became of them, and seconds until the end."""

    client: str
    seen: Counter[str]
    seconds: float

    @property
    def answered(self) -> int:
        """Requests that were answered with 200 or OK."""
        return self.seen[ANSWERED]

    @property
    def refused(self) -> int:
        """Requests for which no connection could be opened."""
        return self.seen[REFUSED]

    @property
    def lost(self) -> Mapping[str, int]:
        """The other requests, by what happened."""
        return {
            what: count
            for what, count in self.seen.items()
            if count and what not in (ANSWERED, REFUSED)
        }


class _Server(Trident):
    def __init__(self, folder: Path, workers: int) -> None:
        self._count = workers
        super().__init__(ROOT / "models", folder)

    def _environment(self, models: Path) -> Mapping[str, str]:
        return {**super()._environment(models), "TRIDENT_WORKERS": str(self._count)}

    def wait_for_all(self) -> None:
        """Wait until each worker is ready. Raises ServerFailedError."""
        ready = "ready: gRPC"
        self._wait(lambda: self.tree.log.count(ready) >= self._count, 60, f"log {ready!r}")


def stop_under_load(client: str, workers: int, number: int, seconds: float) -> Stop:
    """Start a server, send requests for so many seconds, and stop it by a signal.

    Args:
        client: one of `CLIENTS`.
        workers: of the server.
        number: SIGTERM for the supervisor; SIGINT for the whole group, as Ctrl+C sends it.
        seconds: how long the load lasts before the signal.

    Raises:
        BenchError: the server or the load didn't start.
    """
    with tempfile.TemporaryDirectory(prefix="trident-stops-") as name:
        folder = Path(name)
        with _Server(folder, workers) as server:
            server.wait_until_ready()
            server.wait_for_all()
            load = _start(client, server, folder)
            time.sleep(seconds)
            started = time.monotonic()
            server.tree.signal(number)
            server.tree.wait(_LONGEST)
            taken = time.monotonic() - started
            return Stop(client, load.result(), taken)


def _start(client: str, server: _Server, folder: Path) -> Load:
    image = read_samples("classify")[0].data
    request = Request("/classify", "image/png", bytes(image))  # type: ignore[arg-type]
    match client:
        case "wrk":
            return Wrk(server.port, request, folder)
        case "java":
            return Java(server.port, request, folder)
    if client in GRPC_CALLERS:
        return Threads(GRPC_CALLERS[client], server.grpc_port, request)
    return Threads(HTTP_CALLERS[client], server.port, request)
