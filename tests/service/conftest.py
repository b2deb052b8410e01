"""The one server that most tests share, and clients for it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from service.grpc.inference_pb2_grpc import InferenceStub
from tests.service.drawings import encode, grey, handwritten
from tests.service.grpc_client import inference_stub
from tests.service.http.wire import connect
from tests.service.live_server import ROOT, LiveServer

MODELS = Path(os.environ.get("TRIDENT_MODELS", ROOT / "models"))

# Small enough to be overstepped cheaply.
MAX_INPUTS = 32
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_PIXELS = 16_000_000
MAX_QUEUE_SIZE = 64


@pytest.fixture(scope="session")
def shipped_models() -> Path:
    """The folder of the trained models that the project ships."""
    assert MODELS.is_dir(), f"no models in {MODELS}"
    return MODELS


@pytest.fixture(scope="session")
def demo_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models made by hand: tint/1, tint/2 and slow/1."""
    folder = tmp_path_factory.mktemp("demo-models")
    command = [sys.executable, "-m", "tests.service.demo_models", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def all_models(
    shipped_models: Path, demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of the shipped models and the ones made by hand."""
    folder = tmp_path_factory.mktemp("models")
    for model in (*shipped_models.iterdir(), *demo_models.glob("*/")):
        (folder / model.name).symlink_to(model.resolve())
    return folder


@pytest.fixture(scope="session")
def server(all_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A ready server of all models, with small limits."""
    limits = {
        "max_inputs": MAX_INPUTS,
        "max_body_bytes": MAX_BODY_BYTES,
        "max_pixels": MAX_PIXELS,
        "max_queue_size": MAX_QUEUE_SIZE,
    }
    with LiveServer(tmp_path_factory.mktemp("server"), all_models, **limits) as live:
        yield live.wait_until_ready()


@pytest.fixture(scope="session")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    """An HTTP client of the shared server."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture
def wire(server: LiveServer) -> Iterator[socket.socket]:
    """A connection to the shared server's HTTP port."""
    with connect(server.http_port) as connection:
        yield connection


@pytest.fixture(scope="session")
def channel(server: LiveServer) -> Iterator[grpc.Channel]:
    """A gRPC channel to the shared server."""
    with grpc.insecure_channel(server.grpc_target) as open_channel:
        yield open_channel


@pytest.fixture(scope="session")
def stub(channel: grpc.Channel) -> InferenceStub:
    """The project's own gRPC client of the shared server."""
    return inference_stub(channel)


@pytest.fixture(scope="session")
def seven() -> bytes:
    """A PNG of a 7."""
    return encode(grey(handwritten("7")))


@pytest.fixture(scope="session")
def three() -> bytes:
    """A JPEG of a 3, white on black."""
    return encode(grey(handwritten("3"), paper=0, pen=255), "JPEG")


@pytest.fixture(scope="session")
def white() -> bytes:
    """A white PNG: no digit, and what the model `slow` takes long for."""
    return encode(grey(handwritten("1") * 0))
