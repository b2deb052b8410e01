"""A server's life: not ready, ready, a worker lost, stopped under load.

One server is used for all of it: the tests build on each other and run in this order.
"""

import http.client
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.api.trident import inference_pb2 as messages
from tests.service.drawings import encode, grey, handwritten
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import LiveServer, wait_for

IMAGE = encode(grey(handwritten("7")))
PNG = {"content-type": "image/png"}
SLOW = messages.ModelChoice(name="slow")
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture(scope="module")
def life(all_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that was just started."""
    folder = tmp_path_factory.mktemp("life")
    with LiveServer(folder, all_models, drain_timeout=120) as live:
        yield live


def _health(server: LiveServer) -> int | None:
    """Return what the health service says, or None while nobody answers."""
    with grpc.insecure_channel(server.grpc_target) as channel:
        try:
            health = health_pb2_grpc.HealthStub(channel)
            return int(health.Check(health_pb2.HealthCheckRequest(), timeout=2).status)
        except grpc.RpcError:
            return None


def test_it_says_that_it_is_not_ready_while_it_loads(life: LiveServer, seven: bytes) -> None:
    wait_for(lambda: _health(life) is not None)
    assert _health(life) == NOT_SERVING
    assert httpx.get(f"{life.url}/readyz", timeout=30).status_code == 503
    assert httpx.get(f"{life.url}/livez", timeout=30).status_code == 200
    answer = httpx.post(f"{life.url}/classify", content=seven, headers=PNG, timeout=30)
    assert (answer.status_code, answer.json()["title"]) == (503, "Not ready")
    with grpc.insecure_channel(life.grpc_target) as channel, pytest.raises(grpc.RpcError) as caught:
        inference_stub(channel).Classify(messages.ClassifyRequest(images=[seven]))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_it_becomes_ready_by_both_protocols(life: LiveServer) -> None:
    life.wait_until_ready()
    wait_for(lambda: _health(life) == SERVING)


def test_a_killed_worker_is_replaced(life: LiveServer, seven: bytes) -> None:
    (worker,) = life.workers()
    worker.kill()
    worker.wait(30)
    wait_for(lambda: bool(life.workers()) and _health(life) == SERVING)
    life.wait_until_ready()
    assert [process.pid for process in life.workers()] != [worker.pid]
    answer = httpx.post(f"{life.url}/classify", content=seven, headers=PNG, timeout=60)
    assert (answer.status_code, answer.json()["model"]) == (200, "digits")
    with grpc.insecure_channel(life.grpc_target) as channel:
        response = inference_stub(channel).Classify(messages.ClassifyRequest(images=[seven]))
    assert response.model.name == "digits"


def test_stopping_finishes_what_was_accepted(life: LiveServer, white: bytes) -> None:
    """Requests in the model and in its queue are answered although the service is told to stop."""
    connections = [
        http.client.HTTPConnection("127.0.0.1", life.http_port, timeout=60) for _ in range(4)
    ]
    with grpc.insecure_channel(life.grpc_target) as channel:
        stub = inference_stub(channel)
        request = messages.ClassifyRequest(images=[white], model=SLOW)
        stub.Classify(request)  # connected, and the model is free
        calls = [stub.Classify.future(request) for _ in range(4)]
        for connection in connections:
            connection.request("POST", "/classify?model=slow", white, PNG)
        time.sleep(0.5)  # all of them have arrived
        assert not all(call.done() for call in calls)
        life.process.send_signal(signal.SIGTERM)
        labels = [call.result().results[0].classification.label for call in calls]
        labels += [json.load(connection.getresponse())["label"] for connection in connections]
    assert labels == ["slow"] * 8
    assert life.wait_until_exit() == 0
    assert "Traceback" not in life.log
