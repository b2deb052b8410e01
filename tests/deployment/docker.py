"""The docker command, and a compose project of the tests' own."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "com.docker.compose.project=trident-test"
OPTIONS = ("-p", "trident-test", "-f", str(Path(__file__).with_name("compose.test.yaml")))
REPLICAS = 3
# A build on the host's network also works where containers can't reach a package index.
ENVIRONMENT = {
    "TRIDENT_BUILD_NETWORK": "host",
    "TRIDENT_REPLICAS": str(REPLICAS),
} | os.environ


def docker(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a docker command in the repository's folder; return what it prints.

    Raises AssertionError, with its output, if it fails.
    """
    return run("docker", *command, environment=environment)


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """As `docker`, for any command."""
    process = subprocess.run(
        command,
        cwd=ROOT,
        env=ENVIRONMENT | dict(environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, f"{' '.join(command)}:\n{process.stdout}\n{process.stderr}"
    return process.stdout


def start(*command: str) -> "subprocess.Popen[bytes]":
    """Start a command and discard its output."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def has_engine() -> bool:
    """Whether there is a Docker engine with compose."""
    try:
        docker("info")
        docker("compose", "version")
    except (AssertionError, FileNotFoundError):
        return False
    return True


def inspect(container: str) -> dict[str, Any]:
    """Return the output of `docker inspect` for a container or an image."""
    (description,) = json.loads(docker("inspect", container))
    return dict(description)


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until a condition holds. Raises AssertionError if it never does."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.2)


class Stack:
    """The services of docker/compose.yaml, on ports that were free."""

    def compose(self, *command: str) -> str:
        """Run a command of docker compose."""
        return docker("compose", "-f", "docker/compose.yaml", *OPTIONS, *command)

    def up(self) -> None:
        """Start everything but Grafana and locust, and wait until it is healthy."""
        self.compose("up", "--detach", "--wait", "trident", "balancer", "prometheus")

    def replicas(self) -> list[str]:
        """Return the ids of Trident's containers, also of those that don't run."""
        return self.compose("ps", "--all", "--quiet", "trident").split()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that Prometheus answers, each with `metric` and `value`."""
        url = f"http://{self.address('prometheus', 9090)}/api/v1/query"
        data = httpx.get(url, params={"query": expression}, timeout=30).json()["data"]
        return list(data["result"])

    def alerts(self) -> set[str]:
        """Return the names of the alerts that are firing or pending."""
        return {series["metric"]["alertname"] for series in self.query("ALERTS")}

    def address(self, service: str, port: int) -> str:
        """Return where a service's port is published, as HOST:PORT."""
        return self.compose("port", service, str(port)).strip()
