"""Models and pictures that the tests share."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.engine.engine import Engine
from service.engine.limits import Limits
from service.engine.rollout.leader import Watching
from tests.service.drawings import encode, grey, handwritten
from tests.service.live_server import ROOT

MODELS = Path(os.environ.get("TRIDENT_MODELS", ROOT / "models"))


@pytest.fixture(scope="session")
def shipped_models() -> Path:
    """The folder of the trained models that the project ships."""
    assert MODELS.is_dir(), f"no models in {MODELS}"
    return MODELS


@pytest.fixture(scope="session")
def demo_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models made by hand: tint/1, tint/2, slow/1 and sketch/1."""
    folder = tmp_path_factory.mktemp("demo-models")
    command = [sys.executable, "-m", "tests.service.demo_models", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def tensor_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the models of tests/service/tensor_models.py."""
    folder = tmp_path_factory.mktemp("tensor-models")
    command = [sys.executable, "-m", "tests.service.tensor_models", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def endless_models(demo_models: Path) -> Path:
    """A folder with endless/1: its call for a white image doesn't end."""
    return demo_models.with_name(f"{demo_models.name}-endless")


@pytest.fixture
async def sketching(demo_models: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine that serves `sketch` and nothing else, in batches of at most eight."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "sketch").symlink_to(demo_models / "sketch")
    limits = Limits(
        max_batch_size=8,
        max_queue_size=100,
        max_queue_seconds=60.0,
        max_inputs=64,
        max_pixels=1,
        max_inflight_bytes=1_000_000,
        decoders=1,
        max_inline_seconds=0.0,
    )
    engine = Engine(Watching(models=tmp_path / "models"), limits)
    await engine.load()
    yield engine
    await engine.close()


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
def seven() -> bytes:
    """A PNG of a 7."""
    return encode(grey(handwritten("7")))


@pytest.fixture(scope="session")
def three() -> bytes:
    """A JPEG of a 3, white on black."""
    return encode(grey(handwritten("3"), paper=0, pen=255), "JPEG")


@pytest.fixture(scope="session")
def white() -> bytes:
    """A white PNG: not a digit, and slow for the model `slow`."""
    return encode(grey(handwritten("1") * 0))
