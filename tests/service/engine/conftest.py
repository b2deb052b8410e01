"""A folder of small versions, and the repository that scans it."""

from pathlib import Path

import pytest

from service.engine.folder.repository import Repository
from tests.service.engine.artifacts import Clock, write_artifact


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with a/1, a/2 and b/1."""
    for version in ("a/1", "a/2", "b/1"):
        write_artifact(tmp_path / "models" / version, task=f"task-{version[0]}")
    return tmp_path / "models"


@pytest.fixture
def clock() -> Clock:
    """The repository's clock."""
    return Clock()


@pytest.fixture
def repository(models: Path, clock: Clock) -> Repository:
    """A repository that has scanned the folder once."""
    repository = Repository(models, clock=clock)
    assert not repository.scan().faults
    return repository
