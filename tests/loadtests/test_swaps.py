"""The measurement of version swaps: what it counts, and its arithmetic."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from loadtests.models import copy_models
from loadtests.swaps.callers import FailedRequestError
from loadtests.swaps.figures import (
    Load,
    MemoryPoint,
    Swap,
    WorkerMemory,
    first_answers,
    growth,
    latency_in,
    read_load,
)
from loadtests.swaps.generator import Recorder
from loadtests.swaps.releases import Releases


class Answering:
    """A caller that gets these versions, one after another; None is a failure."""

    def __init__(self, versions: Iterator[int | None]) -> None:
        self._versions = versions

    async def ask(self, number: int) -> int:
        version = next(self._versions)
        if version is None:
            raise FailedRequestError("503")
        return version

    async def close(self) -> None:
        pass


def record(versions: list[int | None]) -> Recorder:
    recorder, caller = Recorder(), Answering(iter(versions))

    async def ask_all() -> None:
        for number in range(len(versions)):
            await recorder.ask(caller, number, due=float(number))

    asyncio.run(ask_all())
    return recorder


def test_an_older_version_after_a_newer_one_is_counted() -> None:
    recorder = record([1, 2, 1, 2, None, 3, 1])
    assert recorder.went_back == 2
    assert recorder.failures == [(4.0, "503")]
    assert list(recorder.version) == [1, 2, 1, 2, 3, 1]


def test_an_older_version_is_no_step_back_for_a_request_that_was_sent_before_the_switch() -> None:
    recorder = Recorder()

    class Slow(Answering):
        async def ask(self, number: int) -> int:
            await answered.wait()
            return 1

    async def ask_both() -> None:
        early = asyncio.create_task(recorder.ask(Slow(iter(())), 0, due=0.0))
        await asyncio.sleep(0)
        await recorder.ask(Answering(iter([2])), 1, due=0.0)
        answered.set()
        await early

    answered = asyncio.Event()
    asyncio.run(ask_both())
    assert (list(recorder.version), recorder.went_back) == ([2, 1], 0)


def test_what_the_load_has_seen_is_read_as_it_was_written(tmp_path: Path) -> None:
    record([1, None, 2, 1]).write(tmp_path / "load.npz", cpu_share=0.25)
    load = read_load(tmp_path / "load.npz")
    assert load.due.tolist() == [0.0, 2.0, 3.0]
    assert load.version.tolist() == [1, 2, 1]
    assert [list(failure) for failure in load.failures] == [[1.0, "503"]]
    assert (load.went_back, load.cpu_share) == (1, 0.25)


LOAD = Load(
    due=np.array([0.0, 1.0, 2.0, 3.0]),
    latency=np.array([0.01, 0.02, 0.5, 0.04]),
    version=np.array([1, 1, 2, 2]),
    failures=(),
    went_back=0,
    lateness=0.0,
    cpu_share=0.0,
)


def test_a_request_belongs_to_the_span_in_which_it_was_due() -> None:
    found = latency_in(LOAD, [(0.0, 1.0), (2.0, 3.0)])
    assert found is not None
    assert (found.requests, found.p50, found.most) == (2, 10.0, 500.0)
    assert latency_in(LOAD, [(5.0, 6.0)]) is None


def test_the_first_answer_counts_from_the_last_byte() -> None:
    swaps = [Swap(version, False, 1.5, 0.0, 0.0, 0.0) for version in (2, 3)]
    assert first_answers(LOAD, swaps) == pytest.approx([1.0, float("nan")], nan_ok=True)


def test_growth_is_that_of_workers_that_were_there_all_the_time() -> None:
    points = [
        MemoryPoint(swaps, (WorkerMemory(7, 0, 100 + 3 * swaps, 0), WorkerMemory(swaps, 0, 1, 0)))
        for swaps in (2, 5, 10)
    ]
    assert growth(points) == {7: pytest.approx(3.0)}
    assert growth(points[:1]) == {}


@pytest.mark.parametrize("card_first", [True, False])
def test_a_release_is_a_whole_version_with_the_next_number(
    tmp_path: Path, *, card_first: bool
) -> None:
    folder = tmp_path / "digits"
    (folder / "3" / "variables").mkdir(parents=True)
    (folder / "3" / "variables" / "all").write_bytes(b"weights")
    (folder / "3" / "model.json").write_text('{"name": "digits", "version": 3}')
    releases = Releases(tmp_path, "digits")
    releases.copy_next(card_first=card_first)
    assert (folder / "4" / "variables" / "all").read_bytes() == b"weights"
    card = json.loads((folder / "4" / "model.json").read_text())
    assert (card["name"], card["version"], releases.newest) == ("digits", 4, 4)
    releases.remove_older()
    assert [path.name for path in folder.iterdir()] == ["4"]


def test_only_the_version_that_answers_by_default_is_copied(tmp_path: Path) -> None:
    for version in ("digits/1", "digits/2", "tint/7"):
        (tmp_path / "models" / version).mkdir(parents=True)
    (tmp_path / "models/digits/serving.json").write_text('{"labels": {"stable": 1, "robust": 2}}')
    copy = copy_models(tmp_path / "models", tmp_path / "copy")
    assert {path.relative_to(copy).as_posix() for path in copy.glob("*/*")} == {
        "digits/1", "tint/7",
    }  # fmt: skip
    assert (tmp_path / "models" / "digits" / "2").is_dir()
