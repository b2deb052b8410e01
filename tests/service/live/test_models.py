"""Models by name: running them, and their descriptions."""

from typing import Any

import grpc
import httpx
import pytest
from PIL import Image

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.drawings import encode
from tests.service.live.answers import base64_text, same
from tests.service.live.metrics import value

PNG = {"content-type": "image/png"}
TEXT = {"content-type": "text/plain"}
REVIEW = "A wonderful film."
RED = encode(Image.new("RGB", (20, 20), (255, 0, 0)))
ENDPOINTS = {"digits": "/classify", "sentiment": "/sentiment", "embedding": "/embed"}


def arguments(model: str, image: bytes) -> dict[str, Any]:
    """Return the body and the headers of a request to a model."""
    if model == "sentiment":
        return {"content": REVIEW, "headers": TEXT}
    return {"content": image, "headers": PNG}


@pytest.mark.parametrize("model", ENDPOINTS)
def test_a_model_answers_by_its_name_as_its_endpoint_does(
    http: httpx.Client, seven: bytes, model: str
) -> None:
    request = arguments(model, seven)
    expected = http.post(ENDPOINTS[model], **request).raise_for_status().json()
    for path in (f"/models/{model}", f"/models/{model}/versions/1"):
        answer = http.post(path, **request).raise_for_status()
        assert same(answer.json(), expected)
        assert answer.headers["server-timing"]
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "label", "version"),
    [
        ("/models/tint", "rouge", 2),
        ("/models/tint/versions/1", "red", 1),
        ("/models/tint/versions/2", "rouge", 2),
        ("/models/slow", "quick", 1),
    ],
)
def test_a_model_that_is_no_default_answers_by_its_name(
    http: httpx.Client, path: str, label: str, version: int
) -> None:
    answer = http.post(path, content=RED, headers=PNG).raise_for_status().json()
    assert (answer["label"], answer["version"]) == (label, version)


def test_every_form_of_the_models_task_is_taken(http: httpx.Client) -> None:
    coded = base64_text(RED)
    one = [
        http.post("/models/tint", json={"image": coded}),
        http.post("/models/tint", files={"image": RED}),
        http.post("/models/tint", content=iter([RED[:30], RED[30:]]), headers=PNG),
        http.post("/models/tint", content=RED + bytes(200_000), headers=PNG),
    ]
    assert [answer.json()["label"] for answer in one] == ["rouge"] * 4
    several = http.post("/models/tint", json={"images": [coded, "!", coded]}).json()
    assert [answer.get("label") for answer in several] == ["rouge", None, "rouge"]
    assert several[1]["status"] == 400
    texts = http.post("/models/sentiment", json={"texts": [REVIEW, "Dull."]}).json()
    assert [answer["label"] for answer in texts] == ["positive", "negative"]


