"""The stack of docker/compose.yaml with three replicas: found, balanced, killed, replaced.

One stack goes through all of it: the tests run in this order.
"""

import re
import signal
from pathlib import Path

import grpc
import httpx
import pytest

from service.api.trident import inference_pb2 as messages
from tests.deployment.docker import (
    OPTIONS,
    PROJECT,
    REPLICAS,
    Stack,
    docker,
    inspect,
    run,
    start,
    wait_for,
)
from tests.deployment.traffic import PNG, SEVEN, Traffic, large_seven
from tests.service.live.grpc_client import inference_stub
from tests.service.live.test_readme import EXAMPLES, Example, check_example, workplace

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

__all__ = ["workplace"]  # a fixture


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
    answer = httpx.get(f"http://{stack.address('balancer', 3000)}/%6detrics")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_prometheus_finds_every_replica_and_the_balancer(stack: Stack) -> None:
    wait_for(lambda: len(stack.query('up{job="trident"} == 1')) == REPLICAS)
    wait_for(lambda: len(stack.query('up{job="balancer"} == 1')) == 1)
    wait_for(lambda: len(stack.query(f"job:trident_replicas:ready == {REPLICAS}")) == 1)
    (wanted,) = stack.query("job:trident_replicas:wanted")
    assert (wanted["metric"]["job"], wanted["value"][1]) == ("trident", str(REPLICAS))
    wait_for(lambda: stack.alerts() == set())


def test_up_keeps_the_replicas(stack: Stack) -> None:
    before = stack.replicas()
    stack.up()
    assert stack.replicas() == before


def test_a_killed_worker_is_replaced_in_its_container(stack: Stack) -> None:
    replica = stack.replicas()[0]
    _kill_worker(replica)
    assert inspect(replica)["RestartCount"] == 0
    url = f"http://{stack.address('balancer', 3000)}/classify"
    assert httpx.post(url, content=SEVEN, headers=PNG, timeout=30).status_code == 200
    assert "TridentWorkerRestarts" not in stack.alerts()


def test_a_replica_whose_workers_are_killed_again_and_again_is_noticed(stack: Stack) -> None:
    replica = stack.replicas()[0]
    _kill_worker(replica)
    _kill_worker(replica)
    wait_for(lambda: "TridentWorkerRestarts" in stack.alerts())
    wait_for(lambda: inspect(replica)["State"]["Health"]["Status"] == "unhealthy")


def _kill_worker(replica: str) -> None:
    """Kill a replica's worker as the kernel does for memory; wait for its successor."""
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


def _is_ready(replica: str) -> bool:
    ask = "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/readyz', timeout=5)"
    try:
        docker("exec", replica, "python", "-c", ask)
    except AssertionError:
        return False
    return True


def test_a_rolling_restart_loses_no_request_even_if_it_fails_first(
    stack: Stack, tmp_path: Path
) -> None:
    before = stack.replicas()
    bad = tmp_path / "bad.yaml"
    bad.write_text("services: {trident: {environment: {TRIDENT_MAX_BATCH_SIZE: none}}}")
    with Traffic(stack.address("balancer", 3000), stack.address("balancer", 3001)) as traffic:
        wait_for(lambda: len(traffic.answers) == len(traffic.kinds))
        with pytest.raises(AssertionError, match="TRIDENT_MAX_BATCH_SIZE can't be 'none'"):
            run("docker/rolling-restart.sh", *OPTIONS, "-f", str(bad))
        assert stack.replicas() == before
        _leave_replicas_behind(stack, bad)
        run("docker/rolling-restart.sh", *OPTIONS)
        seen = traffic.answers.copy()
        wait_for(lambda: all(traffic.answers[kind] > seen[kind] for kind in traffic.kinds))
    assert traffic.failures == []
    assert len(stack.replicas()) == REPLICAS
    assert not set(before) & set(stack.replicas())
    _check_that_calls_are_shared_out(stack)


def _leave_replicas_behind(stack: Stack, bad: Path) -> None:
    """Start a replica that never gets ready, and end one, as an interrupted restart may."""
    scale = ("--scale", f"trident={REPLICAS + 1}")
    stack.compose("-f", str(bad), "up", "--detach", "--no-deps", "--no-recreate", *scale, "trident")
    docker("stop", stack.replicas()[-1])


def test_an_interrupted_rolling_restart_leaves_as_many_replicas(stack: Stack) -> None:
    before = stack.replicas()
    restart = start("docker/rolling-restart.sh", *OPTIONS)
    wait_for(lambda: len(stack.replicas()) > REPLICAS)
    restart.send_signal(signal.SIGTERM)
    assert restart.wait(60) != 0
    assert stack.replicas() == before


def test_a_replica_that_is_ready_but_gets_no_requests_is_noticed(stack: Stack) -> None:
    (network,) = inspect(stack.replicas()[0])["NetworkSettings"]["Networks"].values()
    stack.compose("exec", "-T", "balancer", "drain", network["IPAddress"])
    wait_for(lambda: "TridentBalancerMissesReplica" in stack.alerts())
    stack.compose("exec", "-T", "balancer", "drain", "--release")
    wait_for(lambda: "TridentBalancerMissesReplica" not in stack.alerts())


def test_a_replica_that_has_ended_is_missed(stack: Stack) -> None:
    wait_for(lambda: "TridentReplicaDown" not in stack.alerts())
    docker("kill", stack.replicas()[0])
    wait_for(lambda: len(stack.query('up{job="trident"}')) == REPLICAS - 1)
    wait_for(lambda: "TridentReplicaDown" in stack.alerts())


def test_replicas_that_are_told_to_stop_end_well(stack: Stack) -> None:
    _, *running = stack.replicas()
    stack.compose("stop", "trident")
    assert [inspect(replica)["State"]["ExitCode"] for replica in running] == [0] * len(running)


def test_the_balancers_errors_and_its_end_are_noticed(stack: Stack) -> None:
    url = f"http://{stack.address('balancer', 3000)}/classify"

    def is_told_of() -> bool:
        answer = httpx.post(url, content=large_seven(), headers=PNG, timeout=30)
        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        return "TridentBalancerErrors" in stack.alerts()

    wait_for(is_told_of)
    with grpc.insecure_channel(stack.address("balancer", 3001)) as channel:
        with pytest.raises(grpc.RpcError) as error:
            inference_stub(channel).Classify(messages.ClassifyRequest(images=[large_seven()]))
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    stack.compose("stop", "balancer")
    wait_for(lambda: "TridentBalancerDown" in stack.alerts())


def test_down_leaves_nothing(stack: Stack) -> None:
    stack.compose("--profile", "load", "down")
    assert docker("ps", "--all", "--quiet", "--filter", f"label={PROJECT}") == ""
