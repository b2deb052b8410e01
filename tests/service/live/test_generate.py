"""Image generation with real clients of both protocols: the images are those of `sketched`."""

import base64
import io
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bentoml
import grpc
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.demo_models import SKETCH_LABELS, SKETCH_SIZE, sketched
from tests.service.live.answers import base64_text
from tests.service.live.conftest import MAX_INPUTS
from tests.service.live.metrics import value
from tests.service.live_server import LiveServer, wait_for

PATHS = ("/generate?model=sketch", "/models/sketch", "/models/sketch/versions/1")
FORM = {"content-type": "application/x-www-form-urlencoded"}
AS_PNG = {"accept": "image/png"}
SKETCH = messages.ModelChoice(name="sketch")


def pixels_of(file: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a PNG."""
    with Image.open(io.BytesIO(file)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        return np.asarray(picture)


def check(images: Sequence[tuple[str, bytes]], seed: int, label: int | None) -> None:
    """Check the labels and the files of the images of a seed, in their order."""
    for index, (name, file) in enumerate(images):
        number, expected = sketched(seed, index, label)
        assert name == SKETCH_LABELS[number]
        assert np.array_equal(pixels_of(file), expected)


def images_of(answers: Sequence[dict[str, Any]]) -> list[tuple[str, bytes]]:
    """Return the label and the file of each answer in JSON."""
    return [(answer["label"], base64.b64decode(answer["image"])) for answer in answers]


@pytest.mark.parametrize("path", PATHS)
def test_a_seed_and_a_label_give_the_same_images_everywhere(http: httpx.Client, path: str) -> None:
    fields = {"label": "7", "count": 5, "seed": 4_000_000_000}
    answers = http.post(path, json=fields).raise_for_status().json()
    assert {(one["model"], one["version"], one["seed"]) for one in answers} == {
        ("sketch", 1, 4_000_000_000)
    }
    check(images_of(answers), 4_000_000_000, 7)
    assert http.post(path, data=fields).json() == answers
    (first,) = http.post(path, json=fields | {"count": 1}).json()
    assert first == answers[0]
    assert http.post(path, json={"label": 7, "seed": 4_000_000_000}).json() == answers[0]


def test_an_empty_request_gives_one_image_that_its_seed_gives_again(http: httpx.Client) -> None:
    answers = [http.post("/models/sketch").raise_for_status() for _ in range(2)]
    seeds = [answer.json()["seed"] for answer in answers]
    assert seeds[0] != seeds[1]
    for answer, seed in zip(answers, seeds, strict=True):
        check(images_of([answer.json()]), seed, None)
        assert http.post(f"/models/sketch?seed={seed}").json() == answer.json()
        assert "image/png" not in answer.headers["content-type"]
        assert answer.headers["server-timing"]


def test_without_a_label_the_seed_chooses_one_for_each_image(http: httpx.Client) -> None:
    answers = http.post("/models/sketch", json={"count": MAX_INPUTS, "seed": 1}).json()
    check(images_of(answers), 1, None)
    assert len({answer["label"] for answer in answers}) > 5


@pytest.mark.parametrize(
    "command",
    [
        "curl '{url}/generate?model=sketch&label=7&seed=3' -X POST -H accept:image/png -o {file}",
        "curl -X POST -H 'Accept: image/*' '{url}/models/sketch?label=7&seed=3' -o {file}",
        "curl {url}/models/sketch -d label=7 -d seed=3 -H 'Accept: image/png' -o {file}",
        'curl {url}/models/sketch --json \'{{"label": 7, "seed": 3}}\' '
        "-H 'Accept: image/png' -o {file}",
    ],
)
def test_what_a_newcomer_types_gives_a_picture(
    server: LiveServer, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "seven.png"
    run = shlex.split(command.format(url=server.url, file=file))
    subprocess.run([*run, "-sSf"], check=True, timeout=60)
    check([("7", file.read_bytes())], 3, 7)


def test_several_images_are_one_sheet(http: httpx.Client) -> None:
    answer = http.post("/models/sketch?count=5&label=2&seed=9", headers=AS_PNG).raise_for_status()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["server-timing"]
    told = ("x-seed", "x-model", "x-model-version")
    assert [answer.headers[name] for name in told] == ["9", "sketch", "1"]
    side = SKETCH_SIZE + 2
    paper = pixels_of(answer.content)
    assert paper.shape == (2 * side + 2, 3 * side + 2)
    for index in range(5):
        top, left = (2 + side * place for place in divmod(index, 3))
        _, expected = sketched(9, index, 2)
        assert np.array_equal(paper[top : top + side - 2, left : left + side - 2], expected)
    again = http.post("/models/sketch", data={"count": 5, "label": 2, "seed": 9}, headers=AS_PNG)
    assert again.content == answer.content


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "image/webp"])
def test_whoever_asks_for_no_png_gets_json(http: httpx.Client, accept: str) -> None:
    answer = http.post("/models/sketch?seed=1", headers={"accept": accept})
    assert answer.headers["content-type"] == "application/json"


def test_no_other_task_answers_with_a_png(http: httpx.Client) -> None:
    answer = http.post("/sentiment", json={"text": "Dull."}, headers=AS_PNG)
    assert answer.headers["content-type"] == "application/json"


WRONG: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "label": ("/models/sketch?label=12&count=9", {}, 400, "no such label: send one of 0, 1,"),
    "number": ("/models/sketch", {"json": {"label": 10}}, 400, "from 0 to 9"),
    "count": ("/models/sketch?count=none", {}, 400, "from 1 to 64"),
    "many": (f"/models/sketch?count={MAX_INPUTS + 1}", {}, 413, f"at most {MAX_INPUTS} images"),
    "seed": ("/models/sketch?seed=4294967296", {}, 400, "0 to 4294967295"),
    "field": ("/models/sketch", {"data": {"colour": "red"}}, 400, "unknown fields"),
    "both": ("/models/sketch?label=1", {"json": {"count": 2}}, 400, "leave ?label= out"),
    "type": ("/models/sketch", {"files": {"label": b"7"}}, 415, "?label=7"),
    "json in a form": (
        "/models/sketch",
        {"content": b"{}", "headers": FORM},
        400,
        "as application/j",
    ),
    "version": ("/models/sketch?version=1&label=1", {}, 400, "/versions/N"),
    "model": ("/generate?model=digits", {}, 404, "Served here"),
    "other task": ("/classify?model=sketch", {"files": {"image": b"x"}}, 404, "Served here"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_said(http: httpx.Client, fault: str) -> None:
    """To whoever asks for a picture, too."""
    path, arguments, status, words = WRONG[fault]
    headers = arguments.get("headers", {})
    for more in ({}, AS_PNG):
        answer = http.post(path, **arguments | {"headers": headers | more})
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["content-type"] == "application/problem+json"
        assert words in answer.json()["detail"]


def test_grpc_gives_the_same_images(http: httpx.Client, stub: InferenceStub) -> None:
    files = images_of(http.post("/models/sketch?label=4&count=3&seed=8").json())
    request = messages.GenerateRequest(label="4", count=3, seed=8, model=SKETCH)
    samples = messages.Samples(label="4", count=3, seed=8)
    predicted = stub.Predict(messages.PredictRequest(samples=samples, model=SKETCH))
    for answer in (stub.Generate(request), predicted):
        images = [result.image for result in answer.results]
        assert [(image.label, image.png) for image in images] == files
        assert {image.seed for image in images} == {8}
        assert (answer.model.name, answer.model.version) == ("sketch", 1)
        assert answer.timing.inference_ms > 0


def test_an_empty_call_gives_one_image(stub: InferenceStub) -> None:
    for answer in (
        stub.Generate(messages.GenerateRequest(model=SKETCH)),
        stub.Predict(messages.PredictRequest(model=SKETCH)),
    ):
        (result,) = answer.results
        check([(result.image.label, result.image.png)], result.image.seed, None)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"label": "12", "count": 3}, grpc.StatusCode.INVALID_ARGUMENT, "send one of 0, 1,"),
        ({"count": 0}, grpc.StatusCode.INVALID_ARGUMENT, "from 1 to 64"),
        ({"count": 65}, grpc.StatusCode.INVALID_ARGUMENT, "at most 64 images"),
        ({"count": MAX_INPUTS + 1}, grpc.StatusCode.INVALID_ARGUMENT, f"limit of {MAX_INPUTS}"),
    ],
)
def test_what_is_wrong_with_a_call_is_said(
    stub: InferenceStub, fields: dict[str, Any], code: grpc.StatusCode, words: str
) -> None:
    for call, request in (
        (stub.Generate, messages.GenerateRequest(**fields, model=SKETCH)),
        (stub.Predict, messages.PredictRequest(samples=messages.Samples(**fields), model=SKETCH)),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call(request)
        error: Any = caught.value
        assert error.code() is code
        assert words in error.details()


@pytest.mark.parametrize(
    ("model", "inputs", "words"),
    [
        ("sketch", {"texts": ["7"]}, "sketch takes samples: the request holds texts"),
        ("tint", {"samples": messages.Samples()}, "tint takes images: the request holds samples"),
    ],
)
def test_the_inputs_of_another_task_are_refused(
    stub: InferenceStub, model: str, inputs: dict[str, Any], words: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(messages.PredictRequest(**inputs, model=messages.ModelChoice(name=model)))
    error: Any = caught.value
    assert words in error.details()


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[Any]:
    """BentoML's own client."""
    with bentoml.SyncHTTPClient(server.url, timeout=60) as client:
        yield client


def test_bentomls_client_asks_by_its_fields(client: Any, http: httpx.Client) -> None:
    for fields in ({"label": "7", "count": 2, "seed": 1}, {"label": "3", "seed": 0}):
        assert client.generate(**fields) == http.post("/generate", json=fields).json()
    assert client.generate()["image"]


def test_many_at_once_get_each_their_own(server: LiveServer) -> None:
    def ask(seed: int) -> bool:
        label, count = seed % 10, 1 + seed % 7
        fields = {"label": label, "count": count, "seed": seed}
        answer = httpx.post(f"{server.url}/models/sketch", json=fields, timeout=60)
        if answer.status_code == 429:  # the shared server's queue is short
            return False
        check(images_of(answer.json()), seed, label)
        return len(answer.json()) == count

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(200))) > 20


