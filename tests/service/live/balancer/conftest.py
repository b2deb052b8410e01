"""HAProxy in front of the server that most tests share, and in front of no server."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live_server import LiveServer, free_port, wait_for


@pytest.fixture(scope="session")
def haproxy() -> str:
    """The path of HAProxy."""
    path = shutil.which("haproxy")
    if path is None:
        pytest.skip("NOT CHECKED: haproxy is missing; apt-get install haproxy brings it")
    return path


@pytest.fixture(scope="session")
def balancer(
    haproxy: str, server: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveBalancer]:
    """A balancer in front of the shared server."""
    folder = tmp_path_factory.mktemp("balancer")
    with LiveBalancer(haproxy, folder, server.http_port, server.grpc_port) as live:
        yield live


@pytest.fixture(scope="session")
def lonely_balancer(
    haproxy: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveBalancer]:
    """A balancer that knows that its replica doesn't answer."""
    folder = tmp_path_factory.mktemp("lonely")
    with LiveBalancer(haproxy, folder, free_port(), free_port()) as live:
        wait_for(lambda: live.health() == 503, seconds=30)
        yield live


SECOND = {
    "timeout server 45s": "timeout server 1s",
    "timeout client 60s": "timeout client 1s",
}
"""Waiting times of a balancer that waits a second where the committed one waits long."""


class Balance(Protocol):
    """Starts a balancer in front of the replica at these ports of this machine."""

    def __call__(
        self, http_port: int, grpc_port: int, waiting_times: Mapping[str, str] = SECOND
    ) -> LiveBalancer: ...


@pytest.fixture
def balance(haproxy: str, tmp_path: Path) -> Iterator[Balance]:
    """Balancers for one test, which end with it."""
    with ExitStack() as stack:

        def start(
            http_port: int, grpc_port: int, waiting_times: Mapping[str, str] = SECOND
        ) -> LiveBalancer:
            balancer = LiveBalancer(haproxy, tmp_path, http_port, grpc_port, waiting_times)
            return stack.enter_context(balancer)

        yield start
