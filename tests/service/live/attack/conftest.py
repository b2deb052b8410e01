"""The server that is attacked: all models, two workers, small limits, and a talkative log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.live_server import LiveServer

LIMITS = {
    "max_inputs": 32,
    "max_body_bytes": 2 * 1024 * 1024,
    "max_pixels": 1_000_000,
    "header_timeout": 5,
    "stall_timeout": 5,
}


@pytest.fixture(scope="session")
def every_model(
    shipped_models: Path, tensor_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of the shipped models, and of those that take tensors."""
    folder = tmp_path_factory.mktemp("every-model")
    for model in (*shipped_models.iterdir(), *tensor_models.iterdir()):
        if model.name != "wave":  # which can't be served
            (folder / model.name).symlink_to(model.resolve())
    return folder


@pytest.fixture(scope="session")
def attacked(every_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A ready server, for this folder's tests alone."""
    observed = {"access_log": True, "log_level": "debug", "workers": 2}
    folder = tmp_path_factory.mktemp("attacked")
    with LiveServer(folder, every_model, **LIMITS, **observed) as live:
        yield live.wait_until_ready()
