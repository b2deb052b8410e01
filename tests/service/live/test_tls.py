"""A server with TLS, whose clients must have certificates, and with a port for its operations."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from PIL import Image

from service.api.trident import inference_pb2 as messages
from tests.service.drawings import encode
from tests.service.live.certificates import Files, client_context
from tests.service.live.grpc_client import inference_stub
from tests.service.live.health_check import health_check
from tests.service.live_server import LiveServer, free_port, wait_for

PNG = {"content-type": "image/png"}
RED = encode(Image.new("RGB", (20, 20), (255, 0, 0)))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def client_pem(authority: trustme.CA, files: Files) -> Path:
    """A client's key and certificate, in one file."""
    path = files.key.with_name("client.pem")
    authority.issue_cert("client").private_key_and_cert_chain_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Files:
    made = Files(tmp_path_factory.mktemp("tls"))
    made.write(authority)
    authority.cert_pem.write_to_path(made.client_ca)
    return made


@pytest.fixture(scope="module")
def operations_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(
    files: Files, operations_port: int, demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    settings = {
        "tls_certificate": files.certificate,
        "tls_key": files.key,
        "tls_client_ca": files.client_ca,
        "operations_port": operations_port,
        "workers": 2,
    }
    with LiveServer(tmp_path_factory.mktemp("server"), demo_models, **settings) as live:
        live.url = f"https://localhost:{live.http_port}"
        wait_for(lambda: live.log.count("ready: gRPC") == 2)
        yield live


@pytest.fixture(scope="module")
def http(server: LiveServer, authority: trustme.CA, client_pem: Path) -> Iterator[httpx.Client]:
    context = client_context(authority)
    context.load_cert_chain(client_pem)
    with httpx.Client(base_url=server.url, verify=context, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def operations(
    server: LiveServer, authority: trustme.CA, operations_port: int
) -> Iterator[httpx.Client]:
    """A client of the operations' port, without a certificate."""
    url = f"https://localhost:{operations_port}"
    with httpx.Client(base_url=url, verify=client_context(authority), timeout=60) as client:
        yield client


def _channel(server: LiveServer, authority: trustme.CA, pem: bytes | None) -> grpc.Channel:
    roots = authority.cert_pem.bytes()
    credentials = grpc.ssl_channel_credentials(roots, pem, pem)
    return grpc.secure_channel(f"localhost:{server.grpc_port}", credentials)


def test_both_protocols_answer_over_tls(
    http: httpx.Client, server: LiveServer, authority: trustme.CA, client_pem: Path
) -> None:
    answer = http.post("/models/tint", content=RED, headers=PNG)
    assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    with _channel(server, authority, client_pem.read_bytes()) as channel:
        request = messages.PredictRequest(model={"name": "tint"}, images=[RED])
        assert inference_stub(channel).Predict(request, timeout=30).model.name == "tint"


def test_a_large_answer_comes_whole(http: httpx.Client) -> None:
    images = {"images": [("image", ("a.png", RED, "image/png"))] * 200}
    answer = http.post("/models/tint", files=images["images"])
    assert len(answer.json()) == 200


def test_who_has_no_certificate_is_refused_by_both(
    server: LiveServer, authority: trustme.CA
) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/readyz", verify=client_context(authority))
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://localhost:{server.http_port}/readyz")
    with _channel(server, authority, None) as channel:
        request = messages.PredictRequest(model={"name": "tint"}, images=[RED])
        with pytest.raises(grpc.RpcError) as caught:
            inference_stub(channel).Predict(request, timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_client_does_not_trust_another_authority(server: LiveServer) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{server.url}/readyz", verify=client_context(trustme.CA()))


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_is_answered(server: LiveServer, files: Files, client_pem: Path) -> None:
    command = ["curl", "-sf", "--cacert", str(files.client_ca), "--cert", str(client_pem)]
    for version in ("--tlsv1.2", "--tlsv1.3"):
        run = [*command, version, "--http2", f"{server.url}/models"]
        subprocess.run(run, check=True, timeout=60, capture_output=True)


def test_operations_have_a_port_of_their_own(http: httpx.Client, operations: httpx.Client) -> None:
    for client in (http, operations):
        assert client.get("/readyz").status_code == 200
        assert client.get("/livez").status_code == 200
    for method, path in (
        ("GET", "/metrics"),
        ("POST", "/models/reload"),
        ("PUT", "/models/a/labels/b"),
    ):
        assert http.request(method, path).status_code == 404
    for method, path in (
        ("GET", "/models"),
        ("POST", "/models/tint"),
        ("GET", "/"),
        ("GET", "/docs.json"),
    ):
        assert operations.request(method, path).status_code == 404
    assert operations.post("/models/reload").status_code == 403  # there are no keys


def test_its_metrics_are_those_of_all_workers(
    server: LiveServer, operations: httpx.Client, authority: trustme.CA, client_pem: Path
) -> None:
    context = client_context(authority)
    context.load_cert_chain(client_pem)

    def counted() -> float:
        name = 'trident_requests_total{endpoint="predict",protocol="http",status="200"} '
        lines = [line for line in operations.get("/metrics").text.splitlines() if name in line]
        return sum(float(line.split()[-1]) for line in lines)

    before = counted()
    for _ in range(8):  # a connection each, so that both workers answer some
        httpx.post(f"{server.url}/models/tint", content=RED, headers=PNG, verify=context)
    wait_for(lambda: counted() == before + 8)


def test_a_renewed_certificate_is_shown_without_a_restart(
    server: LiveServer, files: Files, authority: trustme.CA, client_pem: Path
) -> None:
    renewed = trustme.CA()
    files.write(renewed)
    context = client_context(renewed)
    context.load_cert_chain(client_pem)

    def is_shown() -> bool:
        try:
            return httpx.get(f"{server.url}/readyz", verify=context).status_code == 200
        except httpx.ConnectError:
            return False

    wait_for(is_shown)
    files.write(authority)


def test_the_containers_health_check_needs_no_certificate(
    server: LiveServer, files: Files, operations_port: int, tmp_path: Path
) -> None:
    settings = {
        "TRIDENT_TLS_CERTIFICATE": str(files.certificate),
        "TRIDENT_OPERATIONS_PORT": str(operations_port),
    }
    assert health_check(server, tmp_path, **settings) == ""


def test_an_idle_channel_holds_nothing_up(
    server: LiveServer, authority: trustme.CA, client_pem: Path
) -> None:
    """This test ends the server, so it is the last."""
    with _channel(server, authority, client_pem.read_bytes()) as channel:
        grpc.channel_ready_future(channel).result(timeout=60)
        server.stop()
        assert server.wait_until_exit() == 0
    assert "still busy" not in server.log
    assert "was killed" not in server.log
