"""The metrics: what is counted, under which names, and that no caller can add to the labels."""

import re
import tomllib
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from service.telemetry.exposition import render_metrics
from tests.service.drawings import encode
from tests.service.live.answers import base64_text
from tests.service.live.conftest import MAX_INPUTS, MAX_QUEUE_SIZE
from tests.service.live.metrics import samples, value
from tests.service.live_server import ROOT, LiveServer, wait_for

ENDPOINTS = {"classify", "sentiment", "embed", "generate", "predict", "refused"}
Wanted = tuple[str, dict[str, str]]
DOCUMENT = ROOT / "docs" / "metrics.md"
PNG = {"content-type": "image/png"}
WEIRD = "w3ird<&\"'\n{}"


def _requests(http: httpx.Client, endpoint: str, protocol: str, status: str) -> float:
    labels = {"endpoint": endpoint, "protocol": protocol, "status": status}
    return value(http, "trident_requests_total", **labels)


def documented() -> dict[str, tuple[str, set[str]]]:
    """Return each metric's type and labels by its name in docs/metrics.md."""
    row = re.compile(r"^\| `(trident_\w+)` \| (\w+) \|([\w, ]*)\| [A-Z0-9].*\. \| .*\|$", re.M)
    return {
        name: (kind, {label.strip() for label in labels.split(",") if label.strip()})
        for name, kind, labels in row.findall(DOCUMENT.read_text())
    }


def exposed(http: httpx.Client) -> dict[str, tuple[str, set[str]]]:
    """Return each metric's type and labels by its name, as the server shows them."""
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {
        family.name + "_total" * (family.type == "counter"): (
            family.type,
            {label for sample in family.samples for label in sample.labels} - {"le"},
        )
        for family in families
    }


def test_the_document_and_the_server_name_the_same_metrics(
    http: httpx.Client, stub: InferenceStub, seven: bytes
) -> None:
    stub.Sentiment(messages.SentimentRequest(texts=["fine"]))
    for path in ("/classify", "/embed"):
        http.post(path, content=seven, headers=PNG)
    wait_for(lambda: "trident_program_compiled" in exposed(http))  # a first shape was timed
    known = documented()
    del known["trident_shadow_comparisons_total"]  # no model there has a shadow
    assert exposed(http) == known


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
    http.post("/classify", content=seven, headers=PNG)
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
    assert value(http, "trident_requests_in_progress") == 0
    assert value(http, "trident_queue_limit", model="digits", version="1") == MAX_QUEUE_SIZE


def added(http: httpx.Client, act: Callable[[], object], *wanted: Wanted) -> list[float]:
    """Return how much each of the figures grows during an action."""
    before = [value(http, name, **labels) for name, labels in wanted]
    act()
    after = [value(http, name, **labels) for name, labels in wanted]
    return [new - old for new, old in zip(after, before, strict=True)]


REJECTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "malformed": ("/classify", {"json": {}}),
    "unknown_model": ("/classify?model=nobody", {"content": b"x", "headers": PNG}),
    "too_large": ("/embed", {"json": {"images": [""] * (MAX_INPUTS + 1)}}),
    "unsupported_media_type": ("/sentiment", {"content": b"x", "headers": PNG}),
    "undecodable": ("/embed", {"content": b"x", "headers": PNG}),
}


@pytest.mark.parametrize("reason", REJECTIONS)
def test_a_refused_request_is_counted_by_its_reason(http: httpx.Client, reason: str) -> None:
    url, arguments = REJECTIONS[reason]
    labels = {"endpoint": url[1:].partition("?")[0], "protocol": "http"}
    every = ("trident_rejected_total", labels)
    this = ("trident_rejected_total", {**labels, "reason": reason})
    assert added(http, lambda: http.post(url, **arguments), every, this) == [1, 1]


def test_refused_inputs_are_counted_one_by_one(
    http: httpx.Client, stub: InferenceStub, seven: bytes
) -> None:
    name = "trident_rejected_total"
    wanted = [
        (name, {"endpoint": "classify", "protocol": "http", "reason": "undecodable"}),
        (name, {"endpoint": "classify", "protocol": "http", "reason": "malformed"}),
        (name, {"endpoint": "classify", "protocol": "grpc", "reason": "undecodable"}),
    ]

    def act() -> None:
        http.post("/classify", json={"images": [base64_text(seven), base64_text(b"x"), "@"]})
        stub.Classify(messages.ClassifyRequest(images=[seven, b"x", b"y"]))
        with pytest.raises(grpc.RpcError):
            stub.Classify(messages.ClassifyRequest(images=[b"z"]))

    assert added(http, act, *wanted) == [1, 1, 3]


