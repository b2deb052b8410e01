"""The images, and a running stack of three replicas: built and started once."""

from collections.abc import Iterator

import pytest

from tests.deployment.docker import Stack, docker, has_engine


@pytest.fixture(scope="session")
def images() -> None:
    """Build the images, or skip the tests that need them."""
    if not has_engine():
        pytest.skip("NO DOCKER ENGINE: the images and compose files were not tried")
    Stack().compose("--profile", "load", "build")


@pytest.fixture(scope="session")
def stack(images: None) -> Iterator[Stack]:
    """Everything but Grafana and locust, healthy."""
    stack = Stack()
    stack.compose("down", "--volumes")
    try:
        stack.up()
        yield stack
    finally:
        stack.compose("--profile", "load", "down", "--volumes")


@pytest.fixture
def container(images: None) -> Iterator[str]:
    """A name for a container that is removed at the end."""
    name = "trident-test-single"
    docker("rm", "--force", name)
    yield name
    docker("rm", "--force", name)
