"""The metrics: what is counted, under which names, and that no caller can add to the labels."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.grpc import inference_pb2 as messages
from service.grpc.inference_pb2_grpc import InferenceStub
from tests.service.answers import base64_text
from tests.service.metrics import samples, value

ENDPOINTS = {"classify", "sentiment", "embed"}
LABELS = {
    "trident_requests": {"endpoint", "protocol", "status"},
    "trident_request_duration_seconds": {"endpoint", "protocol"},
    "trident_queue_duration_seconds": {"model", "version"},
    "trident_batch_size": {"model", "version"},
    "trident_inference_duration_seconds": {"model", "version"},
    "trident_queue_depth": {"model", "version"},
    "trident_model_info": {"model", "version", "task", "tensorflow"},
    "trident_program_call_seconds": {"model", "version", "shape", "program"},
    "trident_program_compiled": {"model", "version", "shape"},
}
WEIRD = "w3ird<&\"'\n{}"


def _requests(http: httpx.Client, endpoint: str, protocol: str, status: str) -> float:
    labels = {"endpoint": endpoint, "protocol": protocol, "status": status}
    return value(http, "trident_requests_total", **labels)


def test_every_metric_is_documented_and_has_its_labels(
    http: httpx.Client, stub: InferenceStub
) -> None:
    http.post("/sentiment", json={"text": "fine"})
    stub.Sentiment(messages.SentimentRequest(texts=["fine"]))
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {f.name: f for f in text_string_to_metric_families(answer.text)}
    ours = {name for name in families if name.startswith("trident_")}
    assert ours - LABELS.keys() == set()
    always = {name for name in LABELS if not name.startswith("trident_program")}
    assert always <= ours  # the others come once the programs were timed
    for name in ours:
        assert families[name].documentation.endswith(".")
        found = {label for s in families[name].samples for label in s.labels} - {"le", "pid"}
        assert found == LABELS[name], name


@pytest.mark.parametrize(
    ("body", "status"), [({"text": "fine"}, "200"), ({"text": ""}, "422"), ({"txt": 1}, "400")]
)
def test_each_http_request_is_counted_once(
    http: httpx.Client, body: dict[str, object], status: str
) -> None:
    before = _requests(http, "sentiment", "http", status)
    for _ in range(3):
        assert http.post("/sentiment", json=body).status_code == int(status)
    assert _requests(http, "sentiment", "http", status) - before == 3


def test_each_grpc_call_is_counted_once(http: httpx.Client, stub: InferenceStub) -> None:
    statuses = [("grpc", "OK"), ("grpc", "INVALID_ARGUMENT"), ("http", "200")]

    def counts() -> list[float]:
        return [_requests(http, "embed", *status) for status in statuses]

    before = counts()
    stub.Embed(messages.EmbedRequest(images=[b"bad", b"bad"]))  # answered, each by an error
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        stub.Embed(messages.EmbedRequest(images=[b"bad"]))
    assert [new - old for new, old in zip(counts(), before, strict=True)] == [1, 1, 0]


def test_each_input_is_counted_once(http: httpx.Client, seven: bytes) -> None:
    names = [
        "trident_batch_size_sum",
        "trident_queue_duration_seconds_count",
    ]
    before = [value(http, name, model="digits", version="1") for name in names]
    images = [base64_text(seven)] * 3 + ["not base64"]
    assert http.post("/classify", json={"images": images}).status_code == 200
    after = [value(http, name, model="digits", version="1") for name in names]
    assert [new - old for new, old in zip(after, before, strict=True)] == [3, 3]


def test_batches_and_calls_of_the_model_agree(http: httpx.Client, seven: bytes) -> None:
    http.post("/classify", content=seven, headers={"content-type": "image/png"})
    for model in ("digits", "sentiment", "embedding"):
        batches = value(http, "trident_batch_size_count", model=model)
        assert batches == value(http, "trident_inference_duration_seconds_count", model=model)


def test_every_loaded_model_is_told(http: httpx.Client) -> None:
    told = {
        (s.labels["model"], s.labels["version"], s.value)
        for s in samples(http)
        if s.name == "trident_model_info"
    }
    assert told >= {(name, "1", 1.0) for name in ("digits", "sentiment", "embedding")}
    assert {("tint", "1", 1.0), ("tint", "2", 1.0)} <= told


def test_nothing_waits_when_nobody_asks(http: httpx.Client) -> None:
    assert value(http, "trident_queue_depth") == 0


def test_no_caller_can_make_a_label(http: httpx.Client, stub: InferenceStub) -> None:
    headers = {"content-type": WEIRD.replace("\n", ""), "x-request-id": "w3ird"}
    http.post("/classify", params={"model": WEIRD, "version": "1"}, headers=headers)
    http.post("/classify", params={"version": WEIRD}, content=b"w3ird")
    http.post("/w3ird/classify", content=b"w3ird")
    http.get("/w3ird")
    http.request("W3IRD", "/classify")
    with pytest.raises(Exception, match="NOT_FOUND"):
        stub.Embed(messages.EmbedRequest(images=[b"x"], model=messages.ModelChoice(name=WEIRD)))
    for sample in samples(http):
        assert "w3ird" not in str(sample).lower()
        assert sample.labels.get("endpoint", "classify") in ENDPOINTS
        assert sample.labels.get("protocol", "http") in {"http", "grpc"}
