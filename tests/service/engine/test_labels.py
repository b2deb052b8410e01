"""Moving a label: what the file says then, whatever happens at the same time."""

import errno
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from service.engine.folder.labels import move_label
from service.errors import (
    CorruptModelError,
    MalformedRequestError,
    UnknownModelError,
    UnwritableModelsError,
)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with the versions 1 to 3 of `mine`."""
    for version in ("1", "2", "3"):
        (tmp_path / "mine" / version).mkdir(parents=True)
    return tmp_path


def _write(models: Path, **content: Any) -> Path:
    file = models / "mine" / "serving.json"
    file.write_text(json.dumps(content))
    return file


def _content(models: Path) -> Any:
    return json.loads((models / "mine" / "serving.json").read_text())


def test_the_first_label_makes_the_file(models: Path) -> None:
    move_label(models, "mine", "stable", 1)
    assert _content(models) == {"labels": {"stable": 1}}


def test_everything_else_in_the_file_stays(models: Path) -> None:
    _write(models, versions=[1, 2], labels={"stable": 1, "shadow": 3})
    move_label(models, "mine", "stable", 2)
    assert _content(models) == {"versions": [1, 2], "labels": {"stable": 2, "shadow": 3}}


def test_a_label_is_removed(models: Path) -> None:
    _write(models, labels={"stable": 1, "shadow": 3})
    move_label(models, "mine", "shadow", None)
    assert _content(models)["labels"] == {"stable": 1}
    move_label(models, "mine", "shadow", None)
    assert _content(models)["labels"] == {"stable": 1}


def test_a_canary_starts_with_its_share_and_keeps_it(models: Path) -> None:
    move_label(models, "mine", "canary", 2, canary_share=0.05)
    move_label(models, "mine", "stable", 1)
    assert _content(models) == {"labels": {"canary": 2, "stable": 1}, "canary_share": 0.05}
    move_label(models, "mine", "canary", 3)
    assert _content(models) == {"labels": {"canary": 3, "stable": 1}, "canary_share": 0.05}
    move_label(models, "mine", "canary", 3, canary_share=0.5)
    assert _content(models)["canary_share"] == 0.5


def test_a_promotion_ends_the_canary(models: Path) -> None:
    """Or a roll back afterwards would leave a share of the requests with the bad version."""
    _write(models, labels={"stable": 1, "canary": 2}, canary_share=0.05)
    move_label(models, "mine", "stable", 2)
    assert _content(models) == {"labels": {"stable": 2}}
    move_label(models, "mine", "stable", 1)
    assert _content(models) == {"labels": {"stable": 1}}


def test_stable_moved_elsewhere_leaves_the_canary(models: Path) -> None:
    _write(models, labels={"stable": 2, "canary": 3}, canary_share=0.05)
    move_label(models, "mine", "stable", 1)
    assert _content(models) == {"labels": {"stable": 1, "canary": 3}, "canary_share": 0.05}


def test_a_canary_that_is_removed_takes_its_share_along(models: Path) -> None:
    _write(models, labels={"stable": 1, "canary": 2}, canary_share=0.05)
    move_label(models, "mine", "canary", None)
    assert _content(models) == {"labels": {"stable": 1}}


@pytest.mark.parametrize(
    ("name", "version"),
    [("theirs", 1), ("mine", 9), ("mine", 0), ("../mine", 1), ("", 1), (".", 1), ("mine/1", 1)],
)
def test_what_is_not_there_gets_no_label(models: Path, name: str, version: int) -> None:
    with pytest.raises(UnknownModelError):
        move_label(models, name, "stable", version)
    assert not list(models.rglob("*.json"))


@pytest.mark.parametrize(
    ("label", "version", "share"),
    [
        ("latest", 1, None),
        ("a b", 1, None),
        ("", 1, None),
        ("stable", 1, 0.5),
        ("canary", None, 0.5),
        ("canary", 1, 1.5),
        ("canary", 1, float("nan")),
    ],
)
def test_what_a_file_may_not_say_is_not_written(
    models: Path, label: str, version: int | None, share: float | None
) -> None:
    before = _write(models, labels={"stable": 1}).read_text()
    with pytest.raises(MalformedRequestError):
        move_label(models, "mine", label, version, share)
    assert (models / "mine" / "serving.json").read_text() == before


def test_a_file_with_a_fault_is_not_touched(models: Path) -> None:
    before = _write(models, lables={"stable": 1}).read_text()
    with pytest.raises(CorruptModelError, match="unknown key 'lables'"):
        move_label(models, "mine", "stable", 2)
    assert (models / "mine" / "serving.json").read_text() == before


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_says_what_to_do(
    models: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    before = _write(models, labels={"stable": 1}).read_text()

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("service.engine.folder.labels.tempfile.mkstemp", refuse)
    with pytest.raises(UnwritableModelsError, match="where the models are deployed from") as caught:
        move_label(models, "mine", "stable", 2)
    assert os.strerror(code) in str(caught.value)
    assert (models / "mine" / "serving.json").read_text() == before


def test_a_write_that_fails_leaves_nothing_behind(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _write(models, labels={"stable": 1}).read_text()

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("service.engine.folder.labels.os.fsync", refuse)
    with pytest.raises(UnwritableModelsError):
        move_label(models, "mine", "stable", 2)
    assert (models / "mine" / "serving.json").read_text() == before
    assert {path.name for path in (models / "mine").iterdir() if path.is_file()} == {
        "serving.json",
        ".serving.json.lock",
    }


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_the_file_keeps_its_mode(models: Path, mode: int) -> None:
    file = _write(models)
    file.chmod(mode)
    move_label(models, "mine", "stable", 1)
    assert file.stat().st_mode & 0o777 == mode


def test_a_new_file_can_be_read_by_another_user(models: Path) -> None:
    move_label(models, "mine", "stable", 1)
    assert (models / "mine" / "serving.json").stat().st_mode & 0o777 == 0o644


def test_a_file_and_a_model_behind_links_are_changed_where_they_are(
    models: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    (models / "mine").rename(store)
    (models / "mine").symlink_to(store)
    (store / "config.json").write_text("{}")
    (store / "serving.json").symlink_to("config.json")
    move_label(models, "mine", "stable", 1)
    assert (store / "serving.json").is_symlink()
    assert json.loads((store / "config.json").read_text()) == {"labels": {"stable": 1}}


def _move_often(models: Path, label: str) -> None:
    for turn in range(60):
        move_label(models, "mine", label, 1 + turn % 3)
        move_label(models, "mine", f"{label}-{turn}", 1)


def test_two_processes_lose_no_label(models: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_move_often, args=(models, label)) for label in ("left", "right")
    ]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        if (models / "mine" / "serving.json").exists():
            _content(models)  # always whole
    assert [process.exitcode for process in processes] == [0, 0]
    labels = {f"{label}-{turn}" for label in ("left", "right") for turn in range(60)}
    assert _content(models)["labels"].keys() == labels | {"left", "right"}
