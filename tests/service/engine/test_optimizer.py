"""Finding faster programs behind the traffic: one model's failure is its own."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.engine.folder.repository import read_models
from service.engine.optimizer import Optimizer
from service.runtime.runner import Race


def test_a_model_whose_races_fail_leaves_the_others_theirs(
    shipped_models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    digits, *_, sentiment = (artifact.card for artifact in read_models(shipped_models).artifacts)
    finished = threading.Event()

    def failing() -> Iterator[Race]:
        yield Race({"row": (1, 2)}, 2.0, 1.0, use_compiled=True)
        raise MemoryError("a secret address")

    def sound() -> Iterator[Race]:
        yield Race({"a": (1, 3), "b": (1,)}, 1.0, 2.0, use_compiled=False)
        yield Race({"a": (4, 3), "b": (4,)}, 2.0, 1.0, use_compiled=True)
        finished.set()

    caplog.set_level(logging.INFO, "service.engine.optimizer")
    optimizer = Optimizer()
    optimizer.add(digits, failing())
    optimizer.add(sentiment, sound())
    assert finished.wait(10)
    name = f"digits/{digits.version}"
    assert f"{name} 1x2: plain 2000.00 ms, compiled 1000.00 ms, compiled used" in caplog.text
    assert f"{name}: MemoryError while programs were compiled" in caplog.text
    assert "secret" not in caplog.text
    assert "sentiment/1 a:4x3,b:4: plain 2000.00 ms" in caplog.text


def test_a_model_that_is_removed_takes_no_step_afterwards(shipped_models: Path) -> None:
    digits, *_, sentiment = (artifact.card for artifact in read_models(shipped_models).artifacts)
    race = Race({"row": (1,)}, 2.0, 1.0, use_compiled=True)
    began, goes_on, finished = threading.Event(), threading.Event(), threading.Event()
    steps: list[int] = []

    def endless() -> Iterator[Race]:
        while True:
            steps.append(len(steps))
            began.set()
            assert goes_on.wait(10)
            yield race

    def short() -> Iterator[Race]:
        yield race
        finished.set()

    optimizer = Optimizer()
    optimizer.add(digits, endless())
    assert began.wait(10)
    threading.Timer(0.05, goes_on.set).start()
    optimizer.remove(digits)
    taken = len(steps)
    optimizer.add(sentiment, short())
    assert finished.wait(10)
    assert len(steps) == taken
