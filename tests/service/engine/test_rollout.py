"""Versions that come and go while requests are answered, in one process and in two.

Each worker is an engine of its own here. They agree by a folder, as processes do.
"""

import asyncio
import gc
import json
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from service.engine.engine import Engine
from service.engine.folder.artifact import Artifact
from service.engine.limits import Limits
from service.engine.registry import ModelChoice
from service.engine.rollout import rollout
from service.engine.rollout.leader import Watching
from service.engine.served_model import ServedModel, load_model
from service.errors import CorruptModelError, NotReadyError, TridentError, UnknownModelError
from service.runtime.saved_model import SavedModel
from service.telemetry.metrics import _COMPARISONS
from tests.service.drawings import encode

TASK = "image_classification"
RED = encode(Image.new("RGB", (20, 20), "red"))
WHITE = encode(Image.new("L", (28, 28), 255))
LIMITS = Limits(
    max_batch_size=8,
    max_queue_size=100,
    max_queue_seconds=60.0,
    max_inputs=10,
    max_pixels=10_000,
    max_inflight_bytes=100_000_000,
    decoders=1,
    max_inline_seconds=0.0,
)


@pytest.fixture
def models(demo_models: Path, tmp_path: Path) -> Path:
    """A folder of tint/1 alone."""
    shutil.copytree(demo_models / "tint" / "1", tmp_path / "models" / "tint" / "1")
    return tmp_path / "models"


@pytest.fixture
def copy(demo_models: Path, models: Path) -> Callable[..., Path]:
    """Copies a version of a demo model into the folder, under any number; in one step."""

    def copy(number: int, source: str = "tint/1", **card: Any) -> Path:
        name = source.split("/")[0]
        staging = models.parent / "staging"
        shutil.copytree(demo_models / source, staging)
        content = json.loads((staging / "model.json").read_text())
        content |= {"version": number, **card}
        (staging / "model.json").write_text(json.dumps(content))
        target = models / name / str(number)
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            target.rename(models.parent / f"replaced-{time.monotonic_ns()}")
        return staging.rename(target)

    return copy


@asynccontextmanager
async def serving(
    models: Path, *, workers: int = 1, **watching: Any
) -> AsyncIterator[list[Engine]]:
    """Workers that serve a folder of models, and look at it often."""
    watched = Watching(models=models, **{"interval": 0.05} | watching)
    shared = models.parent / "shared"
    engines = [Engine(watched, LIMITS, shared=shared) for _ in range(workers)]
    try:
        await asyncio.gather(*(engine.load() for engine in engines))
        yield engines
    finally:
        for engine in engines:
            await engine.close()


async def ask(engine: Engine, data: bytes = RED, **choice: Any) -> int:
    """Return the version that answers."""
    deadline = time.monotonic() + 60
    prediction = await engine.predict(TASK, [data], ModelChoice(**choice), deadline=deadline)
    (outcome,) = prediction.outcomes
    assert not isinstance(outcome, TridentError), outcome
    return prediction.version


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - files and threads have no events
            await asyncio.sleep(0.01)


def served(engine: Engine, name: str = "tint") -> list[int]:
    return [model.version for model in engine.registry.models() if model.name == name]


def is_served(engine: Engine, version: int) -> bool:
    """Whether this version of tint answers, and no other."""
    return served(engine) == [version]


def states(engine: Engine) -> dict[str, tuple[str, str]]:
    """The versions in the folder that aren't served: their states and reasons."""
    assert engine.rollout is not None
    return {v.version: (v.state, v.reason) for v in engine.rollout.target().others}


def write_policy(models: Path, **policy: Any) -> None:
    new = models / "tint" / ".new"
    new.write_text(json.dumps(policy))
    new.replace(models / "tint" / "serving.json")


