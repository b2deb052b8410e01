"""What can't be read, or has a fault, stays as it was and is named."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.engine.folder.repository import Repository
from service.errors import CorruptModelError
from tests.service.engine.artifacts import versions_of, write_artifact

ALL = ["a/2", "a/1", "b/1"]


class Refusal:
    """Refuses to list one folder: as root every folder could be listed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._list, self._scandir, self._folder = Path.iterdir, os.scandir, folder
        monkeypatch.setattr(Path, "iterdir", lambda path: self._iterdir(path))
        monkeypatch.setattr("service.engine.folder.folder_files.os.scandir", self._scan)

    def _check(self, folder: Path) -> None:
        if folder == self._folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    def _iterdir(self, folder: Path) -> Iterator[Path]:
        self._check(folder)
        return self._list(folder)

    def _scan(self, folder: Path) -> Any:
        self._check(folder)
        return self._scandir(folder)


@pytest.mark.parametrize("is_left", [True, False], ids=["an empty root", "no root"])
def test_a_folder_without_models_is_no_order_to_stop(
    repository: Repository, models: Path, is_left: bool
) -> None:
    """As when a volume isn't mounted for a while."""
    models.rename(models.with_name("away"))
    if is_left:
        models.mkdir()
    found = repository.scan()
    assert versions_of(found) == ALL
    assert found.policies.keys() == {"a", "b"}
    assert found.defaults == {"task-a": "a", "task-b": "b"}
    (fault,) = found.faults
    assert str(models) in fault
    if is_left:
        models.rmdir()
    models.with_name("away").rename(models)
    assert not repository.scan().faults


@pytest.mark.parametrize("name", [".", "a", "a/1", "a/1/variables"])
def test_a_folder_that_cannot_be_read_stays_as_it_was(
    repository: Repository, models: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patched:
        Refusal(patched, models / name)
        found = repository.scan(settled=True)
    assert versions_of(found) == ALL
    (fault,) = found.faults
    assert fault.endswith("can't be read: Permission denied.")
    assert not repository.scan().faults


def test_a_model_whose_link_leads_nowhere_stays_as_it_was(models: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    (models / "a").rename(store)
    (models / "a").symlink_to(store)
    (store / "serving.json").write_text('{"versions": [1]}')
    repository = Repository(models)
    assert versions_of(repository.scan()) == ALL
    store.rename(tmp_path / "away")
    found = repository.scan()
    assert versions_of(found) == ALL
    assert found.policies["a"].versions == (1,)
    assert found.faults == [f"{models / 'a'} can't be read: the link leads nowhere."]


def test_an_unreadable_version_at_the_start_is_rejected(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        Refusal(patched, models / "a" / "2")
        repository = Repository(models)
        found = repository.scan()
    assert versions_of(found) == ["a/1", "b/1"]
    assert [v.version for v in found.rejected] == ["2"]
    assert versions_of(repository.scan()) == ALL


def test_until_a_scan_succeeds_it_fails(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "models")
    with pytest.raises(CorruptModelError, match="No model in"):
        repository.scan()
    folder = write_artifact(tmp_path / "models" / "a" / "1", files={})
    with pytest.raises(CorruptModelError, match="has no hash"):
        repository.scan()
    write_artifact(folder)
    assert versions_of(repository.scan(settled=True)) == ["a/1"]


def test_a_fault_in_the_defaults_leaves_them_as_they_were(models: Path) -> None:
    write_artifact(models / "c" / "1", task="task-a")
    file = models / "defaults.json"
    file.write_text('{"task-a": "c"}')
    repository = Repository(models)
    assert repository.scan().defaults == {"task-a": "c", "task-b": "b"}
    for content in ("{", '{"task-a": "nobody"}'):
        file.write_text(content)
        found = repository.scan()
        assert found.defaults == {"task-a": "c", "task-b": "b"}
        (fault,) = found.faults
        assert str(file) in fault
    file.write_text('{"task-a": "a"}')
    found = repository.scan()
    assert found.defaults["task-a"] == "a"
    assert not found.faults


def test_a_fault_in_the_defaults_stops_the_first_scan(models: Path) -> None:
    (models / "defaults.json").write_text("{")
    with pytest.raises(CorruptModelError, match="must be a JSON object"):
        Repository(models).scan()


def test_a_second_model_for_a_task_leaves_the_default_in_force(
    repository: Repository, models: Path
) -> None:
    write_artifact(models / "c" / "1", task="task-a")
    found = repository.scan()
    assert found.defaults["task-a"] == "a"
    (fault,) = found.faults
    assert "doesn't say which is the default" in fault


def test_a_default_stays_while_its_only_version_is_replaced(
    repository: Repository, models: Path
) -> None:
    (models / "b" / "1" / "model.json").unlink()
    for _ in range(2):
        found = repository.scan()
        assert versions_of(found) == ["a/2", "a/1"]
        assert found.defaults["task-b"] == "b"


def test_a_fault_in_a_policy_leaves_it_as_it_was(models: Path) -> None:
    file = models / "a" / "serving.json"
    file.write_text('{"version": "all"}')
    repository = Repository(models, latest_versions=2)
    found = repository.scan()
    (fault,) = found.faults
    assert str(file) in fault
    default = found.policies["b"]
    assert found.policies["a"] == default

    file.write_text('{"versions": "all"}')
    found = repository.scan()
    assert found.policies["a"].versions == "all"
    assert not found.faults
    file.write_text("")
    assert repository.scan().policies["a"].versions == "all"
    file.unlink()
    assert repository.scan().policies["a"] == default
