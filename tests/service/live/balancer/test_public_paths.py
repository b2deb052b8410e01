"""The paths that the balancer passes on: endpoints and documentation, nothing else."""

import re
import socket
from urllib.parse import quote

import httpx
import pytest

from service.api.endpoints import ENDPOINTS
from tests.service.live.balancer.http2_client import Http2Client
from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live_server import LiveServer

PNG = {"content-type": "image/png"}
NO_REPLICAS_ANSWER = "urn:trident:problem:not-found"


def _percent_encodings(path: str) -> list[str]:
    """Return encodings of a path: of each character alone, of all, and of all twice."""
    encoded = [f"%{ord(character):02x}" for character in path]
    single = [path[:at] + encoded[at] + path[at + 1 :] for at in range(1, len(path))]
    whole = "/" + "".join(encoded[1:])
    twice = [one.replace("%", "%25") for one in (*single, whole)]
    return [*single, *(one.upper() for one in single), whole, "".join(encoded), *twice]


HIDDEN = [
    "/metrics",
    *_percent_encodings("/metrics"),
    *("//metrics", "///metrics", "/./metrics", "/x/../metrics", "/../metrics", "/%2e/metrics"),
    *("/metrics/", "/metrics//", "/metrics/.", "/metrics%2f", "/METRICS", "/METRICS?", "/Metrics"),
    *("/metrics;x", "/metrics;", "/metrics%3b", "/metrics?", "/metrics?name=x", "/metrics%3f"),
    *("/metrics%00", "/metrics%20", "/metrics.", "/metrics%", "/metrics%zz", "/\\metrics"),
    *("/classify/../metrics", "/classify/%2e%2e/metrics", "/classify%2f..%2fmetrics"),
    *("/static_content/../metrics", "/static_content/..", "/static_content/%2e%2e/metrics"),
    *(
        "/static_content//../metrics",
        "/static_content/..%2fmetrics",
        "/static_content/x/../metrics",
    ),
    *(
        "/docs/../metrics",
        "/docs/..",
        "/docs/.",
        "/docs/",
        "/docs/%2e%2e/metrics",
        "/docs//metrics",
    ),
    *("/models/../metrics", "/models/%2e%2e/metrics", "/models/..%2fmetrics", "/models/x/metrics"),
    *("/operations/metrics", "/debug", "/nothing", "/classify/x", "/classify;x"),
]
METRICS = "# HELP"


def _ask(port: int, request_line: str, host: str = "x") -> str:
    """Return the answer to this exact request: clients would normalize it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        request = f"{request_line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        return connection.makefile("rb").read().decode("latin-1")


@pytest.mark.parametrize("path", HIDDEN)
def test_nothing_else_passes_by_http_1(balancer: LiveBalancer, path: str) -> None:
    answer = _ask(balancer.http_port, f"GET {path}")
    assert METRICS not in answer
    assert NO_REPLICAS_ANSWER in answer or answer.startswith("HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["/metrics", "/%6detrics", "/metrics/", "//metrics"])
@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
def test_nothing_else_passes_by_a_whole_url(balancer: LiveBalancer, scheme: str, path: str) -> None:
    answer = _ask(balancer.http_port, f"GET {scheme}://trident{path}", host="trident")
    assert METRICS not in answer
    assert NO_REPLICAS_ANSWER in answer


@pytest.mark.parametrize(
    "line", ["OPTIONS *", "GET metrics", "GET *metrics", "CONNECT trident:3000"]
)
def test_nothing_else_passes_by_what_is_no_path(balancer: LiveBalancer, line: str) -> None:
    answer = _ask(balancer.http_port, line)
    assert METRICS not in answer
    assert re.match(r"HTTP/1.1 4\d\d ", answer)


def test_nothing_else_passes_by_any_method(balancer: LiveBalancer) -> None:
    for method in ("POST", "PUT", "HEAD", "OPTIONS", "DELETE", "BREW"):
        assert _ask(balancer.http_port, f"{method} /%6detrics").startswith("HTTP/1.1 404 ")


@pytest.mark.parametrize("path", HIDDEN)
def test_nothing_else_passes_by_http_2(balancer: LiveBalancer, path: str) -> None:
    with Http2Client(balancer.http_port) as client:
        status, body = client.get(path)
    assert METRICS not in body
    assert (status, NO_REPLICAS_ANSWER in body) in ((404, True), (400, False), (0, False))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/models/reload"),
        ("PUT", "/models/digits/labels/stable"),
        ("DELETE", "/models/digits/labels/stable"),
    ],
)
def test_the_administration_does_not_pass(
    balancer: LiveBalancer, server: LiveServer, method: str, path: str
) -> None:
    assert httpx.request(method, server.url + path).status_code == 403
    for spelt in [path, *_percent_encodings(path)]:
        answer = _ask(balancer.http_port, f"{method} {spelt}")
        assert NO_REPLICAS_ANSWER in answer or answer.startswith("HTTP/1.1 400 ")


def test_what_is_refused_is_answered_by_a_problem_document(balancer: LiveBalancer) -> None:
    answer = httpx.post(f"{balancer.url}/metrics", content=bytes(10_000_000), timeout=30)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail"}
    assert answer.json()["status"] == 404


def test_endpoints_pass_also_in_percent_encodings(balancer: LiveBalancer, seven: bytes) -> None:
    for path in ("/classify", "/%63lassify", "/classif%79?version=1", "/embed?model=embedding"):
        assert httpx.post(balancer.url + path, content=seven, headers=PNG).status_code == 200
    for path in ("/generate", "/generate?label=7", "/gener%61te"):
        assert httpx.post(balancer.url + path).status_code == 200


def test_an_endpoint_passes_by_http_2(balancer: LiveBalancer) -> None:
    with Http2Client(balancer.http_port) as client:
        status, _ = client.get("/readyz")
    assert status == 200


def test_all_that_is_documented_passes(balancer: LiveBalancer, server: LiveServer) -> None:
    """The page, its files, and every path that it shows, except the metrics."""
    page = httpx.get(f"{balancer.url}/").text
    loaded = re.findall(r'(?:src|href)="\.?(/[^"#]*)"', page)
    documented = set(httpx.get(f"{balancer.url}/docs.json").json()["paths"])
    documented -= {"/metrics", "/models/reload"}
    assert {endpoint.path for endpoint in ENDPOINTS} <= documented
    named = {path.format(name="digits", number=1, label="stable") for path in documented}
    paths = {"/", "/docs.json", "/schema.json", *loaded, *named}
    for path in paths:
        directly, balanced = (httpx.get(url + quote(path)) for url in (server.url, balancer.url))
        assert balanced.status_code == directly.status_code, path
        assert NO_REPLICAS_ANSWER not in balanced.text, path


def test_prometheus_finds_figures_of_the_balancer_itself(balancer: LiveBalancer) -> None:
    figures = httpx.get(f"http://{balancer.health_target}/metrics").text
    assert 'haproxy_backend_active_servers{proxy="grpc"} 1' in figures
