"""The balancer speaks TLS when it is told to, and its replicas needn't."""

from pathlib import Path

import grpc
import httpx
import pytest
import trustme

from service.api.trident import inference_pb2 as messages
from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live.certificates import client_context
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import LiveServer


def test_both_protocols_are_balanced_over_tls(
    haproxy: str,
    server: LiveServer,
    seven: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    monkeypatch.setenv("BALANCER_TLS", "on")
    changes = {"/run/trident/balancer.pem": str(tmp_path / "both.pem")}
    with LiveBalancer(haproxy, tmp_path, server.http_port, server.grpc_port, changes) as balancer:
        url = f"https://127.0.0.1:{balancer.http_port}"
        png = {"content-type": "image/png"}
        with httpx.Client(base_url=url, verify=client_context(authority), timeout=60) as http:
            assert http.post("/classify", content=seven, headers=png).json()["label"] == "7"
            assert http.get("/metrics").status_code == 404
        credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        with grpc.secure_channel(balancer.grpc_target, credentials) as channel:
            request = messages.ClassifyRequest(images=[seven])
            assert inference_stub(channel).Classify(request, timeout=60).model.name == "digits"
