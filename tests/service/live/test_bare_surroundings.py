"""A service that is started without what it doesn't need."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.service.live_server import ROOT, START_SECONDS, free_port, wait_for

DESCRIPTORS = 64


def _strip() -> None:
    """Close the standard input, and allow few descriptors."""
    os.close(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


@pytest.mark.skipif(sys.platform == "win32", reason="NOT CHECKED: it has no such limits")
def test_it_serves_without_input_home_or_reader_of_its_log_and_with_few_descriptors(
    demo_models: Path, tmp_path: Path, seven: bytes
) -> None:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name != "HOME"} | {
        "BENTOML_HOME": str(tmp_path / "bentoml"),
        "TRIDENT_MODELS": str(demo_models),
        "TRIDENT_GRPC_PORT": str(free_port()),
        "TRIDENT_WORKERS": "1",
        "TRIDENT_ACCESS_LOG": "1",
    }
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", "service:Trident"]
    reader, writer = os.pipe()
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=writer,
        stderr=subprocess.STDOUT,
        preexec_fn=_strip,
    )
    os.close(writer)
    os.close(reader)  # as `head` does when it has its lines
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _is_ready(url), START_SECONDS)
        for _ in range(3):
            answer = httpx.post(f"{url}/classify?model=tint", content=seven, headers=PNG)
            assert answer.status_code == 200
        server.terminate()
        assert server.wait(60) == 0
    finally:
        server.kill()  # its worker ends by itself


PNG = {"content-type": "image/png"}


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
