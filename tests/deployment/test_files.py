"""What can be checked of the compose files without starting them."""

import json
from typing import Any

import pytest

from tests.deployment.docker import docker, has_engine

pytestmark = pytest.mark.docker

FILES = ("-f", "docker/compose.yaml")


@pytest.fixture(autouse=True)
def _engine() -> None:
    if not has_engine():
        pytest.skip("NO DOCKER ENGINE: the compose files were not tried")


def _services(*options: str, replicas: str = "") -> dict[str, dict[str, Any]]:
    command = ("compose", *FILES, *options, "config", "--format", "json")
    config = docker(*command, environment={"TRIDENT_REPLICAS": replicas})
    return dict(json.loads(config)["services"])


def test_every_service_is_hardened() -> None:
    services = _services("--profile", "load")
    assert {"trident", "balancer", "prometheus", "grafana", "locust"} <= services.keys()
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name


def test_nothing_is_published_beyond_this_machine() -> None:
    for service in _services("--profile", "load").values():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1"


def test_on_a_gpu_there_is_one_worker_with_a_device() -> None:
    trident = _services("-f", "docker/compose.gpu.yaml")["trident"]
    assert trident["build"]["target"] == "gpu"
    assert trident["environment"]["TRIDENT_WORKERS"] == "1"
    (device,) = trident["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])


@pytest.mark.parametrize(("set_to", "replicas"), [("", 1), ("1", 1), ("7", 7)])
def test_replicas_and_those_that_prometheus_misses_are_set_by_one_variable(
    set_to: str, replicas: int
) -> None:
    services = _services(replicas=set_to)
    assert services["trident"]["deploy"]["replicas"] == replicas
    assert services["prometheus"]["environment"] == {"TRIDENT_REPLICAS": str(replicas)}


def test_a_secure_stack_has_keys_and_tls_at_the_balancer() -> None:
    services = _services("-f", "docker/compose.secure.yaml")
    settings = services["trident"]["environment"]
    assert settings["TRIDENT_KEYS"] == ""
    assert settings["TRIDENT_KEYS_FILE"] == "/run/trident/keys.json"
    assert services["balancer"]["environment"]["BALANCER_TLS"] == "on"
    for name in ("trident", "balancer"):
        (mounted,) = services[name]["volumes"]
        assert (mounted["target"], mounted["read_only"]) == ("/run/trident", True)
