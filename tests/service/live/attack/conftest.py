"""The server that is attacked: all models, two workers, small limits, and a talkative log.

Everybody may ask the models and read the metrics; the administration needs a key.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.api.access.keys import make_key
from tests.service.live_server import LiveServer, wait_for
from tests.service.some_keys import keys_setting

ADMIN_KEY = make_key()
LIMITS = {
    "max_inputs": 32,
    "max_body_bytes": 2 * 1024 * 1024,
    "max_pixels": 1_000_000,
    "header_timeout": 5,
    "stall_timeout": 5,
}


@pytest.fixture(scope="session")
def every_model(
    shipped_models: Path,
    demo_models: Path,
    tensor_models: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder of copies: the shipped models, a generator, and those that take tensors."""
    folder = tmp_path_factory.mktemp("every-model")
    shutil.copytree(shipped_models, folder, dirs_exist_ok=True)
    shutil.copytree(tensor_models, folder, dirs_exist_ok=True)
    shutil.copytree(demo_models / "sketch", folder / "sketch")
    shutil.rmtree(folder / "wave")  # it can't be served
    return folder


@pytest.fixture(scope="session")
def attacked(every_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A ready server, for this folder's tests alone."""
    observed = {"access_log": True, "log_level": "debug", "workers": 2}
    observed["keys"] = keys_setting((ADMIN_KEY, "ops", "predict,metrics,admin"), anyone=True)
    folder = tmp_path_factory.mktemp("attacked")
    with LiveServer(folder, every_model, **LIMITS, **observed) as live:
        live.wait_until_ready()
        wait_for(lambda: live.log.count("ready: gRPC") == 2)  # what still loads grows
        yield live