def test_images_are_counted_as_inputs_of_the_model(http: httpx.Client) -> None:
    sketch = {"model": "sketch", "version": "1"}

    def figures() -> list[float]:
        return [
            value(http, "trident_requests_total", endpoint="generate", status="200"),
            value(http, "trident_queue_duration_seconds_count", **sketch),
            value(http, "trident_predictions_total", **sketch, label="6"),
            value(http, "trident_confidence_count", **sketch),
        ]

    before = figures()
    http.post("/generate?model=sketch&label=6&count=7").raise_for_status()
    wait_for(lambda: figures() == [before[0] + 1, before[1] + 7, before[2] + 7, 0], 10)


def test_the_shipped_generator_makes_digits_that_the_shipped_classifier_reads(
    http: httpx.Client,
) -> None:
    """In a batch of any size the same ones; its card says how many of 10,000 are read right."""
    right = 0
    for label in SKETCH_LABELS:
        answers = http.post(f"/generate?label={label}&count=8&seed=1").raise_for_status().json()
        assert {answer["model"] for answer in answers} == {"generator"}
        assert http.post(f"/generate?label={label}&count=1&seed=1").json() == answers[:1]
        images = [answer["image"] for answer in answers]
        read = http.post("/classify", json={"images": images}).raise_for_status().json()
        right += sum(answer["label"] == label for answer in read)
    assert right >= 72  # of 80


def test_a_generated_image_is_an_input_of_the_others(http: httpx.Client) -> None:
    """In JSON its field is the one that they take."""
    made = http.post("/models/sketch?seed=1").json()
    answer = http.post("/models/tint", json={"image": made["image"]}).raise_for_status().json()
    assert answer["label"]
    assert base64_text(base64.b64decode(made["image"])) == made["image"]
