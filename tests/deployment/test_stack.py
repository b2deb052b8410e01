"""The stack of docker/compose.yaml with three replicas: found, balanced, killed, replaced.

One stack goes through all of it: the tests run in this order.
"""

import re
from pathlib import Path

import grpc
import httpx
import pytest

from service.grpc import inference_pb2 as messages
from tests.deployment.docker import OPTIONS, Stack, docker, inspect, run, wait_for
from tests.deployment.traffic import PNG, SEVEN, Traffic
from tests.service.grpc_client import inference_stub
from tests.service.test_readme import EXAMPLES, Example, check_example, workplace

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

__all__ = ["workplace"]  # a fixture

REPLICAS = 3


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code.split("\n")[0][:60])
def test_the_readme_holds_for_the_stack(stack: Stack, workplace: Path, example: Example) -> None:
    http, grpc_target = stack.address("balancer", 3000), stack.address("balancer", 3001)
    check_example(example, http, grpc_target, workplace)


def test_replicas_can_write_nothing_and_are_nobody(stack: Stack) -> None:
    for replica in stack.replicas():
        assert docker("exec", replica, "id", "-u").strip() == "10001"
        write = "for f in /app/x /models/x /opt/venv/x; do ! touch $f 2>/dev/null || exit 1; done"
        docker("exec", replica, "sh", "-c", write)


def _grpc_answers(replica: str) -> float:
    """Return how many gRPC calls a replica has answered."""
    ask = "urllib.request.urlopen('http://127.0.0.1:3000/metrics')"
    script = f"import urllib.request; print({ask}.read().decode())"
    figures = docker("exec", replica, "python", "-c", script)
    found = re.findall(r'^trident_requests_total{[^}]*protocol="grpc"[^}]*} (\S+)', figures, re.M)
    return sum(map(float, found))


def test_calls_of_one_grpc_connection_are_shared_out(stack: Stack) -> None:
    _check_that_calls_are_shared_out(stack)


def _check_that_calls_are_shared_out(stack: Stack) -> None:
    before = {replica: _grpc_answers(replica) for replica in stack.replicas()}
    with grpc.insecure_channel(stack.address("balancer", 3001)) as channel:
        stub = inference_stub(channel)
        for _ in range(30):
            stub.Classify(messages.ClassifyRequest(images=[SEVEN]), timeout=30)
    assert len(before) == REPLICAS
    for replica, count in before.items():
        assert _grpc_answers(replica) - count >= 5


def test_the_balancer_keeps_the_replicas_figures_inside(stack: Stack) -> None:
    assert httpx.get(f"http://{stack.address('balancer', 3000)}/metrics").status_code == 404


def test_prometheus_finds_every_replica(stack: Stack) -> None:
    url = f"http://{stack.address('prometheus', 9090)}/api/v1/query"

    def targets_up() -> int:
        answer = httpx.get(url, params={"query": 'up{job="trident"} == 1'})
        return len(answer.json()["data"]["result"])

    wait_for(lambda: targets_up() == REPLICAS)


def test_a_killed_worker_is_replaced_in_its_container(stack: Stack) -> None:
    replica = stack.replicas()[0]
    script = (
        "import glob, os\n"
        "for f in glob.glob('/proc/[0-9]*/cmdline'):\n"
        # Written in two parts, so that the script doesn't find itself.
        "    if b'_bentoml_impl' + b'.worker' in open(f, 'rb').read():\n"
        "        os.kill(int(f.split('/')[2]), 9)"
    )
    docker("exec", replica, "python", "-c", script)
    wait_for(lambda: not _is_ready(replica))
    wait_for(lambda: _is_ready(replica))
    assert inspect(replica)["RestartCount"] == 0
    url = f"http://{stack.address('balancer', 3000)}/classify"
    assert httpx.post(url, content=SEVEN, headers=PNG, timeout=30).status_code == 200


def _is_ready(replica: str) -> bool:
    try:
        docker("exec", replica, "python", "-I", "healthcheck.py")
    except AssertionError:
        return False
    return True


def test_a_rolling_restart_loses_no_request(stack: Stack) -> None:
    before = stack.replicas()
    with Traffic(stack.address("balancer", 3000), stack.address("balancer", 3001)) as traffic:
        wait_for(lambda: len(traffic.answers) == len(traffic.kinds))
        run("docker/rolling-restart.sh", *OPTIONS)
        seen = traffic.answers.copy()
        wait_for(lambda: all(traffic.answers[kind] > seen[kind] for kind in traffic.kinds))
    assert traffic.failures == []
    assert len(stack.replicas()) == REPLICAS
    assert not set(before) & set(stack.replicas())
    _check_that_calls_are_shared_out(stack)


def test_replicas_that_are_told_to_stop_end_well(stack: Stack) -> None:
    replicas = stack.replicas()
    stack.compose("stop")
    assert [inspect(replica)["State"]["ExitCode"] for replica in replicas] == [0] * REPLICAS
