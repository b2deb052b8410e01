"""A run: a server under load, and one version after another that goes live."""

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import psutil

from loadtests.bench.errors import ServerFailedError
from loadtests.bench.process_tree import ProcessTree
from loadtests.bench.requests import HOST, Request
from loadtests.bench.servers import ROOT, Trident
from loadtests.clients.calls import make_request
from loadtests.clients.samples import read_samples
from loadtests.models import copy_models
from loadtests.swaps.callers import METHODS
from loadtests.swaps.figures import Load, MemoryPoint, Swap, WorkerMemory, read_load
from loadtests.swaps.generator import command
from loadtests.swaps.releases import Releases
from service.api.trident.inference_pb2_grpc import InferenceStub

WORKERS: Final = 2
WATCH_INTERVAL: Final = 0.2  # seconds
QUIET_SECONDS: Final = 3.0
SWAP_SECONDS: Final = 180.0
"""The longest time until a version is live, and again until its programs are timed."""
CALIBRATION_SECONDS: Final = 5.0
LOAD_SHARE: Final = 0.4
"""The default load, as a part of what a closed loop reaches."""
TASKS: Final = {"digits": "classify", "sentiment": "sentiment", "embedding": "embed"}
"""The task of each model that can be swapped."""


@dataclass(frozen=True, slots=True)
class Run:
    """All that a run has measured.

    `rate` is what was asked for, in requests a second. `foreign_load` is the share of the
    machine's processors that neither the server nor the load used, and that wasn't idle.
    """

    model: str
    foreign_load: float
    rate: float
    best_rate: float | None
    watch_interval: float
    load: Load
    swaps: list[Swap]
    memory: list[MemoryPoint]


class SwapServer(Trident):
    """A server of two workers that looks at its folder of models often."""

    def __init__(self, models: Path, folder: Path) -> None:
        """Start it."""
        super().__init__(models, folder)
        self._workers = WORKERS

    def _environment(self, models: Path) -> Mapping[str, str]:
        changes = {"TRIDENT_WORKERS": WORKERS, "TRIDENT_WATCH_INTERVAL": WATCH_INTERVAL}
        return {**super()._environment(models), **{k: str(v) for k, v in changes.items()}}

    def lines(self, text: str) -> int:
        """Return how often the log has a text."""
        return self.tree.log.count(text)

    def memory(self) -> tuple[WorkerMemory, ...]:
        """Return the memory of each worker."""
        return tuple(_memory(process) for process in self.tree.processes() if is_worker(process))

    def wait(self, condition: Callable[[], bool], what: str) -> float:
        """Wait until the condition holds; return the time. Raises ServerFailedError."""
        self._wait(condition, SWAP_SECONDS, what)
        return time.monotonic()


def run_swaps(model: str, count: int, rate: float | None, say: Callable[[str], None]) -> Run:
    """Start a server, and swap versions of a model under load.

    Args:
        model: one of `TASKS`.
        count: how many swaps.
        rate: requests a second; None measures first what the machine can do.
        say: is told how far it is.

    Raises:
        ServerFailedError: the server didn't start, or a version didn't go live in time.
    """
    with tempfile.TemporaryDirectory(prefix="trident-swaps-") as name:
        folder = Path(name)
        models = copy_models(ROOT / "models", folder / "models")
        with SwapServer(models, folder) as server:
            say("Starting a server.")
            server.wait_until_ready()
            server.wait_until_warm()
            best = None if rate else _best_rate(server, model, folder)
            chosen = rate or LOAD_SHARE * (best or 0.0)
            say(f"{count} swaps of {model} at {chosen:.0f} requests/s.")
            with _load(server, model, chosen, folder / "load.npz") as generator:
                foreign = _ForeignLoad(server.tree, generator)
                swaps, memory = _swap_all(server, Releases(models, model), count, generator, say)
                foreign_load = foreign.share()
        load = read_load(folder / "load.npz")
    return Run(model, foreign_load, chosen, best, WATCH_INTERVAL, load, swaps, memory)


