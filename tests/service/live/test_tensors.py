"""Models of any inputs and outputs, by JSON and by gRPC; and one that takes texts as they are."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import LiveServer

Json = dict[str, Any]


@pytest.fixture(scope="module")
def live(tensor_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("tensors")
    with LiveServer(folder, tensor_models, max_batch_size=32) as server:
        yield server.wait_until_ready()


@pytest.fixture(scope="module")
def client(live: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def caller(live: LiveServer) -> Iterator[InferenceStub]:
    with grpc.insecure_channel(live.grpc_target) as channel:
        yield inference_stub(channel)


ANSWERED: dict[str, tuple[str, Json, Json]] = {
    "a batch of several inputs": (
        "pair",
        {"x": [[1, 2, 3], [0.5, 0.5, 0]], "weight": [2, -1]},
        {"sum": [12.0, -1.0], "name": ["w2", "w-1"]},
    ),
    "one example": ("pair", {"x": [1, 2, 3], "weight": 2}, {"sum": 12.0, "name": "w2"}),
    "a batch of one": ("pair", {"x": [[1, 2, 3]], "weight": [2]}, {"sum": [12.0], "name": ["w2"]}),
    "a dimension that varies": ("sequence", {"ids": [[1, 2, 3, 4]]}, {"total": [10]}),
    "the largest int64": ("sequence", {"ids": [2**63 - 1]}, {"total": 2**63 - 1}),
    "bfloat16": ("small", {"x": [[1.5, 2]]}, {"y": [[3.0, 4.0]]}),
    "no batch": ("fixed", {"x": [[1, 2], [3, 4]]}, {"y": [[1.0, 3.0], [2.0, 4.0]]}),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_arrays_are_answered_by_arrays(client: httpx.Client, name: str) -> None:
    model, inputs, outputs = ANSWERED[name]
    answer = client.post(f"/models/{model}", json={"inputs": inputs}).raise_for_status()
    assert answer.json() == {"outputs": outputs, "model": model, "version": 1}


REFUSED: dict[str, tuple[str, Any, int, str]] = {
    "an input too few": ("pair", {"x": [[1, 2, 3]]}, 422, "'weight' is missing"),
    "an unknown input": ("sequence", {"ids": [1], "mask": [1]}, 422, "'mask' is unknown"),
    "no input": ("pair", {}, 422, "is missing"),
    "ragged lists": ("sequence", {"ids": [[1], [1, 2]]}, 422, "different lengths"),
    "another shape": ("pair", {"x": [[1, 2]], "weight": [1]}, 422, "[?, 3]"),
    "another rank": ("pair", {"x": [[[1, 2, 3]]], "weight": [1]}, 422, "[?, 3]"),
    "a mixture of one and several": ("pair", {"x": [1, 2, 3], "weight": [1]}, 422, "shape"),
    "batches that differ": ("pair", {"x": [[1, 2, 3]], "weight": [1, 2]}, 422, "same number"),
    "an empty batch": ("pair", {"x": [], "weight": []}, 422, ""),
    "a fraction for an int": ("pair", {"x": [[1, 2, 3]], "weight": [1.5]}, 422, "int32"),
    "an int out of range": ("pair", {"x": [[1, 2, 3]], "weight": [2**40]}, 422, "range"),
    "a huge int": ("sequence", {"ids": [[2**64 - 1]]}, 422, ""),
    "words for numbers": ("pair", {"x": [["a", "b", "c"]], "weight": [1]}, 422, "float32"),
    "null": ("pair", {"x": [[1, None, 3]], "weight": [1]}, 422, "float32"),
    "an object": ("pair", {"x": {"a": 1}, "weight": [1]}, 422, "float32"),
    "too many examples": ("sequence", {"ids": [[1]] * 33}, 413, "over the limit of 32"),
    "a deep list": ("sequence", {"ids": json.loads("[" * 90 + "1" + "]" * 90)}, 422, ""),
    "another fixed shape": ("fixed", {"x": [[1, 2]]}, 422, "[2, 2]"),
    "a list of inputs": ("pair", [1], 400, '"inputs"'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_with_arrays_is_said(client: httpx.Client, name: str) -> None:
    model, inputs, status, words = REFUSED[name]
    answer = client.post(f"/models/{model}", json={"inputs": inputs})
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {"content-type": "application/json"}, 400),
        (b'{"inputs": {}, "x": 1}', {"content-type": "application/json"}, 400),
        (b'{"inputs"', {"content-type": "application/json"}, 400),
        (b"", {"content-type": "application/json"}, 400),
        (b"1,2,3", {"content-type": "text/csv"}, 415),
    ],
)
def test_what_is_no_object_of_inputs_is_refused(
    client: httpx.Client, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert client.post("/models/pair", content=content, headers=headers).status_code == status


def test_requests_of_any_shapes_at_once_are_answered_each_by_its_own(live: LiveServer) -> None:
    def ask(number: int) -> Any:
        ids = [[number] * (1 + number % 5)] * (1 + number % 3)
        answer = httpx.post(f"{live.url}/models/sequence", json={"inputs": {"ids": ids}})
        return answer.json()["outputs"]["total"]

    with ThreadPoolExecutor(16) as pool:
        totals = list(pool.map(ask, range(120)))
    assert totals == [[n * (1 + n % 5)] * (1 + n % 3) for n in range(120)]


def test_large_arrays_are_answered(client: httpx.Client) -> None:
    ids = np.arange(32 * 10_000).reshape(32, 10_000)
    answer = client.post("/models/sequence", json={"inputs": {"ids": ids.tolist()}})
    assert answer.json()["outputs"]["total"] == ids.sum(axis=1).tolist()


def tensor(array: Any, dtype: str) -> messages.Tensor:
    """Return an array as a message."""
    if dtype == "string":
        return messages.Tensor(dtype=dtype, shape=array.shape, strings=array.ravel().tolist())
    content = np.asarray(array).tobytes()
    return messages.Tensor(dtype=dtype, shape=np.shape(array), content=content)


def test_arrays_are_answered_over_grpc(caller: InferenceStub) -> None:
    inputs = {
        "x": tensor(np.array([[1, 2, 3], [0.5, 0.5, 0]], np.float32), "float32"),
        "weight": tensor(np.array([2, -1], np.int32), "int32"),
    }
    model = messages.ModelChoice(name="pair")
    answer = caller.Predict(messages.PredictRequest(model=model, inputs=inputs))
    outputs = answer.results[0].tensors.outputs
    assert np.frombuffer(outputs["sum"].content, np.float32).tolist() == [12.0, -1.0]
    assert (outputs["sum"].dtype, list(outputs["sum"].shape)) == ("float32", [2])
    assert (outputs["name"].dtype, list(outputs["name"].strings)) == ("string", [b"w2", b"w-1"])


X = np.ones((1, 3), np.float32)
WEIGHT = tensor(np.array([1], np.int32), "int32")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (tensor(X, "float64"), "whole number of elements"),
        (tensor(X.astype(np.float64), "float64"), "float32"),
        (messages.Tensor(dtype="float32", shape=[1, 4], content=X.tobytes()), "shape"),
        (messages.Tensor(dtype="float32", shape=[-1, -3], content=X.tobytes()), "shape"),
        (messages.Tensor(dtype="float99", shape=[1, 3], content=X.tobytes()), "float32"),
        (messages.Tensor(dtype="object", shape=[1], content=bytes(8)), ""),
        (messages.Tensor(dtype="string", shape=[1, 3], strings=[b"a"] * 3), "float32"),
    ],
)
def test_what_is_wrong_with_a_tensor_is_said(
    caller: InferenceStub, x: messages.Tensor, words: str
) -> None:
    request = messages.PredictRequest(
        model=messages.ModelChoice(name="pair"), inputs={"x": x, "weight": WEIGHT}
    )
    with pytest.raises(grpc.RpcError) as caught:
        caller.Predict(request)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in error.details()


def test_texts_go_in_as_they_are(client: httpx.Client) -> None:
    texts = ["a good one", "a bad one", "bad " * 3000 + "good", " "]
    answers = client.post("/sentiment", json={"texts": texts}).raise_for_status().json()
    assert [answer.get("label") for answer in answers] == ["positive", "negative", "positive", None]
    assert (answers[0]["score"], answers[0]["truncated"]) == (1.0, False)
    long = client.post("/models/mood", json={"text": "bad " * 20_000 + "good"}).json()
    assert (long["label"], long["truncated"]) == ("negative", True)


def test_the_models_are_described(client: httpx.Client) -> None:
    pair = client.get("/models/pair").raise_for_status().json()
    assert (pair["task"], pair["default_of"]) == ("tensors", [])
    signature = pair["versions"][0]["signatures"]["serving_default"]
    assert signature["inputs"]["weight"] == {"dtype": "int32", "shape": [None]}
    assert signature["outputs"].keys() == {"sum", "name"}


def test_complex_numbers_are_refused_at_the_start(live: LiveServer, client: httpx.Client) -> None:
    answer = client.post("/models/wave", json={"inputs": {"x": [1]}})
    assert (answer.status_code, answer.json()["title"]) == (503, "Not ready")
    assert "wave/1" in live.log
    assert "complex numbers" in live.log
