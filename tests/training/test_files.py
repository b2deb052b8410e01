import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from training.errors import DiskFullError, NotWritableError
from training.files import staged_folder, write_atomically


def refuse(code: int) -> object:
    def write(*_: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return write


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"


def test_a_full_disk_is_explained_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(DiskFullError, match="free some disk space"):
        write_atomically(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def interrupt(_: int) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_read_only_folder_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: refuse(code)())  # type: ignore[operator]
    with pytest.raises(NotWritableError, match="TRIDENT_CACHE"):
        write_atomically(tmp_path / "file", b"content")


def test_a_file_where_a_folder_should_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(NotWritableError, match="make the folder writable"):
        write_atomically(tmp_path / "cache" / "file", b"content")


def test_a_staged_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "models" / "1"
    for content in ("old", "new"):
        with staged_folder(target) as folder:
            (folder / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_keeps_the_old_folder_and_removes_the_new_one(tmp_path: Path) -> None:
    target = tmp_path / "1"
    with staged_folder(target) as folder:
        (folder / "old").write_text("old")
    with pytest.raises(ZeroDivisionError), staged_folder(target) as folder:
        (folder / "new").write_text(str(1 / 0))
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interruption_while_folders_are_swapped_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    target = tmp_path / "1"
    with staged_folder(target) as folder:
        (folder / "old").write_text("old")
    rename = Path.rename

    def interrupted(path: Path, to: Path) -> Path:
        if to == target and (path / "new").exists():
            raise error
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(error), staged_folder(target) as folder:
        (folder / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["old"]
