"""The runner: which program runs a batch, at which shape, and that answers don't depend on it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from service.engine.folder.repository import read_models
from service.runtime.card import TensorSpec, TextPreprocessing
from service.runtime.runner import PROGRAM_SIZES, Race, Runner, ShapeProgram
from service.runtime.saved_model import Array, Program, SavedModel

SLOW, FAST = 0.003, 0.0  # seconds


Batch = Mapping[str, Array]


class FakeSignature:
    """Doubles its input `row`, and keeps what shapes it was called and compiled for."""

    inputs: ClassVar = {"row": TensorSpec(dtype="int32", shape=(None, None))}

    def __init__(self, plain_seconds: float, compiled_seconds: float) -> None:
        self.plain_seconds, self.compiled_seconds = plain_seconds, compiled_seconds
        self.plain: list[tuple[int, ...]] = []
        self.compiled: list[tuple[int, ...]] = []
        self.compilations: list[tuple[int, ...]] = []

    def __call__(self, batch: Batch) -> dict[str, Array]:
        self.plain.append(batch["row"].shape)
        time.sleep(self.plain_seconds)
        return {"double": batch["row"] * 2}

    def compile(self) -> Program:
        def program(batch: Batch) -> dict[str, Array]:
            shape = batch["row"].shape
            if shape not in self.compilations:
                self.compilations.append(shape)
            self.compiled.append(shape)
            time.sleep(self.compiled_seconds)
            return {"double": batch["row"] * 2}

        return program


def make_runner(signature: Any, *lengths: int, most: int) -> Runner:
    return Runner(signature, [{"row": (length,)} for length in lengths], most)


def optimized(signature: Any, most: int = 8) -> Runner:
    runner = make_runner(signature, 3, 5, most=most)
    for _ in runner.optimize():
        pass
    signature.plain.clear()
    signature.compiled.clear()
    return runner


def numbers(rows: int, length: int = 5) -> dict[str, Array]:
    """A batch of numbers that are all different."""
    return {"row": np.arange(rows * length, dtype=np.int32).reshape(rows, length)}


def doubles(runner: Runner, batch: Batch) -> bool:
    """Run a batch, and tell whether the answer is what it should be."""
    return np.array_equal(runner(batch)["double"], batch["row"] * 2)


def test_every_shape_is_compiled_once_small_ones_first() -> None:
    signature = FakeSignature(SLOW, FAST)
    optimized(signature, 16)
    assert signature.compilations == [(n, row) for n in PROGRAM_SIZES for row in (3, 5)]


def test_nothing_larger_is_compiled_where_compiling_does_not_pay() -> None:
    signature = FakeSignature(FAST, SLOW)
    optimized(signature, 16)
    assert signature.compilations == [(1, 3), (1, 5)]


def test_a_batch_is_padded_to_its_program_and_its_answer_is_cut_back() -> None:
    signature = FakeSignature(SLOW, FAST)
    assert doubles(optimized(signature), numbers(3))
    assert signature.plain == []


def test_a_batch_larger_than_the_programs_is_run_in_parts() -> None:
    signature = FakeSignature(plain_seconds=10 * SLOW, compiled_seconds=SLOW)
    assert doubles(optimized(signature), numbers(8))
    assert signature.compiled == [(4, 5), (4, 5)]


def test_a_program_that_is_no_faster_compiled_stays_plain() -> None:
    signature = FakeSignature(FAST, SLOW)
    assert doubles(optimized(signature), numbers(3))
    assert (signature.plain, signature.compiled) == ([(3, 5)], [])


def test_a_plain_batch_is_padded_to_a_size_that_was_prepared() -> None:
    signature = FakeSignature(FAST, SLOW)
    runner = make_runner(signature, 5, most=16)
    for _ in runner.optimize():
        pass
    prepared = set(signature.plain)
    signature.plain.clear()
    for rows in range(1, 17):
        assert doubles(runner, numbers(rows))
    assert set(signature.plain) == prepared == {(n, 5) for n in (*range(1, 9), 10, 12, 14, 16)}


def test_plain_sizes_are_prepared_also_where_nothing_can_be_compiled() -> None:
    class NotForXla(FakeSignature):
        def compile(self) -> Program:
            raise ValueError("no kernel for an operation")

    signature = NotForXla(FAST, FAST)
    with pytest.raises(ValueError, match="no kernel"):
        next(make_runner(signature, 5, most=4).optimize())
    assert signature.plain == [(1, 5), (2, 5), (3, 5), (4, 5)]


def test_what_was_slower_compiled_for_an_earlier_version_is_not_compiled_again() -> None:
    earlier = optimized(FakeSignature(FAST, SLOW))
    signature = FakeSignature(FAST, SLOW)
    runner = make_runner(signature, 3, 5, 7, most=8)
    runner.expect(earlier.programs())
    runner.warm_up()
    races = list(runner.optimize())
    assert signature.compilations == [(1, 7)]
    assert {race.written_shape for race in races} == {"1x3", "1x5", "1x7"}
    assert runner.programs()[:2] == earlier.programs()[:2]
    assert doubles(runner, numbers(8))


def test_what_was_faster_compiled_for_an_earlier_version_is_timed_again() -> None:
    earlier = optimized(FakeSignature(SLOW, FAST))
    signature = FakeSignature(FAST, SLOW)
    runner = make_runner(signature, 3, 5, most=8)
    runner.expect(earlier.programs())
    runner.warm_up()
    assert [race.use_compiled for race in runner.optimize()] == [False, False]
    assert signature.compilations == [(1, 3), (1, 5)]


def test_nothing_is_compiled_for_a_batch_or_a_row_of_another_shape() -> None:
    signature = FakeSignature(SLOW, FAST)
    runner = optimized(signature)
    for shape in ((9, 5), (2, 4)):
        assert doubles(runner, numbers(*shape))
    assert signature.plain == [(9, 5), (2, 4)]
    assert len(signature.compilations) == 4


def test_it_counts_what_it_computes_and_how_much_of_that_was_padding() -> None:
    runner = make_runner(FakeSignature(FAST, FAST), 5, most=16)
    runner(numbers(9))  # padded to 10
    assert runner.elements == (45, 5)
    runner(numbers(2), 7)
    assert runner.elements == (52, 8)
    runner(numbers(3, length=4))  # of a shape that it has no plan for
    assert runner.elements == (64, 8)


def test_it_says_which_program_runs_each_shape_and_what_was_measured() -> None:
    runner = make_runner(FakeSignature(SLOW, FAST), 5, most=8)
    assert runner.programs() == [
        ShapeProgram({"row": (size, 5)}, None, None, "plain") for size in (1, 4)
    ]
    first = next(runner.optimize())
    known, unknown = runner.programs()
    assert known == ShapeProgram({"row": (1, 5)}, first.plain, first.compiled, "compiled")
    assert (unknown.plain, unknown.compiled, unknown.used) == (None, None, "plain")


def test_it_answers_plain_before_it_is_optimized() -> None:
    signature = FakeSignature(SLOW, FAST)
    runner = make_runner(signature, 3, most=64)
    runner.warm_up()
    runner(numbers(5, length=3))
    assert signature.plain == [(1, 3), (5, 3)]


@pytest.mark.parametrize(
    ("shapes", "written"),
    [
        ({"image": (1, 28, 28, 1)}, "1x28x28x1"),
        ({"ids": (4, 16), "weight": (4,)}, "ids:4x16,weight:4"),
    ],
)
def test_a_shape_is_written_in_short(shapes: dict[str, tuple[int, ...]], written: str) -> None:
    assert Race(shapes, 1.0, 1.0, use_compiled=False).written_shape == written


@pytest.mark.parametrize("length", [16, 32])
def test_the_shipped_model_answers_the_same_by_either_program(
    shipped_models: Path, length: int
) -> None:
    artifact = next(a for a in read_models(shipped_models).artifacts if a.card.name == "sentiment")
    assert isinstance(artifact.card.preprocessing, TextPreprocessing)
    spec = artifact.card.signature("tokens", "probabilities")
    plain = SavedModel(artifact.path).signature("tokens", spec)
    shape = (PROGRAM_SIZES[1], length)
    compiled = plain.compile()
    rows = {"token_ids": np.random.default_rng(0).integers(1, 9000, shape, np.int32)}
    np.testing.assert_allclose(
        compiled(rows)["probabilities"], plain(rows)["probabilities"], atol=1e-5
    )
