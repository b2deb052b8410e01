"""What the watchdog takes for a hang, and what not."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from service.engine.watchdog import LOADING_FACTOR, Hang, Watchdog

TIMEOUT = 10.0
TICK = 1.0  # seconds between two looks


class FakeModel:
    """A version of a model, whose batcher runs what the test says."""

    name, version = "digits", 3

    def __init__(self) -> None:
        self.batcher: Any = SimpleNamespace(running_call=None, running_rows=0)


class FakeLoop:
    """An event loop that turns when the test lets it, and its worker's engine."""

    def __init__(self) -> None:
        self.turns = True
        model: Any = FakeModel()
        self.batcher = model.batcher
        self.models = [model]
        self.engine = cast(Any, SimpleNamespace(loaded=lambda: self.models, loading=None))
        self.watchdog = Watchdog(self.engine, call_timeout=TIMEOUT, on_hang=lambda _: None)

    def call_soon_threadsafe(self, call: Callable[[], None]) -> None:
        if self.turns:
            call()

    def run(self, number: int | None, rows: int = 0) -> None:
        self.batcher.running_call, self.batcher.running_rows = number, rows

    def look(self, times: int = 1) -> Hang | None:
        """Look until something hangs."""
        loop: Any = self
        return next(filter(None, (self.watchdog.look(loop, TICK) for _ in range(times))), None)


@pytest.fixture
def worker() -> FakeLoop:
    return FakeLoop()


def test_a_call_that_does_not_end_is_named_with_its_batch(worker: FakeLoop) -> None:
    worker.run(1, rows=12)
    assert worker.look(10) is None
    hang = worker.look()
    assert hang is not None
    assert hang.what == "digits/3 has been computing a batch of 12 for 10 s"
    assert hang.model is worker.models[0]


def test_a_busy_model_does_not_hang(worker: FakeLoop) -> None:
    """Whenever somebody looks, a call runs: but each time another one."""
    for number in range(10):
        worker.run(number, rows=64)
        assert worker.look(10) is None


def test_an_idle_model_does_not_hang(worker: FakeLoop) -> None:
    worker.run(1, rows=1)
    worker.look(5)
    worker.run(None)
    assert worker.look(100) is None


def test_a_model_that_is_unloaded_is_forgotten(worker: FakeLoop) -> None:
    worker.run(1, rows=1)
    worker.look(5)
    worker.models.clear()
    assert worker.look(100) is None


def test_a_version_may_load_longer_than_a_call_may_take(worker: FakeLoop) -> None:
    worker.engine.loading = ("digits", 4, "0123")
    assert worker.look(LOADING_FACTOR * 10) is None
    hang = worker.look()
    assert hang == Hang("digits/4 has been loading for 100 s")


def test_an_event_loop_that_is_stuck_hangs(worker: FakeLoop) -> None:
    assert worker.look(100) is None
    worker.turns = False
    hang = worker.look(20)
    assert hang is not None
    assert hang.what.startswith("the event loop has been stuck")


def test_a_call_on_the_event_loop_is_named_before_the_loop(worker: FakeLoop) -> None:
    worker.look()
    worker.turns = False
    worker.look()  # the question that isn't answered is asked before the call begins
    worker.run(1, rows=1)
    hang = worker.look(20)
    assert hang is not None
    assert hang.model is not None


async def test_it_looks_by_itself_and_tells_once() -> None:
    told: list[Hang] = []
    done = threading.Event()
    worker = FakeLoop()
    worker.run(1, rows=2)

    def on_hang(hang: Hang) -> None:
        told.append(hang)
        done.set()

    Watchdog(worker.engine, call_timeout=0.04, on_hang=on_hang).start()
    assert done.wait(20)
    assert [hang.model for hang in told] == worker.models
