"""The folder of models, scanned again and again: what is read, what is kept, what is said."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.engine.folder import version_folder
from service.engine.folder.artifact import verify_files
from service.engine.folder.folder_files import FileHashes, FileStat, FileStats, stat_files
from service.engine.folder.repository import Repository, read_models
from service.engine.folder.version_folder import STILL_SECONDS
from tests.service.engine.artifacts import Clock, versions_of, write_artifact

ALL = ["a/2", "a/1", "b/1"]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened or read from now on."""
    names: list[str] = []
    look = Path.open

    def noted(self: Path, *args: Any, **kwargs: Any) -> Any:
        names.append(self.name)
        return look(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", noted)
    return names


def test_nothing_is_read_again_while_nothing_changes(
    repository: Repository, models: Path, clock: Clock, read: list[str]
) -> None:
    for _ in range(3):
        clock.now += STILL_SECONDS
        assert versions_of(repository.scan(settled=True)) == ALL
    assert set(read) <= {"serving.json", "defaults.json"}


def test_only_what_has_changed_is_hashed_again(
    repository: Repository, models: Path, read: list[str]
) -> None:
    os.utime(models / "a" / "1" / "saved_model.pb", ns=(1, 1))
    repository.scan()
    assert versions_of(repository.scan()) == ALL
    assert set(read) <= {"model.json", "saved_model.pb", "serving.json", "defaults.json"}


def test_a_file_that_grows_is_not_hashed(
    repository: Repository, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    sha256 = FileHashes.sha256

    def noted(self: FileHashes, file: Path, known_as: FileStat) -> str:
        hashed.append(file.name)
        return sha256(self, file, known_as)

    monkeypatch.setattr(FileHashes, "sha256", noted)
    for _ in range(5):
        with (models / "a" / "1" / "saved_model.pb").open("ab") as file:
            file.write(b"more")
        assert [v.version for v in repository.scan().incomplete] == ["1"]
    assert not hashed


def test_a_rejected_version_is_not_read_again_until_it_changes(
    repository: Repository, models: Path, clock: Clock, read: list[str]
) -> None:
    write_artifact(models / "a" / "1", files={"saved_model.pb": "0"})
    assert [v.version for v in repository.scan(settled=True).rejected] == ["1"]
    read.clear()
    clock.now += STILL_SECONDS
    assert [v.version for v in repository.scan(settled=True).rejected] == ["1"]
    assert set(read) <= {"serving.json", "defaults.json"}
    write_artifact(models / "a" / "1", b"mended")
    repository.scan()
    assert versions_of(repository.scan()) == ALL


def test_a_write_within_the_resolution_of_the_times_is_found_in_the_end(
    repository: Repository, models: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last bytes of a file may come without a change of what `stat` says."""
    folder = write_artifact(models / "a" / "3")
    data = folder / "variables" / "variables.data-00000-of-00001"
    right = data.read_bytes()
    data.write_bytes(bytes(len(right)))
    frozen = {folder: stat_files(folder)}

    def unchanged(folder: Path) -> FileStats:
        return frozen.get(folder) or stat_files(folder)

    monkeypatch.setattr(version_folder, "stat_files", unchanged)
    assert [v.version for v in repository.scan().incomplete] == ["3"]
    data.write_bytes(right)
    clock.now += STILL_SECONDS
    assert versions_of(repository.scan()) == ["a/3", *ALL]


def test_a_change_while_the_files_are_read_is_noticed(
    repository: Repository, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_artifact(models / "a" / "3")

    def verify_then_change(*args: Any) -> None:
        verify_files(*args)
        (folder / "saved_model.pb").write_bytes(b"")

    with monkeypatch.context() as patched:
        patched.setattr(version_folder, "verify_files", verify_then_change)
        found = repository.scan(settled=True)
    assert [v.version for v in found.incomplete] == ["3"]
    assert [v.version for v in repository.scan(settled=True).rejected] == ["3"]


def test_the_digest_is_that_of_the_card(models: Path) -> None:
    before = {a.path: a.digest for a in read_models(models).artifacts}
    assert len(set(before.values())) == 3
    write_artifact(models / "a" / "1", b"other")
    after = {a.path: a.digest for a in read_models(models).artifacts}
    assert [path for path in before if before[path] != after[path]] == [models / "a" / "1"]


@pytest.mark.parametrize("settled", [False, True])
def test_a_removed_version_and_a_removed_model_are_gone(
    repository: Repository, models: Path, settled: bool
) -> None:
    """At once when nobody changes anything any more, else when they are gone in two scans."""
    shutil.rmtree(models / "a" / "2")
    if not settled:
        assert versions_of(repository.scan()) == ["a/2", "a/1", "b/1"]
    assert versions_of(repository.scan(settled=settled)) == ["a/1", "b/1"]
    shutil.rmtree(models / "a")
    if not settled:
        assert repository.scan().policies.keys() == {"a", "b"}
    found = repository.scan(settled=settled)
    assert versions_of(found) == ["b/1"]
    assert found.policies.keys() == {"b"}
    assert not found.rejected
    assert not found.faults


def test_what_is_not_there_for_a_moment_stays(repository: Repository, models: Path) -> None:
    """A folder that is moved away and another that takes its place; a link that is switched."""
    for _ in range(3):
        (models / "a").rename(models / ".moved")
        assert versions_of(repository.scan()) == ["a/2", "a/1", "b/1"]
        (models / ".moved").rename(models / "a")
        assert versions_of(repository.scan()) == ["a/2", "a/1", "b/1"]


def test_a_link_that_is_switched_while_it_is_read_takes_no_version_away(
    repository: Repository, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names are those of the old folder, and each is looked up in the new one."""
    (models / "a").rename(models / ".old")
    write_artifact(models / "later" / "a" / "3", task="task-a")
    (models / "later" / "a").rename(models / ".new")
    (models / "later").rmdir()
    (models / "a").symlink_to(".old")
    repository.scan()
    list_folder = Path.iterdir
    switched: list[Path] = []

    def iterdir(folder: Path) -> Iterator[Path]:
        names = list(list_folder(folder))
        if folder == models / "a" and not switched:
            switched.append(folder)
            folder.unlink()
            folder.symlink_to(".new")
            shutil.rmtree(models / ".old")
        yield from names

    monkeypatch.setattr(Path, "iterdir", iterdir)
    seen = [versions_of(repository.scan()) for _ in range(4)]
    assert switched
    assert all({"a/2", "a/3"} & set(versions) for versions in seen), seen
    assert seen[-1] == ["a/3", "b/1"]


def test_a_refused_artifact_is_rejected_until_its_files_change(
    repository: Repository, models: Path
) -> None:
    (artifact,) = [a for a in repository.scan().artifacts if a.path == models / "a" / "2"]
    repository.reject("a", 2, artifact.digest, "TensorFlow can't load it.")
    for settled in (False, True):
        found = repository.scan(settled=settled)
        assert versions_of(found) == ["a/1", "b/1"]
        (rejected,) = found.rejected
        assert (rejected.reason, rejected.task) == ("TensorFlow can't load it.", "task-a")
        assert rejected.digest == artifact.digest
    write_artifact(models / "a" / "2", b"mended")
    repository.scan()
    assert versions_of(repository.scan()) == ALL


def test_a_refused_artifact_is_tried_again_when_a_file_is_touched(
    repository: Repository, models: Path
) -> None:
    """When the machine was at fault, not the files."""
    (artifact,) = [a for a in repository.scan().artifacts if a.path == models / "a" / "2"]
    repository.reject("a", 2, artifact.digest, "There is no memory left.")
    os.utime(models / "a" / "2" / "model.json", ns=(1, 1))
    assert versions_of(repository.scan(settled=True)) == ALL


def test_a_refusal_before_the_first_scan_counts(models: Path) -> None:
    """A process that takes over knows from the one before it what can't be loaded."""
    (artifact,) = [a for a in read_models(models).artifacts if a.path == models / "a" / "2"]
    repository = Repository(models)
    repository.reject("a", 2, artifact.digest, "TensorFlow can't load it.")
    repository.reject("gone", 7, "0", "It is gone.")
    found = repository.scan()
    assert [(v.name, v.version) for v in found.rejected] == [("a", "2")]
    assert not found.incomplete


def test_a_late_refusal_does_not_hit_the_files_that_came_since(
    repository: Repository, models: Path
) -> None:
    (artifact,) = [a for a in repository.scan().artifacts if a.path == models / "a" / "2"]
    write_artifact(models / "a" / "2", b"mended", task="task-a")
    repository.scan(settled=True)
    repository.reject("a", 2, artifact.digest, "TensorFlow can't load it.")
    assert versions_of(repository.scan()) == ALL


def test_hidden_folders_are_passed_over(repository: Repository, models: Path) -> None:
    write_artifact(models / ".trash" / "1")
    write_artifact(models / "a" / "3").rename(models / "a" / ".3")
    found = repository.scan(settled=True)
    assert versions_of(found) == ALL
    assert not found.rejected


def test_a_model_named_like_an_endpoint_is_rejected(repository: Repository, models: Path) -> None:
    write_artifact(models / "reload" / "1")
    write_artifact(models / "Reload" / "1")
    found = repository.scan(settled=True)
    assert "Reload/1" in versions_of(found)
    (rejected,) = found.rejected
    assert rejected.name == "reload"
    assert "under another name" in rejected.reason


def test_odd_files_hold_up_no_scan(repository: Repository, models: Path) -> None:
    """A link to itself, a circle of links, a pipe that nobody writes."""
    folder = write_artifact(models / "a" / "3")
    (folder / "itself").symlink_to("itself")
    (folder / "circle").symlink_to(models)
    os.mkfifo(folder / "pipe")
    (models / "a" / "4").mkdir()
    os.mkfifo(models / "a" / "4" / "model.json")
    found = repository.scan(settled=True)
    assert versions_of(found) == ["a/3", *ALL]
    assert [v.version for v in found.rejected] == ["4"]


def test_a_card_reads_no_file_outside_its_folder(repository: Repository, models: Path) -> None:
    write_artifact(models / "a" / "3")
    card = models / "a" / "3" / "model.json"
    content = json.loads(card.read_text())
    content["files"]["../1/saved_model.pb"] = content["files"]["saved_model.pb"]
    card.write_text(json.dumps(content))
    assert [v.version for v in repository.scan(settled=True).rejected] == ["3"]
