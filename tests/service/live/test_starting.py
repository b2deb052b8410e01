"""A start that can't succeed ends at once, with a message, and doesn't disturb other services."""

import signal
import socket
import tempfile
from pathlib import Path

import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.exceptions import BentoMLConfigException

from service.bento.metrics_folder import choose_metrics_folder
from tests.service.live_server import LiveServer, wait_for

SECONDS = 60.0


def assert_refused(live: LiveServer, *words: str) -> None:
    with live:
        assert live.wait_until_exit(SECONDS) == 1
    assert "Traceback" not in live.log
    for word in words:
        assert word in live.log, live.log


@pytest.mark.parametrize("workers", [1, 2])
def test_a_taken_http_port_is_named(demo_models: Path, tmp_path: Path, workers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        live = LiveServer(tmp_path, demo_models, http_port=port, workers=workers)
        assert_refused(live, f"127.0.0.1:{port}", "Address already in use", "--port")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_taken_grpc_port_is_named(demo_models: Path, tmp_path: Path, workers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        live = LiveServer(tmp_path, demo_models, grpc_port=port, workers=workers)
        assert_refused(live, str(port), "Address already in use", "TRIDENT_GRPC_PORT")


@pytest.mark.parametrize("grpc_host", ["0.0.0.0", "127.0.0.1", "::"])
def test_both_protocols_can_not_have_the_same_port(
    demo_models: Path, tmp_path: Path, grpc_host: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    live = LiveServer(
        tmp_path, demo_models, http_port=port, grpc_port=port, grpc_host=grpc_host, workers=2
    )
    assert_refused(live, f"HTTP and gRPC can't share port {port}", "TRIDENT_GRPC_PORT")


def test_an_address_that_is_not_of_this_machine_is_named(demo_models: Path, tmp_path: Path) -> None:
    live = LiveServer(tmp_path, demo_models, grpc_host="192.0.2.1")
    assert_refused(live, "192.0.2.1", "TRIDENT_GRPC_HOST")


def test_a_folder_of_models_that_is_missing_is_named(tmp_path: Path) -> None:
    assert_refused(
        LiveServer(tmp_path, tmp_path / "gone"), str(tmp_path / "gone"), "TRIDENT_MODELS"
    )


def test_a_folder_of_bentomls_that_can_not_be_made_is_named(
    demo_models: Path, tmp_path: Path
) -> None:
    """BentoML needs it before it asks the service: it prints a traceback."""
    with LiveServer(tmp_path, demo_models, bentoml_home="/proc/gone") as live:
        assert live.wait_until_exit(SECONDS) == 1
    assert "/proc/gone" in live.log.splitlines()[-1]


def test_it_starts_with_reloading_too(demo_models: Path, tmp_path: Path) -> None:
    with LiveServer(tmp_path, demo_models, options=["--reload"]) as live:
        wait_for(lambda: "Starting production" in live.log, SECONDS)
        live.process.send_signal(signal.SIGTERM)
        assert live.wait_until_exit(SECONDS) == 0
    assert "Traceback" not in live.log


def test_a_machine_without_a_folder_for_temporary_files_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/no/such"])
    provider = BentoMLContainer.prometheus_multiproc_dir
    monkeypatch.setattr(provider, "_override", provider._override)  # put back at the end
    with pytest.raises(BentoMLConfigException, match=r"/proc/no/such.*TMPDIR"):
        choose_metrics_folder()
