"""A graph that is made to exhaust memory gets no more than there is, and the worker lives."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.runtime import memory_limit
from service.runtime.memory_limit import limited_memory
from tests.service.fresh_process import printed

LOADS = """
import numpy as np
from pathlib import Path
from service.runtime.memory_limit import limited_memory
from service.runtime.saved_model import SavedModel
from service.runtime.card import SignatureSpec

tensor = {"dtype": "float32", "shape": [None]}
spec = SignatureSpec.model_validate({"inputs": {"x": tensor}, "outputs": {"y": tensor}})
for name in ("small", "huge", "small"):
    try:
        with limited_memory():
            model = SavedModel(Path(FOLDER) / name)
            model.signature("serving_default", spec)({"x": np.ones(1, np.float32)})
    except Exception as error:
        print(type(error).__name__, end=" ")
    else:
        print("loaded", end=" ")
"""


def test_a_graph_gets_no_more_memory_than_there_is(tmp_path: Path) -> None:
    import tensorflow as tf

    size = 2 * psutil.virtual_memory().total // 4  # numbers of four bytes
    save(tmp_path / "huge", lambda x: x + tf.reduce_max(tf.fill([size], x[0])))
    save(tmp_path / "small", lambda x: x + 1.0)
    told = printed(LOADS.replace("FOLDER", repr(str(tmp_path))))
    assert told.split() == ["loaded", "ResourceExhaustedError", "loaded"]


def save(folder: Path, call: Callable[[Any], Any]) -> None:
    import tensorflow as tf

    spec = [tf.TensorSpec([None], "float32", name="x")]
    function = tf.function(lambda x: {"y": call(x)}, input_signature=spec)
    tf.saved_model.save(tf.Module(), str(folder), signatures=function)


def test_the_limit_ends_with_the_block() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)

    def fail() -> None:
        assert 0 < resource.getrlimit(resource.RLIMIT_DATA)[0] < 2 * psutil.virtual_memory().total
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), limited_memory():
        fail()
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_container_has_the_memory_of_its_cgroup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_limit, "_CGROUP", tmp_path)
    of_the_machine = memory_limit._available()
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 900000\nactive_file 100000\n")
    assert memory_limit._available() == 3_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit._available() == pytest.approx(of_the_machine, rel=0.2)
