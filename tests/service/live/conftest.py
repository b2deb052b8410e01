"""The one server that most tests share, and clients for it."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import ROOT, LiveServer
from tests.service.transport.http1.wire import connect

# Small enough to be overstepped cheaply.
MAX_INPUTS = 32
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_PIXELS = 16_000_000
MAX_QUEUE_SIZE = 64


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


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repository's files, in whose `models` new ones may be written."""
    folder = tmp_path_factory.mktemp("workplace")
    for path in ROOT.iterdir():
        if path.name not in (".git", "models"):
            (folder / path.name).symlink_to(path)
    shutil.copytree(ROOT / "models", folder / "models")
    return folder