async def test_a_new_version_takes_over_and_the_old_one_is_freed(
    models: Path, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = SavedModel.close

    def noted(model: SavedModel) -> None:
        close(model)
        closed.append(model.path.name)

    monkeypatch.setattr(SavedModel, "close", noted)
    async with serving(models) as (engine,):
        assert await ask(engine) == 1
        copy(2)
        await until(lambda: served(engine) == [2])
        assert await ask(engine) == 2
        await until(lambda: closed == ["1"])
        with pytest.raises(UnknownModelError, match="Served here: tint/2"):
            await ask(engine, version=1)


async def test_nothing_of_an_old_version_waits_for_the_garbage_collector(
    models: Path, copy: Callable[..., Path]
) -> None:
    def operations() -> int:
        return sum(type(found).__name__ == "Operation" for found in gc.get_objects())

    found: list[int] = []
    async with serving(models) as (engine,):
        one = operations()
        gc.disable()  # it hardly ever comes to old objects, and nobody knows when
        try:
            for version in range(2, 7):
                copy(version)
                await until(partial(is_served, engine, version))
                found.append(operations())
        finally:
            gc.enable()
    assert max(found) <= 3 * one, found  # the new one, the old one, and one that is being freed


async def test_requests_that_began_with_the_old_version_are_answered_by_it(
    models: Path, copy: Callable[..., Path]
) -> None:
    copy(1, "slow/1")
    async with serving(models) as (engine,):
        slow = [asyncio.create_task(ask(engine, WHITE, name="slow")) for _ in range(3)]
        await asyncio.sleep(0.05)
        copy(2, "slow/1")
        await until(lambda: served(engine, "slow") == [2])
        assert not any(task.done() for task in slow)
        assert engine.rollout is not None
        assert {key[:2] for key in engine.rollout.unloading} == {("slow", 1)}
        assert await asyncio.gather(*slow) == [1, 1, 1]
        await until(lambda: not engine.rollout.unloading)  # type: ignore[union-attr]


async def test_a_version_that_is_copied_slowly_is_taken_when_it_is_complete(
    models: Path, demo_models: Path, tmp_path: Path
) -> None:
    async with serving(models) as (engine,):
        target = models / "tint" / "2"
        source = demo_models / "tint" / "2"
        files = sorted(path for path in source.rglob("*") if path.is_file())
        for file in [source / "model.json", *(f for f in files if f.name != "model.json")]:
            assert served(engine) == [1]
            copied = target / file.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            content = file.read_bytes()
            copied.write_bytes(content[:-1])
            await asyncio.sleep(0.15)
            assert served(engine) == [1]
            copied.write_bytes(content)
            await asyncio.sleep(0.05)
        await until(lambda: served(engine) == [2])


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ({"task": "divination"}, "unknown task 'divination'"),
        ({"labels": ["red"]}, "labels"),
    ],
)
async def test_a_version_that_cannot_be_loaded_never_answers_and_tells_why(
    models: Path, copy: Callable[..., Path], card: dict[str, Any], reason: str
) -> None:
    async with serving(models) as (engine,):
        copy(2, **card)
        await until(lambda: "2" in states(engine))
        assert states(engine)["2"][0] == "END"
        assert reason in states(engine)["2"][1]
        assert await ask(engine) == 1
        with pytest.raises(NotReadyError, match="GET /models/tint"):
            await ask(engine, version=2)
        copy(2)
        await until(lambda: served(engine) == [2])
        assert not states(engine)


