"""Traces, the access log and request ids of one request, over both protocols."""

import json
import re
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from PIL import Image

from service.api.trident import inference_pb2 as messages
from tests.service.drawings import encode
from tests.service.live.answers import base64_text
from tests.service.live.collector import Collector, attributes
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import LiveServer, wait_for

PNG = {"content-type": "image/png"}
PARENT = "b7ad6b7169203331"
STEPS = ["decode", "queue", "inference"]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    receiving = Collector()
    yield receiving
    receiving.close()


@pytest.fixture(scope="module")
def observed(
    all_models: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A ready server that reports everything: traces, access log, JSON."""
    settings = {"traces": collector.url, "access_log": True, "log_format": "json"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        live = LiveServer(tmp_path_factory.mktemp("observed"), all_models, **settings)
    with live:
        yield live.wait_until_ready()


class Caller:
    """A caller that traces its requests, each in a separate trace."""

    def __init__(self, flags: str = "01") -> None:
        self.trace_id = secrets.token_hex(16)
        self.request_id = f"test-{self.trace_id}"
        self.headers = {
            "traceparent": f"00-{self.trace_id}-{PARENT}-{flags}",
            "x-request-id": self.request_id,
        }

    def spans(self, collector: Collector) -> list[Span]:
        wait_for(lambda: bool(collector.trace(self.trace_id)), seconds=10)
        return collector.trace(self.trace_id)


def assert_spans(spans: list[Span], operation: str) -> Span:
    """Assert that there is one span for the request and one for each step; return the first."""
    server = spans[0]
    assert (server.name, server.kind) == (operation, Span.SPAN_KIND_SERVER)
    assert server.parent_span_id.hex() == PARENT
    assert [span.name for span in spans[1:]] == STEPS
    end = server.start_time_unix_nano
    for span in spans[1:]:
        assert span.parent_span_id == server.span_id
        assert end <= span.start_time_unix_nano <= span.end_time_unix_nano
        end = span.end_time_unix_nano
    assert end <= server.end_time_unix_nano
    return server


def large_png() -> bytes:
    """A PNG too large to be complete before its request begins."""
    return encode(Image.effect_noise((400, 400), 90))


def access_line(server: LiveServer, request_id: str) -> dict[str, Any]:
    def lines() -> list[str]:
        return [x for x in server.log.splitlines() if request_id in x and "service.access" in x]

    wait_for(lambda: bool(lines()), seconds=10)
    (line,) = lines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize("way", ["short", "long"])
def test_a_trace_goes_on_over_http(
    observed: LiveServer, collector: Collector, seven: bytes, way: str
) -> None:
    caller, image = Caller(), seven if way == "short" else large_png()
    assert (len(image) > 65536) == (way == "long")
    answer = httpx.post(
        f"{observed.url}/classify", content=image, headers=caller.headers | PNG, timeout=60
    )
    assert answer.status_code == 200
    server = assert_spans(caller.spans(collector), "POST /classify")
    assert attributes(server.attributes) == {
        "http.request.method": "POST",
        "http.route": "/classify",
        "http.response.status_code": 200,
        "trident.request_id": caller.request_id,
        "trident.endpoint": "classify",
        "trident.bytes": len(image),
        "trident.inputs": 1,
        "trident.model": "digits",
        "trident.version": 1,
    }


def test_a_trace_goes_on_over_grpc(
    observed: LiveServer, collector: Collector, seven: bytes
) -> None:
    caller = Caller()
    request = messages.ClassifyRequest(images=[seven, seven])
    with grpc.insecure_channel(observed.grpc_target) as channel:
        inference_stub(channel).Classify(request, metadata=tuple(caller.headers.items()))
    server = assert_spans(caller.spans(collector), "trident.v1.Inference/Classify")
    found = attributes(server.attributes)
    assert found["rpc.response.status_code"] == "OK"
    assert (found["trident.inputs"], found["trident.bytes"]) == (2, request.ByteSize())


def test_a_caller_without_a_trace_starts_one(
    observed: LiveServer, collector: Collector, seven: bytes
) -> None:
    request_id = secrets.token_hex(8)
    headers = PNG | {"x-request-id": request_id}
    httpx.post(f"{observed.url}/embed", content=seven, headers=headers, timeout=60)
    trace_id = access_line(observed, request_id)["trace_id"]
    wait_for(lambda: len(collector.trace(trace_id)) == 4, seconds=10)
    assert collector.trace(trace_id)[0].parent_span_id == b""
    assert collector.resources[-1]["service.name"] == "trident"


def test_a_trace_that_the_caller_does_not_sample_is_not_sent(
    observed: LiveServer, collector: Collector, seven: bytes
) -> None:
    silent, loud = Caller(flags="00"), Caller()
    for caller in (silent, loud):
        httpx.post(f"{observed.url}/embed", content=seven, headers=caller.headers | PNG)
    loud.spans(collector)
    assert collector.trace(silent.trace_id) == []


def test_a_failure_of_the_service_is_one_in_the_trace_and_a_clients_mistake_is_not(
    observed: LiveServer, collector: Collector, white: bytes
) -> None:
    mistaken, unlucky = Caller(), Caller()
    httpx.post(f"{observed.url}/embed", content=b"x", headers=mistaken.headers | PNG)
    (span,) = mistaken.spans(collector)[:1]
    assert span.status.code == Status.STATUS_CODE_UNSET
    slow = messages.ClassifyRequest(images=[white], model=messages.ModelChoice(name="slow"))
    with grpc.insecure_channel(observed.grpc_target) as channel:
        metadata = tuple(unlucky.headers.items())
        call = inference_stub(channel).Classify.future(slow, metadata=metadata, timeout=0.2)
        assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    (span,) = unlucky.spans(collector)
    assert span.status.code == Status.STATUS_CODE_ERROR


def test_an_access_line_tells_ids_and_sizes(observed: LiveServer, seven: bytes) -> None:
    caller = Caller()
    httpx.post(
        f"{observed.url}/classify",
        json={"images": [base64_text(seven), "@"]},
        headers=caller.headers,
        timeout=60,
    )
    line = access_line(observed, caller.request_id)
    assert line.pop("duration_ms") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line == {
        "level": "info",
        "worker": "1",
        "logger": "service.access",
        "message": "POST /classify 200",
        "request_id": caller.request_id,
        "endpoint": "classify",
        "protocol": "http",
        "caller": "-",
        "status": "200",
        "inputs": 2,
        "bytes": len(json.dumps({"images": [base64_text(seven), "@"]}, separators=(",", ":"))),
        "trace_id": caller.trace_id,
    }


def test_every_line_of_a_worker_is_json(observed: LiveServer) -> None:
    ours = [line for line in observed.log.splitlines() if "worker" in line]
    loggers = {json.loads(line)["logger"] for line in ours}
    assert loggers >= {"service.bento.lifecycle", "service.access", "bentoml.serve"}


@pytest.mark.parametrize("sent", ["mine-1", "un sane", None])
def test_a_grpc_call_has_an_id_whether_it_fails_or_not(
    observed: LiveServer, seven: bytes, sent: str | None
) -> None:
    metadata = (("x-request-id", sent),) if sent else ()
    with grpc.insecure_channel(observed.grpc_target) as channel:
        for image in (seven, b"x"):
            request = messages.ClassifyRequest(images=[image])
            call = inference_stub(channel).Classify.future(request, metadata=metadata)
            found = dict(call.trailing_metadata())["x-request-id"]
            assert found == "mine-1" if sent == "mine-1" else re.fullmatch(r"[0-9a-f]{32}", found)


def test_a_dead_collector_disturbs_nobody(
    observed: LiveServer, collector: Collector, seven: bytes
) -> None:
    collector.close()
    for _ in range(20):
        answer = httpx.post(f"{observed.url}/classify", content=seven, headers=PNG, timeout=10)
        assert answer.status_code == 200
    observed.process.send_signal(signal.SIGTERM)
    assert observed.wait_until_exit() == 0
    assert "Traceback" not in observed.log
    assert base64_text(seven) not in observed.log


def test_what_was_traced_is_sent_before_the_end(
    all_models: Path, tmp_path: Path, seven: bytes
) -> None:
    """Also through BentoML's own stack, once each."""
    collector, caller = Collector(), Caller()
    with LiveServer(tmp_path, all_models, traces=collector.url, ingress=False) as live:
        live.wait_until_ready()
        headers = caller.headers | PNG
        httpx.post(f"{live.url}/classify", content=seven, headers=headers, timeout=60)
        live.process.send_signal(signal.SIGTERM)
        assert live.wait_until_exit() == 0
    collector.close()
    assert_spans(collector.trace(caller.trace_id), "POST /classify")
    assert len(collector.spans) == 4
