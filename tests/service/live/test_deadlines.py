"""Deadlines and cancellation: no work is done for callers who don't wait."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import grpc
import httpx
import pytest

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.live.metrics import value
from tests.service.live_server import LiveServer, wait_for

PNG = {"content-type": "image/png"}
SLOW = messages.ModelChoice(name="slow")


@pytest.fixture
def slow_request(white: bytes) -> messages.ClassifyRequest:
    """A request that takes the model long."""
    return messages.ClassifyRequest(images=[white], model=SLOW)


@pytest.fixture
def quick_request(seven: bytes) -> messages.ClassifyRequest:
    """A request to the same model that takes it no time."""
    return messages.ClassifyRequest(images=[seven], model=SLOW)


def test_a_tiny_deadline_is_kept(
    stub: InferenceStub, slow_request: messages.ClassifyRequest, quick_request: object
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Classify(slow_request, timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert stub.Classify(quick_request).results[0].classification.label == "quick"


def test_a_deadline_long_enough_is_kept_to(
    stub: InferenceStub, slow_request: messages.ClassifyRequest
) -> None:
    response = stub.Classify(slow_request, timeout=60)
    assert response.results[0].classification.label == "slow"


def test_what_is_cancelled_or_expired_while_it_waits_is_never_computed(
    http: httpx.Client,
    stub: InferenceStub,
    slow_request: messages.ClassifyRequest,
    quick_request: messages.ClassifyRequest,
) -> None:
    def computed() -> float:
        return value(http, "trident_batch_size_sum", model="slow")

    stub.Classify(quick_request)  # nothing from an earlier test runs any more
    before = computed()
    running = stub.Classify.future(slow_request)
    time.sleep(0.2)  # the first is in the model: what comes now waits for it
    # If others waited already, it would be refused: its deadline allows for no wait.
    expired = stub.Classify.future(slow_request, timeout=0.1)
    cancelled = stub.Classify.future(slow_request)
    time.sleep(0.05)
    cancelled.cancel()
    assert expired.exception().code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not running.done(), "the model was too quick for this test to say anything"
    assert running.result().results[0].classification.label == "slow"
    stub.Classify(quick_request)
    assert cancelled.cancelled()
    assert computed() - before == 2  # the one that ran, and the last


def test_an_http_request_that_takes_too_long_is_answered_504(
    all_models: Path, tmp_path: Path, white: bytes, seven: bytes
) -> None:
    with LiveServer(tmp_path, all_models, request_timeout=0.5) as live:
        live.wait_until_ready()
        post = partial(httpx.post, f"{live.url}/classify?model=slow", headers=PNG, timeout=60)
        late = post(content=white)
        assert (late.status_code, late.json()["title"]) == (504, "Deadline exceeded")
        assert late.headers["content-type"] == "application/problem+json"
        with httpx.Client(base_url=live.url) as client:
            assert value(client, "trident_requests_total", status="504") == 1
            wait_for(lambda: value(client, "trident_batch_size_count", model="slow") == 1)
        assert post(content=seven).json()["label"] == "quick"
        _check_slow_uploads(live, seven)


def _check_slow_uploads(live: LiveServer, seven: bytes) -> None:
    """The time of an upload depends on the client: no deadline and no histogram counts it."""
    with httpx.Client(base_url=live.url) as client:
        before = value(client, "trident_request_duration_seconds_sum", endpoint="embed")
        padded = seven + bytes(100_000)  # too large to be read before its request begins
        for image, is_chunked in ((seven, False), (padded, False), (seven, True)):
            with slow_upload(live, image, is_chunked=is_chunked) as connection:
                assert connection.getresponse().status == 200
        wait_for(lambda: value(client, "trident_requests_total", endpoint="embed") == 3)
        after = value(client, "trident_request_duration_seconds_sum", endpoint="embed")
        assert after - before < 0.5 * 3


@contextmanager
def slow_upload(
    live: LiveServer, image: bytes, *, is_chunked: bool
) -> Iterator[http.client.HTTPConnection]:
    """Send an image in two parts, with more than the server's time-out between them."""

    def parts() -> Iterator[bytes]:
        yield image[:50]
        time.sleep(0.8)
        yield image[50:]

    headers = {"content-type": "image/png"}
    if not is_chunked:
        headers["content-length"] = str(len(image))
    with closing(http.client.HTTPConnection("127.0.0.1", live.http_port)) as connection:
        connection.request("POST", "/embed", parts(), headers, encode_chunked=is_chunked)
        yield connection