@pytest.mark.parametrize(
    ("path", "headers", "status", "words"),
    [
        ("/models/nobody", PNG, 404, "Served here: "),
        ("/models/tint/versions/9", PNG, 404, "tint/2"),
        ("/models/tint/versions/x", PNG, 404, "/models/NAME/versions/N"),
        ("/models/tint/labels", PNG, 404, "/models/NAME"),
        ("/models/tint?version=1", PNG, 400, "/versions/N"),
        ("/models/tint?model=slow", PNG, 400, "names the model"),
        ("/models/tint", TEXT, 415, "image/png"),
        ("/models/sentiment", PNG, 415, "text/plain"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    http: httpx.Client, path: str, headers: dict[str, str], status: int, words: str
) -> None:
    for content in (RED, iter([RED])):
        answer = http.post(path, content=content, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert words in answer.json()["detail"]


def test_requests_by_name_are_counted_under_one_label(http: httpx.Client) -> None:
    """However many names callers invent."""
    labels = {"endpoint": "predict", "protocol": "http"}
    before = value(http, "trident_requests_total", **labels)
    for name in ("tint", "nobody", "somebody"):
        http.post(f"/models/{name}", content=RED, headers=PNG)
    assert value(http, "trident_requests_total", **labels) - before == 3


def test_all_models_are_listed(http: httpx.Client) -> None:
    listed = http.get("/models").raise_for_status().json()["models"]
    assert [model["name"] for model in listed] == [
        *("digits", "embedding", "generator", "sentiment", "sketch", "slow", "tint")
    ]
    told = {model["name"]: model for model in listed}
    assert {name: told[name]["default_of"] for name in told} == {
        "digits": ["/classify"],
        "embedding": ["/embed"],
        "sentiment": ["/sentiment"],
        "generator": ["/generate"],
        "sketch": [],
        "slow": [],
        "tint": [],
    }
    assert (told["tint"]["task"], told["tint"]["versions"]) == ("image_classification", [2, 1])


def test_a_model_is_described(http: httpx.Client) -> None:
    digits = http.get("/models/digits").raise_for_status().json()
    version = next(each for each in digits["versions"] if each["version"] == 1)
    assert digits["name"] == "digits"
    assert version["labels"] == list("0123456789")
    image = version["signatures"]["serving_default"]["inputs"]["image"]
    assert image == {"dtype": "uint8", "shape": [None, 28, 28, 1]}
    figures = {figure["name"]: figure["value"] for figure in version["figures"]}
    assert figures["accuracy"] == 0.9946
    shapes = [program["shapes"]["image"] for program in version["programs"]]
    assert [1, 28, 28, 1] in shapes
    assert {program["used"] for program in version["programs"]} <= {"plain", "compiled"}
    sentiment = http.get("/models/sentiment").raise_for_status().json()
    assert sentiment["versions"][0]["labels"] == ["negative", "positive"]
    assert sentiment["versions"][0]["programs"]


@pytest.mark.parametrize(("label", "version"), [("robust", 2), ("private", 3)])
def test_the_robust_and_the_private_digits_answer_to_their_labels_only(
    http: httpx.Client, stub: InferenceStub, seven: bytes, label: str, version: int
) -> None:
    answer = http.post(f"/classify?label={label}", content=seven, headers=PNG).json()
    assert (answer["label"], answer["model"], answer["version"]) == ("7", "digits", version)
    choice = messages.ModelChoice(label=label)
    answered = stub.Classify(messages.ClassifyRequest(model=choice, images=[seven]))
    assert (answered.model.name, answered.model.version) == ("digits", version)
    assert http.post("/classify", content=seven, headers=PNG).json()["version"] == 1
    labels = http.get("/models/digits").raise_for_status().json()["version_labels"]
    assert labels.items() >= {"stable": 1, label: version}.items()


def test_a_description_of_nothing_is_a_problem(http: httpx.Client) -> None:
    answer = http.get("/models/nobody")
    assert (answer.status_code, answer.json()["title"]) == (404, "Unknown model")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_call_by_name_is_answered_as_the_models_task_answers(
    stub: InferenceStub, seven: bytes
) -> None:
    def predict(name: str, version: int = 0, **inputs: Any) -> Any:
        model = messages.ModelChoice(name=name, version=version)
        return stub.Predict(messages.PredictRequest(model=model, **inputs))

    digits = predict("digits", images=[seven, b"x"])
    assert digits.results[0].classification.label == "7"
    assert digits.results[1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert (digits.model.name, digits.model.version) == ("digits", 1)
    assert digits.timing.inference_ms > 0
    assert predict("tint", 1, images=[RED]).results[0].classification.label == "red"
    assert predict("sentiment", texts=[REVIEW]).results[0].sentiment.label == "positive"
    embedding = predict("embedding", images=[seven]).results[0].embedding
    assert same(
        list(embedding.values),
        list(stub.Embed(messages.EmbedRequest(images=[seven])).results[0].embedding.values),
    )


@pytest.mark.parametrize(
    ("model", "inputs", "code", "words"),
    [
        ("", {"images": [RED]}, grpc.StatusCode.INVALID_ARGUMENT, "names no model"),
        ("nobody", {"images": [RED]}, grpc.StatusCode.NOT_FOUND, "nobody"),
        ("tint", {"texts": ["a"]}, grpc.StatusCode.INVALID_ARGUMENT, "tint takes images"),
        ("sentiment", {"images": [RED]}, grpc.StatusCode.INVALID_ARGUMENT, "takes texts"),
        ("tint", {}, grpc.StatusCode.INVALID_ARGUMENT, "no input"),
    ],
)
def test_what_is_wrong_with_a_call_is_said(
    stub: InferenceStub, model: str, inputs: dict[str, Any], code: grpc.StatusCode, words: str
) -> None:
    choice = messages.ModelChoice(name=model)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(messages.PredictRequest(model=choice, **inputs))
    error: Any = caught.value
    assert error.code() is code
    assert words in error.details()
