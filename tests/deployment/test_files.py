"""What can be checked of the compose files without starting them."""

import json

import pytest

from tests.deployment.docker import docker, has_engine

pytestmark = pytest.mark.docker

FILES = ("-f", "docker/compose.yaml")


@pytest.fixture(autouse=True)
def _engine() -> None:
    if not has_engine():
        pytest.skip("NO DOCKER ENGINE: the compose files were not tried")


def _services(*options: str) -> dict[str, dict[str, object]]:
    config = docker("compose", *FILES, *options, "config", "--format", "json")
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
        for port in service.get("ports", []):  # type: ignore[attr-defined]
            assert port["host_ip"] == "127.0.0.1"


def test_on_a_gpu_there_is_one_worker_with_a_device() -> None:
    trident = _services("-f", "docker/compose.gpu.yaml")["trident"]
    assert trident["build"]["target"] == "gpu"  # type: ignore[index]
    assert trident["environment"]["TRIDENT_WORKERS"] == "1"  # type: ignore[index]
    (device,) = trident["deploy"]["resources"]["reservations"]["devices"]  # type: ignore[index]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
