"""A version is taken exactly when all of it is there, however it is copied."""

from pathlib import Path

import pytest

from service.engine.folder.repository import ModelFolder, Repository
from service.engine.folder.version_folder import STILL_SECONDS
from tests.service.engine.artifacts import Clock, write_artifact
from tests.service.engine.copies import COPIES, Copy, card_first, kubernetes_volume, rsync

PAUSES = {"fast": 0.0, "slow": 2.0, "stalling": 3 * STILL_SECONDS}
"""Seconds that pass between two scans; between two steps there are two scans."""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with one complete version, so that the first scan finds something."""
    write_artifact(tmp_path / "models" / "old" / "1")
    return tmp_path / "models"


def _source(tmp_path: Path, content: bytes = b"new") -> Path:
    return write_artifact(tmp_path / content.decode() / "mine" / "2", content)


def _same(folder: Path, source: Path) -> bool:
    """Whether the folder has all of the source's files, byte by byte."""
    files = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    return all(
        (folder / name).is_file() and (folder / name).read_bytes() == (source / name).read_bytes()
        for name in files
    )


def _digest(found: ModelFolder, name: str = "mine") -> str | None:
    digests = [a.digest for a in found.artifacts if a.card.name == name]
    assert len(digests) < 2
    return digests[0] if digests else None


def _scan_twice(repository: Repository, clock: Clock, pause: float) -> ModelFolder:
    repository.scan()
    clock.now += pause
    return repository.scan()


@pytest.mark.parametrize("pause", PAUSES.values(), ids=PAUSES)
@pytest.mark.parametrize("copy", COPIES)
def test_a_version_is_taken_when_it_is_complete(
    models: Path, repository: Repository, clock: Clock, tmp_path: Path, copy: Copy, pause: float
) -> None:
    source, target = _source(tmp_path), models / "mine" / "2"
    for _ in copy(source, target):
        found = _scan_twice(repository, clock, pause)
        assert (_digest(found) is not None) == _same(target, source)
        assert _digest(found, "old")
    assert _digest(repository.scan())
    assert not found.incomplete
    assert not found.rejected


@pytest.mark.parametrize("pause", PAUSES.values(), ids=PAUSES)
@pytest.mark.parametrize("copy", COPIES)
def test_a_replacement_is_taken_when_it_is_complete_and_nothing_in_between(
    models: Path, repository: Repository, clock: Clock, tmp_path: Path, copy: Copy, pause: float
) -> None:
    """Files of both never make an artifact: the old verdict doesn't outlive the old files."""
    target = write_artifact(models / "mine" / "2", b"one")
    old, source = _source(tmp_path, b"one"), _source(tmp_path, b"two")
    before = _digest(repository.scan())
    for _ in copy(source, target):
        found = _scan_twice(repository, clock, pause)
        if _same(target, source):
            assert _digest(found) not in (None, before)
        else:
            assert _digest(found) == (before if _same(target, old) else None)
    assert _digest(repository.scan()) not in (None, before)


@pytest.mark.parametrize("copy", COPIES)
def test_a_scan_at_any_single_moment_takes_no_part_of_a_version(
    models: Path, tmp_path: Path, copy: Copy
) -> None:
    """Each scan is the first of a new repository, as at a start."""
    source, target = _source(tmp_path), models / "mine" / "2"
    for _ in copy(source, target):
        for settled in (False, True):
            found = Repository(models).scan(settled=settled)
            assert (_digest(found) is not None) == _same(target, source)


def test_a_copy_in_progress_is_incomplete_and_one_that_stopped_is_rejected(
    models: Path, repository: Repository, clock: Clock, tmp_path: Path
) -> None:
    steps = card_first(_source(tmp_path), models / "mine" / "2")
    for _ in range(5):
        next(steps)
        found = _scan_twice(repository, clock, 2.0)
        assert [(v.name, v.version) for v in found.incomplete] == [("mine", "2")]
        assert not found.rejected
    assert found.incomplete[0].task == "tensors"
    assert "can't be read: there is no such file" in found.incomplete[0].reason
    clock.now += STILL_SECONDS
    found = repository.scan()
    assert not found.incomplete
    assert [(v.name, v.version, v.task) for v in found.rejected] == [("mine", "2", "tensors")]
    assert found.rejected[0].digest is None


def test_who_says_that_nobody_copies_gets_a_verdict_at_once(
    models: Path, repository: Repository, tmp_path: Path
) -> None:
    steps = card_first(_source(tmp_path), models / "mine" / "2")
    next(steps)
    assert repository.scan(settled=True).rejected
    for _ in steps:
        pass
    assert _digest(repository.scan(settled=True))


def test_a_hidden_file_that_grows_keeps_a_version_from_being_rejected(
    models: Path, repository: Repository, clock: Clock, tmp_path: Path
) -> None:
    steps = rsync(_source(tmp_path), models / "mine" / "2")
    next(steps)
    hidden = next(path for path in (models / "mine" / "2").rglob(".*"))
    for _ in range(5):
        with hidden.open("ab") as file:
            file.write(b"more")
        clock.now += STILL_SECONDS - 1
        found = repository.scan()
        assert found.incomplete
        assert not found.rejected


def test_a_leftover_of_a_copying_tool_does_no_harm(models: Path, repository: Repository) -> None:
    folder = write_artifact(models / "mine" / "2")
    (folder / "variables" / ".variables.index.Xa3bQ1").write_bytes(b"half")
    assert _digest(repository.scan())


def test_the_path_of_an_artifact_survives_the_switch_of_a_link(
    models: Path, repository: Repository, tmp_path: Path
) -> None:
    (models / "mine").mkdir()
    (models / "mine" / "2").symlink_to(_source(tmp_path, b"one"))
    (first,) = [a for a in repository.scan().artifacts if a.card.name == "mine"]
    assert first.path == _source(tmp_path, b"one").resolve()


def test_a_volume_that_is_switched_without_a_change_keeps_its_digest(
    models: Path, repository: Repository, clock: Clock, tmp_path: Path
) -> None:
    target, digests = models / "mine" / "2", set()
    for stamp in ("first", "second"):
        source = write_artifact(tmp_path / stamp / "mine" / "2", b"same")
        for _ in kubernetes_volume(source, target):
            digests.add(_digest(_scan_twice(repository, clock, 2.0)))
    assert len(digests - {None}) == 1
