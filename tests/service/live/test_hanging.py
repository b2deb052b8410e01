"""A model whose call doesn't end costs one worker, and not the service."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psutil
import pytest

from tests.service.live.metrics import value
from tests.service.live_server import LiveServer, wait_for

PNG = {"content-type": "image/png"}
TIMEOUT = 2.0  # seconds


@pytest.fixture(scope="module")
def pair(endless_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of two ready workers."""
    folder = tmp_path_factory.mktemp("hanging")
    with LiveServer(folder, endless_models, workers=2, call_timeout=TIMEOUT) as live:
        wait_for(lambda: live.log.count("ready: gRPC") == 2)
        yield live


def test_its_workers_leave_no_core_dumps(pair: LiveServer) -> None:
    """One byte is too little for a file, and forbids dumps that are piped to a program."""
    for worker in pair.workers():
        assert worker.rlimit(psutil.RLIMIT_CORE)[0] in (0, 1)


def classify(http: httpx.Client, image: bytes) -> httpx.Response:
    return http.post("/classify", content=image, headers=PNG)


def statuses_of_new_connections(live: LiveServer, image: bytes) -> set[int]:
    """Return the answers on many connections, all of which are opened at once."""
    with ExitStack() as stack:
        address = ("127.0.0.1", live.http_port)
        connections = [
            stack.enter_context(closing(HTTPConnection(*address, timeout=60))) for _ in range(64)
        ]
        for connection in connections:
            connection.connect()
        statuses = set()
        for connection in connections:
            connection.request("POST", "/classify", image, PNG)
            statuses.add(connection.getresponse().status)
        return statuses


def test_the_worker_of_a_call_that_does_not_end_is_replaced_and_the_other_serves_on(
    pair: LiveServer, seven: bytes, white: bytes
) -> None:
    before = {worker.pid for worker in pair.workers()}
    with httpx.Client(base_url=pair.url, timeout=60) as http:
        answer = classify(http, white)
    assert answer.status_code == 504
    assert answer.json()["detail"].startswith("The model hasn't answered within 2 s")
    assert statuses_of_new_connections(pair, seven) == {200}
    wait_for(lambda: len({worker.pid for worker in pair.workers()} & before) == 1)
    assert "endless/1 has been computing a batch of 1 for 2 s: this worker ends" in pair.log
    wait_for(lambda: "hung, as its last lines say" in pair.log)
    assert "Traceback" not in pair.log
    wait_for(lambda: pair.log.count("ready: gRPC") == 3)
    with httpx.Client(base_url=pair.url, timeout=60) as http:
        assert value(http, "trident_worker_exits_total", cause="hung") == 1


def test_it_is_replaced_too_when_the_call_runs_on_its_event_loop(
    pair: LiveServer, seven: bytes, white: bytes
) -> None:
    """Nobody can answer then: the connection ends."""
    with httpx.Client(base_url=pair.url, timeout=60) as http:
        for _ in range(30):  # the worker learns that its batches are short
            assert classify(http, seven).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            classify(http, white)
    wait_for(lambda: pair.log.count("hung, as its last lines say") == 2)
    assert pair.process.status() != psutil.STATUS_ZOMBIE
