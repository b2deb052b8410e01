"""Arrays in messages: whatever their types and shapes say, they are read or refused."""

import pytest

from service.api.trident import inference_pb2 as messages
from service.api.trident.grpc_tensors import read_tensors
from service.errors import UndecodableInputError


@pytest.mark.parametrize(
    "dtype", ["", ",", "f4,f4", "(1,2", "O", "V8", "S0", "M8[ns]", "__doc__", "finfo", "(9,)f4"]
)
def test_a_type_that_has_no_such_name_is_refused(dtype: str) -> None:
    sent = messages.Tensor(dtype=dtype, shape=[1], content=bytes(8))
    found = read_tensors({"x": sent})
    assert isinstance(found, UndecodableInputError)
    assert "no known type" in str(found)


@pytest.mark.parametrize(
    ("shape", "content"),
    [
        ([1] * 70, b"a"),
        ([0] * 70, b""),
        ([0, 2**62, 2**62], b""),
        ([-1], b"a"),
        ([2**62, 4], b""),
        ([2], b"a"),
        ([], b""),
    ],
)
def test_a_shape_that_no_array_has_is_refused(shape: list[int], content: bytes) -> None:
    for sent in (
        messages.Tensor(dtype="uint8", shape=shape, content=content),
        messages.Tensor(dtype="string", shape=shape, strings=[b"a"] * len(content)),
    ):
        found = read_tensors({"x": sent})
        assert isinstance(found, UndecodableInputError)
        assert "shape" in str(found)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float8_e5m2"])
def test_a_type_of_numbers_is_read(dtype: str) -> None:
    found = read_tensors({"x": messages.Tensor(dtype=dtype, shape=[0, 3], content=b"")})
    assert isinstance(found, dict)
    assert (found["x"].shape, found["x"].dtype.name) == ((0, 3), dtype)