def test_what_leaves_the_queue_unseen_is_counted_by_its_reason(
    http: httpx.Client, stub: InferenceStub, white: bytes, seven: bytes
) -> None:
    slow = messages.ModelChoice(name="slow")
    request = messages.ClassifyRequest(images=[white], model=slow)
    calls = {"endpoint": "classify", "protocol": "grpc"}

    def act() -> None:
        running = stub.Classify.future(request)
        # Calls that arrive at the same time would be in its batch.
        wait_for(lambda: value(http, "trident_requests_in_progress", **calls) == 1)
        # If others waited already, it would be refused: its deadline allows for no wait.
        expiring = stub.Classify.future(request, timeout=1.0)
        wait_for(lambda: value(http, "trident_queue_depth", model="slow") == 1)
        waiting = [stub.Classify.future(request) for _ in range(2)]
        wait_for(lambda: value(http, "trident_queue_depth", model="slow") == 3)
        assert value(http, "trident_requests_in_progress", **calls) == 4
        for call in waiting:
            call.cancel()
        assert expiring.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert not running.done(), "the model was too quick for this test to say anything"
        running.result()
        stub.Classify(messages.ClassifyRequest(images=[seven], model=slow))

    name = "trident_inputs_dropped_total"
    wanted = [
        (name, {"model": "slow", "reason": "abandoned"}),
        (name, {"model": "slow", "reason": "expired"}),
        ("trident_requests_total", {**calls, "status": "CANCELLED"}),
        ("trident_requests_total", {**calls, "status": "DEADLINE_EXCEEDED"}),
    ]
    assert added(http, act, *wanted) == [2, 1, 2, 1]
    assert value(http, "trident_requests_in_progress", **calls) == 0


def test_answers_are_counted_by_label_and_by_confidence(http: httpx.Client, seven: bytes) -> None:
    model = {"model": "digits", "version": "1"}
    found = added(
        http,
        lambda: http.post("/classify", json={"images": [base64_text(seven)] * 3}),
        ("trident_predictions_total", {**model, "label": "7"}),
        ("trident_predictions_total", model),
        ("trident_confidence_count", model),
        ("trident_decode_duration_seconds_count", model),
    )
    assert found == [3, 3, 3, 3]
    labels = {s.labels["label"] for s in samples(http) if s.name == "trident_predictions_total"}
    assert labels >= {*"0123456789", "positive", "negative"}


def test_a_picture_unlike_a_digit_has_a_large_reconstruction_error(
    http: httpx.Client, seven: bytes
) -> None:
    def act(image: bytes) -> float:
        total = "trident_reconstruction_error_sum"
        (error,) = added(http, lambda: http.post("/embed", content=image, headers=PNG), (total, {}))
        return error

    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    assert act(encode(Image.fromarray(noise))) > 5 * act(seven) > 0


def test_padding_is_told_from_input(http: httpx.Client) -> None:
    name, model = "trident_computed_elements_total", {"model": "sentiment"}
    both = [(name, {**model, "kind": kind}) for kind in ("input", "padding")]
    tokens, padding = added(http, lambda: http.post("/sentiment", json={"text": "fine"}), *both)
    assert (tokens, padding) == (1, 15)


def test_pixels_need_no_padding_when_the_batch_is_of_one(http: httpx.Client, seven: bytes) -> None:
    name, model = "trident_computed_elements_total", {"model": "digits"}
    both = [(name, {**model, "kind": kind}) for kind in ("input", "padding")]
    post = partial(http.post, "/classify", content=seven, headers=PNG)
    assert added(http, post, *both) == [28 * 28, 0]


def test_the_process_tells_what_it_uses(http: httpx.Client, server: LiveServer) -> None:
    (worker,) = server.workers()
    memory = value(http, "trident_process_resident_memory_bytes", worker="1")
    assert memory == pytest.approx(worker.memory_info().rss, rel=0.2)
    assert value(http, "trident_process_start_time_seconds") == worker.create_time()
    assert value(http, "trident_process_cpu_seconds_total", worker="1") > 1
    assert value(http, "trident_gc_collections_total", generation="0") > 0
    assert value(http, "trident_gc_pause_seconds_total", generation="0") > 0


def test_the_server_tells_what_it_is(http: httpx.Client) -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    versions = {"version": pyproject["project"]["version"], "bentoml": version("bentoml")}
    assert value(http, "trident_build_info", **versions) == 1
    assert value(http, "trident_ready") == 1
    assert value(http, "trident_model_load_seconds", model="digits") > 0
    assert value(http, "trident_model_warm_up_seconds", model="digits") > 0


def test_no_caller_can_make_a_label(http: httpx.Client, stub: InferenceStub) -> None:
    headers = {"content-type": WEIRD.replace("\n", ""), "x-request-id": "w3ird"}
    http.post("/classify", params={"model": WEIRD, "version": "1"}, headers=headers)
    http.post("/classify", params={"version": WEIRD}, content=b"w3ird")
    http.post("/w3ird/classify", content=b"w3ird")
    http.get("/w3ird")
    http.post("/models/w3ird", content=b"w3ird")
    http.post("/models/w3ird/versions/w3ird", content=b"w3ird")
    http.request("W3IRD", "/classify")
    with pytest.raises(Exception, match="NOT_FOUND"):
        stub.Embed(messages.EmbedRequest(images=[b"x"], model=messages.ModelChoice(name=WEIRD)))
    for sample in samples(http):
        assert "w3ird" not in str(sample).lower()
        assert sample.labels.get("endpoint", "classify") in ENDPOINTS
        assert sample.labels.get("protocol", "http") in {"http", "grpc"}


def test_a_worker_that_has_just_made_its_file_spoils_no_scrape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "counter_1.db"
    file.touch()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr("service.telemetry.exposition.time.sleep", lambda _: file.unlink())
    assert render_metrics() == b""
    assert not file.exists(), "it was never read again"