async def test_a_rejected_version_is_tried_again_only_when_its_files_change(
    models: Path, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def load(artifact: Artifact, *rest: Any) -> ServedModel:
        tried.append(artifact.card.version)
        if artifact.card.version == 2 and tried.count(2) == 1:
            raise CorruptModelError("the machine has no memory left")
        return load_model(artifact, *rest)

    monkeypatch.setattr(rollout, "load_model", load)
    async with serving(models) as (engine,):
        folder = copy(2)
        await until(lambda: "2" in states(engine))
        await asyncio.sleep(0.5)
        assert tried == [1, 2]
        (folder / "model.json").touch()
        await until(lambda: served(engine) == [2])
        assert tried == [1, 2, 2]


async def test_golden_answers_that_differ_keep_a_version_out(
    models: Path, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_: object, card: Any, __: object) -> None:
        if card.version == 2:
            raise CorruptModelError("the output 'probabilities' isn't what golden.npz says")

    monkeypatch.setattr("service.engine.served_model.check_golden", check)
    async with serving(models) as (engine,):
        copy(2)
        await until(lambda: "2" in states(engine))
        assert "golden.npz" in states(engine)["2"][1]
        assert served(engine) == [1]


async def test_files_that_are_replaced_are_loaded_beside_the_old_ones(
    models: Path, copy: Callable[..., Path]
) -> None:
    async with serving(models) as (engine,):
        before = engine.registry.find(TASK, ModelChoice())
        copy(1, description="another")
        await until(lambda: engine.registry.find(TASK, ModelChoice()) is not before)
        after = engine.registry.find(TASK, ModelChoice())
        assert (after.version, after.card.description) == (1, "another")
        assert await ask(engine) == 1


async def test_a_default_keeps_its_last_version_and_others_lose_it(
    models: Path, copy: Callable[..., Path]
) -> None:
    copy(1, "slow/1")
    (models / "defaults.json").write_text(json.dumps({TASK: "tint"}))
    async with serving(models) as (engine,):
        shutil.rmtree(models / "slow")
        await until(lambda: not served(engine, "slow"))
        copy(1, "slow/1")
        await until(lambda: served(engine, "slow") == [1])
        shutil.rmtree(models / "tint")
        (models / "defaults.json").unlink()
        await until(lambda: "kept in memory" in "".join(engine.rollout.target().faults))  # type: ignore[union-attr]
        assert await ask(engine) == 1


async def test_a_label_is_moved_by_the_file(models: Path, copy: Callable[..., Path]) -> None:
    write_policy(models, labels={"stable": 1})
    async with serving(models) as (engine,):
        copy(2)
        await until(lambda: served(engine) == [2, 1])
        assert await ask(engine) == 1
        write_policy(models, labels={"stable": 2})
        await until(lambda: served(engine) == [2])
        assert await ask(engine) == 2
        write_policy(models, labels={"stable": 1})
        await until(lambda: served(engine) == [2, 1])
        assert await ask(engine) == 1


async def test_a_faulty_policy_changes_nothing_and_is_told(models: Path) -> None:
    write_policy(models, labels={"stable": 1})
    async with serving(models) as (engine,):
        write_policy(models, label={"stable": 1})
        await until(lambda: "unknown key 'label'" in "".join(engine.rollout.target().faults))  # type: ignore[union-attr]
        assert await ask(engine, name="tint", label="stable") == 1


async def test_without_watching_the_folder_is_read_when_somebody_asks(
    models: Path, copy: Callable[..., Path]
) -> None:
    async with serving(models, interval=0.0, workers=2) as engines:
        copy(2)
        await asyncio.sleep(0.5)
        assert [served(engine) for engine in engines] == [[1], [1]]
        assert engines[1].rollout is not None
        await engines[1].rollout.rescan()
        assert [served(engine) for engine in engines] == [[2], [2]]


def compared(result: str) -> float:
    return _COMPARISONS.labels("tint", "2", "1", result)._value.get()  # type: ignore[no-any-return]


@pytest.mark.parametrize(("source", "result"), [("tint/1", "agrees"), ("tint/2", "differs")])
async def test_a_shadow_is_asked_and_compared_and_never_answers(
    models: Path, copy: Callable[..., Path], source: str, result: str
) -> None:
    copy(2, source)
    write_policy(models, versions=[1], labels={"shadow": 2})
    async with serving(models) as (engine,):
        before = {name: compared(name) for name in ("agrees", "differs")}
        for _ in range(5):
            assert await ask(engine) == 1
            await until(lambda: engine.account.used == 0)
        after = {name: compared(name) - before[name] for name in ("agrees", "differs")}
        assert after == {"agrees": 0.0, "differs": 0.0} | {result: 5.0}
        assert await ask(engine, version=2) == 2


async def test_a_shadow_that_fails_does_no_harm(
    models: Path,
    copy: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    copy(2)
    write_policy(models, versions=[1], labels={"shadow": 2})
    async with serving(models) as (engine,):
        shadow = engine.registry.find(TASK, ModelChoice(version=2))
        before = compared("differs")

        async def fail(*_: Any, **__: Any) -> Any:
            raise RuntimeError("out of order")

        monkeypatch.setattr(shadow.batcher, "submit", fail)
        for _ in range(3):
            assert await ask(engine) == 1
            await until(lambda: engine.account.used == 0)
        assert caplog.text.count("the shadow tint/2 failed") == 3
        assert compared("differs") == before


async def test_no_caller_of_two_workers_sees_an_older_version_after_a_newer_one(
    models: Path, copy: Callable[..., Path]
) -> None:
    async with serving(models, workers=2) as engines:
        seen, done = [0], asyncio.Event()

        async def call() -> None:
            turn = 0
            while not done.is_set():
                version = await ask(engines[turn % 2])
                assert version >= seen[-1]
                seen.append(version)
                turn += 1

        calling = asyncio.create_task(call())
        for number in range(2, 8):
            copy(number)
            await until(lambda number=number: seen[-1] == number)  # type: ignore[misc]
        done.set()
        await calling
        assert sorted(set(seen)) == list(range(8))


async def test_a_version_in_force_is_kept_however_soon_the_next_one_comes(
    models: Path, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may prepare the next target before it has taken note of the one in force."""
    tried: list[int] = []
    others_go_on = threading.Event()

    def load(artifact: Artifact, *rest: Any) -> ServedModel:
        tried.append(artifact.card.version)
        if tried.count(3) == 2:
            assert others_go_on.wait(60)
        return load_model(artifact, *rest)

    monkeypatch.setattr(rollout, "load_model", load)
    async with serving(models, workers=2) as engines:
        (leader,) = (e for e in engines if e.rollout and e.rollout._leader is not None)
        assert leader.rollout is not None
        monkeypatch.setattr(leader.rollout._agreement, "join", lambda: False)
        copy(2)
        await until(lambda: all(served(engine) == [2] for engine in engines))
        copy(3)
        await until(lambda: tried.count(3) == 2)
        for _ in range(20):
            assert await ask(leader) == 2
            await asyncio.sleep(0.01)
        others_go_on.set()
        await until(lambda: all(served(engine) == [3] for engine in engines))
        assert await ask(leader) == 3


async def test_a_version_that_one_worker_cannot_load_is_served_by_none(
    models: Path, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def load(artifact: Artifact, *rest: Any) -> ServedModel:
        tried.append(artifact.card.version)
        if tried.count(2) == 2:
            raise CorruptModelError("no memory left in the second worker")
        return load_model(artifact, *rest)

    monkeypatch.setattr(rollout, "load_model", load)
    async with serving(models, workers=2) as engines:
        copy(2)
        await until(lambda: all("2" in states(engine) for engine in engines))
        assert [await ask(engine) for engine in engines] == [1, 1]
        assert "second worker" in states(engines[0])["2"][1]


async def test_a_worker_that_comes_later_serves_what_the_others_serve(
    models: Path, copy: Callable[..., Path]
) -> None:
    async with serving(models, workers=2) as engines:
        copy(2)
        await until(lambda: all(served(engine) == [2] for engine in engines))
        late = Engine(
            Watching(models=models, interval=0.05), LIMITS, shared=models.parent / "shared"
        )
        async with asyncio.timeout(60):
            await late.load()
        try:
            assert await ask(late) == 2
            copy(3)
            await until(lambda: all(served(engine) == [3] for engine in (*engines, late)))
        finally:
            await late.close()


async def test_a_worker_alone_starts_with_what_the_folder_has_now(
    models: Path, copy: Callable[..., Path]
) -> None:
    """The worker before it has died, and what it served is gone from the disk."""
    async with serving(models) as (engine,):
        assert await ask(engine) == 1
    copy(2)
    shutil.rmtree(models / "tint" / "1")
    async with serving(models) as (engine,):
        assert await ask(engine) == 2


ENDED = {"2": "END", "4": "END"}


async def test_when_the_leader_goes_another_worker_takes_over(
    models: Path, copy: Callable[..., Path]
) -> None:
    copy(2, task="divination")
    (copy(4) / "saved_model.pb").write_bytes(b"damaged")
    async with serving(models, workers=2) as engines:
        (leader,) = (e for e in engines if e.rollout and e.rollout._leader is not None)
        (other,) = (e for e in engines if e is not leader)
        assert {version: state for version, (state, _) in states(other).items()} == ENDED
        await leader.close()
        copy(3)
        await until(lambda: served(other) == [3])
        assert {version: state for version, (state, _) in states(other).items()} == ENDED


async def test_a_full_disk_leaves_what_is_served(
    models: Path,
    copy: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(models) as (engine,):
        with monkeypatch.context() as patched:

            def fail(*_: object) -> None:
                raise OSError(28, os.strerror(28))

            patched.setattr("service.engine.rollout.agreement.write_whole", fail)
            copy(2)
            await until(lambda: "versions can't be changed now" in caplog.text)
            assert await ask(engine) == 1
        await until(lambda: served(engine) == [2])
