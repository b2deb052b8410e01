import errno
import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from training.data import cache
from training.errors import DiskFullError, DownloadError, WrongHashError

ARRAYS: dict[str, np.ndarray] = {
    "x": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "y": np.ones(2, np.int64),
}
HASHES = {name: cache.hash_of(array) for name, array in ARRAYS.items()}
pytestmark = pytest.mark.usefixtures("cache_folder")


def no_network() -> NoReturn:
    raise DownloadError("no network")


def test_the_folder_is_the_users_unless_another_is_named(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.folder() == cache_folder
    monkeypatch.delenv("TRIDENT_CACHE")
    assert cache.folder().name == "trident"


def test_a_file_is_fetched_once() -> None:
    sha256 = cache.hash_of(b"content")
    assert cache.file("name", sha256, lambda: b"content") == b"content"
    assert cache.file("name", sha256, no_network) == b"content"


def test_arrays_are_fetched_once() -> None:
    cache.arrays("name.npz", HASHES, lambda: ARRAYS)
    again = cache.arrays("name.npz", HASHES, no_network)
    assert {name: array.tolist() for name, array in again.items()} == {
        name: array.tolist() for name, array in ARRAYS.items()
    }


def test_a_wrong_hash_is_refused_and_not_kept(cache_folder: Path) -> None:
    with pytest.raises(WrongHashError, match="not the expected data"):
        cache.file("name", cache.hash_of(b"content"), lambda: b"something else")
    with pytest.raises(WrongHashError, match="Array y"):
        cache.arrays("name.npz", HASHES, lambda: ARRAYS | {"y": np.zeros(2, np.int64)})
    assert not cache_folder.exists()


@pytest.mark.parametrize("changed", [ARRAYS["x"].astype(np.int8), ARRAYS["x"].reshape(3, 2)])
def test_the_hash_covers_dtype_and_shape(changed: np.ndarray) -> None:
    assert cache.hash_of(changed) != HASHES["x"]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_a_damaged_file_is_fetched_again(cache_folder: Path, damage: bytes) -> None:
    sha256 = cache.hash_of(b"content")
    cache.file("name", sha256, lambda: b"content")
    cache.arrays("name.npz", HASHES, lambda: ARRAYS)
    for name in ("name", "name.npz"):
        (cache_folder / name).write_bytes(damage)
    assert cache.file("name", sha256, lambda: b"content") == b"content"
    assert cache.arrays("name.npz", HASHES, lambda: ARRAYS)["x"].tolist() == ARRAYS["x"].tolist()


def test_a_pickle_in_the_cache_is_not_opened(cache_folder: Path) -> None:
    cache_folder.mkdir()
    np.savez(cache_folder / "name.npz", x=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(DownloadError):
        cache.arrays("name.npz", HASHES, no_network)


def test_no_network_leaves_no_cache(cache_folder: Path) -> None:
    with pytest.raises(DownloadError):
        cache.arrays("name.npz", HASHES, no_network)
    assert not cache_folder.exists()


def test_a_full_disk_leaves_no_half_written_file(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError):
        cache.arrays("name.npz", HASHES, lambda: ARRAYS)
    assert list(cache_folder.iterdir()) == []
