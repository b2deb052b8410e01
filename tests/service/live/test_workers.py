"""Two workers on one port: their figures add up, and stay right when one of them is killed."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import psutil
import pytest

from service.api.trident import inference_pb2 as messages
from tests.service.live.grpc_client import inference_stub
from tests.service.live.metrics import samples, value
from tests.service.live_server import LiveServer, wait_for
from tests.service.transport.http1.wire import connect, head, read_answer

StartAgain = Callable[..., LiveServer]

PNG = {"content-type": "image/png"}
WORKERS = 2
QUEUE_LIMIT = 100


@pytest.fixture(scope="module")
def pair(shipped_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of two ready workers."""
    folder = tmp_path_factory.mktemp("pair")
    limits = {"workers": WORKERS, "max_queue_size": QUEUE_LIMIT, "drain_timeout": 60}
    with LiveServer(folder, shipped_models, **limits) as live:
        live.wait_until_ready()
        wait_for(lambda: both_ready(live))
        yield live


@pytest.fixture
def second_start(shipped_models: Path, pair: LiveServer, tmp_path: Path) -> StartAgain:
    """Starts a service of the same user, whose own files are where the first one's are."""
    home = pair.process.environ()["BENTOML_HOME"]

    def start(**settings: object) -> LiveServer:
        return LiveServer(tmp_path, shipped_models, bentoml_home=home, **settings)

    return start


@pytest.fixture
def http(pair: LiveServer) -> Iterator[httpx.Client]:
    """A client that opens a connection for each request: any worker may answer."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=pair.url, timeout=60, limits=limits) as client:
        yield client


def both_ready(server: LiveServer) -> bool:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        limit = value(client, "trident_queue_limit", model="digits", version="1")
        return value(client, "trident_ready") == 1 and limit == WORKERS * QUEUE_LIMIT


def worker_numbers(http: httpx.Client) -> set[str]:
    memory = "trident_process_resident_memory_bytes"
    return {s.labels["worker"] for s in samples(http) if s.name == memory}


def classify(http: httpx.Client, image: bytes, times: int) -> Counter[int]:
    def one(_: int) -> int:
        return http.post("/classify", content=image, headers=PNG).status_code

    with ThreadPoolExecutor(8) as threads:
        return Counter(threads.map(one, range(times)))


def answered(http: httpx.Client) -> float:
    return value(http, "trident_requests_total", endpoint="classify", status="200")


def call(server: LiveServer, image: bytes) -> str:
    """Classify by gRPC, over a connection of its own; return the status."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options) as channel:
        try:
            inference_stub(channel).Classify(messages.ClassifyRequest(images=[image]), timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"


def listens(port: int) -> bool:
    """Tell whether a process listens on a port, one that is being killed among them."""
    listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
    return port in [c.laddr.port for c in listening if c.laddr]


def starts(server: LiveServer) -> int:
    """How many workers have become ready so far."""
    return server.log.count("ready: gRPC on port")


def busy_seconds(worker: psutil.Process) -> float:
    times = worker.cpu_times()
    return float(times.user + times.system)


def test_the_workers_figures_add_up(pair: LiveServer, http: httpx.Client, seven: bytes) -> None:
    before = [busy_seconds(worker) for worker in pair.workers()]
    assert classify(http, seven, 200) == {200: 200}
    after = [busy_seconds(worker) for worker in pair.workers()]
    assert all(new > old for new, old in zip(after, before, strict=True)), "one did nothing"
    wait_for(lambda: answered(http) == 200, seconds=10)
    assert value(http, "trident_predictions_total", model="digits", label="7") == 200
    assert value(http, "trident_confidence_count", model="digits") == 200
    wait_for(lambda: worker_numbers(http) == {"1", "2"}, seconds=30)


def test_a_killed_workers_counts_stay_and_its_gauges_go(
    pair: LiveServer, http: httpx.Client, seven: bytes
) -> None:
    wait_for(lambda: answered(http) == 200, seconds=10)
    victim = pair.workers()[0]
    victim.kill()
    wait_for(lambda: victim.pid not in {worker.pid for worker in pair.workers()})
    assert answered(http) == 200
    wait_for(lambda: both_ready(pair))
    assert len(worker_numbers(http)) == WORKERS
    assert answered(http) == 200
    assert classify(http, seven, 100) == {200: 100}
    wait_for(lambda: answered(http) == 300, seconds=10)
    assert value(http, "trident_queue_depth") == 0
    assert value(http, "trident_worker_exits_total", cause="killed") == 1
    assert f"(process {victim.pid}) was killed by SIGKILL" in pair.log
    assert pair.log.count("in place of one that died") == 1


def test_nobody_notices_that_a_killed_workers_successor_is_not_ready(
    pair: LiveServer, http: httpx.Client, seven: bytes
) -> None:
    """The other worker answers all requests in the meantime, over both protocols."""
    before = starts(pair)
    victim = pair.workers()[0]
    victim.kill()
    wait_for(lambda: victim.pid not in {worker.pid for worker in pair.workers()})
    statuses: Counter[int | str] = Counter()
    while not (statuses.total() > 20 and starts(pair) > before):
        statuses[http.post("/classify", content=seven, headers=PNG).status_code] += 1
        statuses[call(pair, seven)] += 1
    assert set(statuses) == {200, "OK"}


def test_a_second_start_on_the_same_ports_is_refused_and_changes_nothing(
    pair: LiveServer, http: httpx.Client, second_start: StartAgain
) -> None:
    before = answered(http)
    with second_start(http_port=pair.http_port, grpc_port=pair.grpc_port) as second:
        assert second.wait_until_exit() == 1
    assert "Traceback" not in second.log
    assert answered(http) == before


def test_a_second_service_of_the_same_user_has_its_own_metrics(
    pair: LiveServer, http: httpx.Client, seven: bytes, second_start: StartAgain
) -> None:
    before = answered(http)
    with (
        second_start() as second,
        httpx.Client(base_url=second.wait_until_ready().url, timeout=60) as other,
    ):
        assert answered(other) == 0
        assert other.post("/classify", content=seven, headers=PNG).status_code == 200
        wait_for(lambda: answered(other) == 1, seconds=10)
        assert answered(http) == before
    assert answered(http) == before


def test_workers_end_with_a_supervisor_that_is_killed_and_free_both_ports(
    pair: LiveServer, seven: bytes, second_start: StartAgain
) -> None:
    """The requests in progress are answered, and a new service can start at once."""
    workers = pair.workers()
    with connect(pair.http_port) as wire:
        wire.sendall(head(f"Content-Length: {len(seven)}", path="/classify"))
        pair.process.kill()
        pair.process.wait(30)
        wait_for(lambda: not listens(pair.http_port) and not listens(pair.grpc_port))
        with second_start(http_port=pair.http_port, grpc_port=pair.grpc_port) as second:
            wait_for(lambda: "Starting production" in second.log)
            wire.sendall(seven)
            assert read_answer(wire).status == 415  # it was said to be text
    _, alive = psutil.wait_procs(workers, 30)
    assert not alive
    assert "has died: this worker ends too" in pair.log
