"""A server with keys, with the ingress and without it: who may do what, by both protocols."""

import json
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from PIL import Image

from service.api.access.keys import make_key
from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.drawings import encode
from tests.service.live.grpc_client import inference_stub
from tests.service.live.health_check import health_check
from tests.service.live.test_readme import Example, check_example, find_examples
from tests.service.live_server import ROOT, LiveServer, wait_for
from tests.service.some_keys import bearer, keys_setting
from tests.service.transport.http1.wire import connect

EXAMPLES = find_examples((ROOT / "docs/security.md").read_text())
PREDICT, METRICS, ADMIN = (make_key() for _ in range(3))
PNG = {"content-type": "image/png"}
RED = encode(Image.new("RGB", (20, 20), (255, 0, 0)))
UNKNOWN = [{}, bearer(make_key()), {"authorization": f"Basic {PREDICT}"}, bearer(PREDICT[:-1])]

PREDICTIONS = [
    *(("POST", path) for path in ("/classify", "/classify?model=tint", "/embed", "/sentiment")),
    *(("POST", path) for path in ("/generate", "/generate?label=7", "/models/sketch")),
    *(("POST", path) for path in ("/models/tint", "/models/tint/versions/1", "/%63lassify")),
    *(("GET", path) for path in ("/", "/models", "/models/tint", "/docs.json", "/docs/page.js")),
    *(("GET", path) for path in ("/schema.json", "/nothing", "/classify", "/classify/", "/livez/")),
    *(("OPTIONS", path) for path in ("/classify", "/")),
]
METRICS_PATHS = ["/metrics", "/%6detrics", "/metrics%0a", "/metrics/", "/metrics?a=b"]
ADMINISTRATION = [
    *(("POST", path) for path in ("/models/reload", "/models/%72eload", "/models/reload%0a")),
    *(("PUT", path) for path in ("/models/tint/labels/a", "/models/tint/labels/a/")),
    *(("DELETE", path) for path in ("/models/tint/labels/a", "/models/tint%2flabels/a")),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keys = (PREDICT, "shop", "predict"), (METRICS, "prometheus", "metrics"), (ADMIN, "ops", "admin")
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    path.write_text(keys_setting(*keys))
    return path


@pytest.fixture(scope="module", params=[True, False], ids=["ingress", "no-ingress"])
def server(
    request: pytest.FixtureRequest,
    file: Path,
    demo_models: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveServer]:
    settings = {"keys_file": file, "ingress": request.param, "access_log": True}
    with LiveServer(tmp_path_factory.mktemp("server"), demo_models, **settings) as live:
        yield live.wait_until_ready()


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def channel(server: LiveServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc_target) as opened:
        yield opened


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> InferenceStub:
    return inference_stub(channel)


@pytest.mark.parametrize("headers", UNKNOWN)
def test_without_a_known_key_everything_but_health_is_401(
    http: httpx.Client, headers: dict[str, str]
) -> None:
    for method, path in [*PREDICTIONS, *ADMINISTRATION, *(("GET", p) for p in METRICS_PATHS)]:
        answer = http.request(method, path, content=RED, headers=PNG | headers)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"]
    for path in ("/livez", "/readyz", "/healthz"):
        assert http.get(path, headers=headers).status_code == 200


def test_each_key_has_its_own_right_alone(http: httpx.Client) -> None:
    tint = http.post("/models/tint", content=RED, headers=PNG | bearer(PREDICT))
    assert (tint.status_code, tint.json()["model"]) == (200, "tint")
    assert "trident_requests_total" in http.get("/metrics", headers=bearer(METRICS)).text
    assert http.post("/models/reload", headers=bearer(ADMIN)).status_code == 200
    for method, path in PREDICTIONS:
        for key in (METRICS, ADMIN):
            assert http.request(method, path, headers=bearer(key)).status_code == 403, path
    for method, path in ADMINISTRATION:
        for key in (METRICS, PREDICT):
            assert http.request(method, path, headers=bearer(key)).status_code == 403, path


@pytest.mark.parametrize("path", METRICS_PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
def test_no_way_leads_to_the_metrics_without_their_right(
    http: httpx.Client, method: str, path: str
) -> None:
    for key in (PREDICT, ADMIN):
        answer = http.request(method, path, headers=bearer(key))
        assert answer.status_code >= 400
        assert "trident_" not in answer.text


def _raw(server: LiveServer, request: bytes) -> bytes:
    with connect(server.http_port) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return _all_of(connection)


def _all_of(connection: socket.socket) -> bytes:
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer


@pytest.mark.parametrize(
    "head",
    [
        "GET /metrics HTTP/1.0\r\n",
        "GET //metrics HTTP/1.1\r\nhost: x\r\n",
        "GET http://x/metrics HTTP/1.1\r\nhost: x\r\n",
        "GET /metrics HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\n",
        "GET /livez HTTP/1.1\r\nhost: x\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n",
        "GET /metrics HTTP/1.1\r\nhost: x\r\nx-original-url: /livez\r\n",
        "GET /livez HTTP/1.1\r\nhost: x\r\nx-rewrite-url: /metrics\r\n",
        "POST /livez HTTP/1.1\r\nhost: x\r\nx-http-method-override: PUT\r\ncontent-length: 0\r\n",
    ],
)
def test_no_trick_leads_to_the_metrics(server: LiveServer, head: str) -> None:
    answer = _raw(server, f"{head}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 ")
    assert b"trident_requests" not in answer


def test_two_keys_in_one_request_are_none(server: LiveServer) -> None:
    lines = "".join(f"authorization: Bearer {key}\r\n" for key in (PREDICT, METRICS))
    answer = _raw(server, f"GET /metrics HTTP/1.1\r\nhost: x\r\n{lines}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("extra", ["", "expect: 100-continue\r\n"])
def test_the_answer_comes_before_the_body(server: LiveServer, extra: str) -> None:
    """And the connection ends, since a large body isn't waited for."""
    head = f"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n{extra}\r\n"
    with connect(server.http_port) as connection:
        connection.sendall(head.encode())
        assert _all_of(connection).startswith(b"HTTP/1.1 401 ")


def test_a_small_refused_body_keeps_the_connection(server: LiveServer) -> None:
    head = "POST /models/tint HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\n"
    head += f"content-length: {len(RED)}\r\n"
    with connect(server.http_port) as connection:
        connection.sendall(f"{head}\r\n".encode() + RED)
        key = f"{head}authorization: Bearer {PREDICT}\r\nconnection: close\r\n\r\n"
        connection.sendall(key.encode() + RED)
        answers = _all_of(connection)
    assert answers.startswith(b"HTTP/1.1 401 ")
    assert b"HTTP/1.1 200 " in answers


def _status_of(call: Callable[[], Any]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return str(caught.value.code().name)


def test_grpc_takes_the_same_keys(stub: InferenceStub, channel: grpc.Channel) -> None:
    request = messages.PredictRequest(model={"name": "tint"}, images=[RED])
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")

    def reflect(metadata: list[tuple[str, str]]) -> list[object]:
        return list(reflection.ServerReflectionInfo(iter([asked]), metadata=metadata))

    good = [*bearer(PREDICT).items()]
    assert stub.Predict(request, metadata=good).model.name == "tint"
    assert reflect(good)
    for headers in UNKNOWN:
        metadata = [*headers.items()]
        assert _status_of(partial(stub.Predict, request, metadata=metadata)) == "UNAUTHENTICATED"
        assert _status_of(partial(reflect, metadata)) == "UNAUTHENTICATED"
    for key in (METRICS, ADMIN):
        metadata = [*bearer(key).items()]
        code = _status_of(partial(stub.Predict, request, metadata=metadata))
        assert code == "PERMISSION_DENIED"


def test_health_by_grpc_needs_no_key(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    assert health.Check(health_pb2.HealthCheckRequest()).status == 1
    assert next(health.Watch(health_pb2.HealthCheckRequest())).status == 1


def _same(data: bytes) -> bytes:
    return data


def test_an_unknown_method_is_refused_before_it_is_unknown(channel: grpc.Channel) -> None:
    call = channel.unary_unary("/trident.v1.Inference/Nothing", _same, _same)
    assert _status_of(lambda: call(b"")) == "UNAUTHENTICATED"


def test_the_access_log_names_callers_and_shows_no_key(
    server: LiveServer, http: httpx.Client, stub: InferenceStub
) -> None:
    for name, key in (("named", bearer(PREDICT)), ("unnamed", {})):
        headers = PNG | {"x-request-id": f"{name}-http"} | key
        http.post("/models/tint", content=RED, headers=headers)
    metadata = [*bearer(PREDICT).items(), ("x-request-id", "named-grpc")]
    stub.Predict(messages.PredictRequest(model={"name": "tint"}, images=[RED]), metadata=metadata)
    wait_for(lambda: all(f"named-{p} " in server.log for p in ("http", "grpc")))
    lines = {line.split("request_id=")[1].split()[0]: line for line in _access(server.log)}
    assert " caller=shop " in lines["named-http"]
    assert " caller=shop " in lines["named-grpc"]
    assert " caller=- " in lines["unnamed-http"]
    assert " endpoint=refused " in lines["unnamed-http"]
    assert " status=401 " in lines["unnamed-http"]
    for secret in (PREDICT, METRICS, ADMIN):
        assert secret.removeprefix("trident_") not in server.log


def _access(log: str) -> list[str]:
    return [line for line in log.splitlines() if "access: request_id=" in line]


def test_the_containers_health_check_needs_no_key(server: LiveServer, tmp_path: Path) -> None:
    assert health_check(server, tmp_path) == ""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code.split("\n")[0][:60])
def test_the_page_on_security_works_as_shown(
    server: LiveServer, file: Path, example: Example
) -> None:
    for name in (".venv", "service"):
        if not (file.parent / name).exists():
            (file.parent / name).symlink_to(ROOT / name)
    check_example(example, f"127.0.0.1:{server.http_port}", server.grpc_target, file.parent)


def test_a_revoked_key_ends_on_open_connections_too(
    server: LiveServer, http: httpx.Client, stub: InferenceStub, file: Path
) -> None:
    before, new = file.read_text(), make_key()
    added = json.loads(keys_setting((new, "guest", "predict")))
    metadata = [*bearer(new).items()]
    request = messages.PredictRequest(model={"name": "tint"}, images=[RED])
    file.write_text(json.dumps([*json.loads(before), *added]))
    wait_for(lambda: http.get("/models", headers=bearer(new)).status_code == 200)
    assert stub.Predict(request, metadata=metadata)
    file.write_text(before)
    wait_for(lambda: http.get("/models", headers=bearer(new)).status_code == 401)
    assert _status_of(lambda: stub.Predict(request, metadata=metadata)) == "UNAUTHENTICATED"
    file.write_text("[{")
    wait_for(lambda: "the keys in force stay" in server.log)
    assert http.get("/models", headers=bearer(PREDICT)).status_code == 200
    file.write_text(before)
