"""Arrays from nested lists: what isn't numbers is refused before it takes memory."""

import tracemalloc
from typing import Any

import pytest

from service.errors import UndecodableInputError
from service.tasks.preprocessing.arrays import read_array

NUMBERS = [1] * 20_000
LONG = "a" * 20_000


@pytest.mark.parametrize(
    "value", [[LONG, *NUMBERS], [*NUMBERS, LONG], [NUMBERS, [*NUMBERS[1:], LONG]], [[{LONG: 1}]]]
)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_a_string_among_numbers_takes_no_memory(value: Any, dtype: str) -> None:
    """As numpy reads it, all 20,000 values would become strings of 80,000 bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(UndecodableInputError, match="values of the type"):
            read_array("x", value, dtype)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", [[[1, 2], [3]], [[1, 2], 3], [1, [2, 3]], [[[1]], [[2], [3]]]])
def test_lists_of_different_lengths_are_refused(value: Any) -> None:
    with pytest.raises(UndecodableInputError, match="different lengths"):
        read_array("x", value, "float32")


def test_lists_of_any_depth_are_refused_or_read() -> None:
    value: Any = 1
    for _ in range(1_000):
        value = [value]
    with pytest.raises(UndecodableInputError):
        read_array("x", value, "float32")
