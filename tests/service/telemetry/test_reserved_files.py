"""Files of metrics on a disk that is full."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.mmap_dict import MmapedDict

from service.telemetry.reserved_files import ReservedDict

READ_WHOLE = 4 * 64 * 1024


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of the largest file that fits; the test may change it."""
    largest = [READ_WHOLE]
    reserve = os.posix_fallocate

    def reserve_if_there_is_room(descriptor: int, offset: int, size: int) -> None:
        if offset + size > largest[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        reserve(descriptor, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", reserve_if_there_is_room)
    return largest


def blocks(file: Path) -> int:
    """Return how many bytes of the file are on the disk."""
    return file.stat().st_blocks * 512


def write_many(metrics: Any) -> None:
    """Write more than fits into a new file."""
    for number in range(1500):
        metrics.write_value(f"a key of some length, number {number}", number, 0.0)


def test_a_file_has_its_space_from_the_start_and_as_it_grows(tmp_path: Path) -> None:
    file = tmp_path / "counter_1.db"
    metrics: Any = ReservedDict(str(file))
    assert blocks(file) >= file.stat().st_size == 64 * 1024
    write_many(metrics)
    assert blocks(file) >= file.stat().st_size > 64 * 1024
    stored: Any = MmapedDict.read_all_values_from_file
    read = {key: value for key, value, _, _ in stored(file)}
    assert read == {f"a key of some length, number {n}": n for n in range(1500)}
    metrics.close()


def test_without_room_no_file_is_made(tmp_path: Path, disk: list[int]) -> None:
    disk[0] = 1000
    with pytest.raises(OSError, match="No space left"):
        ReservedDict(str(tmp_path / "counter_1.db"))
    assert list(tmp_path.iterdir()) == []


def test_without_room_new_metrics_fail_and_old_ones_work(tmp_path: Path, disk: list[int]) -> None:
    file = tmp_path / "counter_1.db"
    metrics: Any = ReservedDict(str(file))
    metrics.write_value("old", 1.0, 0.0)
    disk[0] = 64 * 1024
    with pytest.raises(OSError, match="No space left"):
        write_many(metrics)
    metrics.write_value("old", 2.0, 0.0)
    assert metrics.read_value("old")[0] == 2.0
    metrics.close()
