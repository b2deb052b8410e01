"""Finding faster programs behind the traffic: one model's failure is its own."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.engine.optimizer import Optimizer
from service.engine.repository import read_models
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
    optimizer = Optimizer([(digits, failing()), (sentiment, sound())])
    optimizer.start()
    assert finished.wait(10)
    assert "digits/1 1x2: plain 2000.00 ms, compiled 1000.00 ms, compiled used" in caplog.text
    assert "digits/1: MemoryError while programs were compiled" in caplog.text
    assert "secret" not in caplog.text
    assert "sentiment/1 a:4x3,b:4: plain 2000.00 ms" in caplog.text