class _ForeignLoad:
    """What other programs use of the machine's processors, from now on."""

    def __init__(self, *own: ProcessTree) -> None:
        self._own = own
        self._begin = self._read()

    def share(self) -> float:
        """Return the share, 0 to 1."""
        used, total = (now - then for now, then in zip(self._read(), self._begin, strict=True))
        return max(0.0, used / total) if total else 0.0

    def _read(self) -> tuple[float, float]:
        """Return the seconds that others have used, and the seconds of all processors."""
        times = psutil.cpu_times()
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        own = time.process_time() + sum(tree.cpu_seconds() for tree in self._own)
        return total - idle - own, total


def _best_rate(server: SwapServer, model: str, folder: Path) -> float:
    with _load(server, model, 0.0, folder / "calibration.npz"):
        time.sleep(CALIBRATION_SECONDS)
    return read_load(folder / "calibration.npz").rate


@contextmanager
def _load(server: SwapServer, model: str, rate: float, output: Path) -> Iterator[ProcessTree]:
    """Keep a load on the server; afterwards, what it has seen is in `output`."""
    arguments = command(server.port, server.grpc_port, TASKS[model], rate, output)
    log = output.with_suffix(".log")
    with ProcessTree(arguments, folder=ROOT, environment={}, log=log) as generator:
        yield generator
    if not output.exists():
        raise ServerFailedError(
            f"The load ended early. Its log ends with:\n{generator.log[-2000:]}"
        )


def _swap_all(
    server: SwapServer,
    releases: Releases,
    count: int,
    generator: ProcessTree,
    say: Callable[[str], None],
) -> tuple[list[Swap], list[MemoryPoint]]:
    swaps: list[Swap] = []
    memory: list[MemoryPoint] = []
    with _Probe(server, releases.name) as probe:
        time.sleep(QUIET_SECONDS)
        for number in range(1, count + 1):
            swaps.append(_swap(server, releases, probe, card_first=number % 2 == 0))
            if number == 2 or number % 5 == 0:
                memory.append(MemoryPoint(number, server.memory()))
                say(f"{number} swaps: {_describe(memory[-1])}")
            if not generator.alive:
                raise ServerFailedError(f"The load has ended:\n{generator.log[-2000:]}")
    return swaps, memory


def _swap(server: SwapServer, releases: Releases, probe: "_Probe", *, card_first: bool) -> Swap:
    """Let the next version go live, then remove the one before it, and wait."""
    freed, timed = f"unloaded {releases.name}/{releases.newest}\n", "all shapes are timed"
    lines = server.lines(timed) + WORKERS
    copied = releases.copy_next(card_first=card_first)
    version = releases.newest
    live = server.wait(lambda: probe.versions() == {version}, f"serve version {version}")
    releases.remove_older()
    settled = server.wait(
        lambda: server.lines(timed) >= lines and server.lines(freed) >= WORKERS,
        f"settle after version {version}",
    )
    time.sleep(QUIET_SECONDS)
    return Swap(version, card_first, copied, live, settled, time.monotonic())


class _Probe:
    """Asks again and again which version answers."""

    def __init__(self, server: SwapServer, model: str) -> None:
        self._task = TASKS[model]
        data = read_samples(self._task)[0].data
        self._request: Request = server.request(self._task, data)
        self._http = http.client.HTTPConnection(HOST, server.port, timeout=30)
        self._channel = grpc.insecure_channel(f"{HOST}:{server.grpc_port}")
        stub = InferenceStub(self._channel)  # type: ignore[no-untyped-call]
        self._call = getattr(stub, METHODS[self._task])
        self._message = make_request(self._task, [data])

    def __enter__(self) -> "_Probe":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._channel.close()

    def versions(self) -> set[int]:
        """Return the versions that answer over HTTP and over gRPC."""
        headers = {"Content-Type": self._request.content_type, "Connection": "close"}
        self._http.request("POST", self._request.path, self._request.body, headers)
        answer = json.loads(self._http.getresponse().read())
        self._http.close()
        response = self._call(self._message, timeout=30)
        return {int(answer["version"]), int(response.model.version)}


def _memory(process: psutil.Process) -> WorkerMemory:
    memory = process.memory_full_info()
    return WorkerMemory(process.pid, memory.pss, memory.uss, memory.rss)


def is_worker(process: psutil.Process) -> bool:
    """Tell whether a process of a server answers requests."""
    return "worker.service" in " ".join(process.cmdline())


def _describe(point: MemoryPoint) -> str:
    return ", ".join(f"{worker.uss / 1e6:.0f} MB" for worker in point.workers)
