"""A service that others reach without a key says so; TLS is set for all ports at once."""

from types import SimpleNamespace
from typing import Any

import pytest
from bentoml.exceptions import BentoMLConfigException

from service.bento.ports import grpc_port, http_port, warn_of_openness
from service.bento.supervisor import refuse_ssl_options


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "[::]", "trident.example"])
def test_ports_that_others_reach_are_named_once(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_openness([http_port(host, 3000), grpc_port("127.0.0.1", 3001)])
    (line,) = caplog.messages
    assert f"{host}:3000 (HTTP)" in line
    assert "3001" not in line
    assert "docs/security.md" in line


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"])
def test_loopback_is_no_matter(host: str, caplog: pytest.LogCaptureFixture) -> None:
    warn_of_openness([http_port(host, 3000), grpc_port(host, 3001)])
    assert not caplog.messages


def test_bentomls_own_options_of_tls_are_refused() -> None:
    watcher: Any = SimpleNamespace(args=["--ssl-version", "17", "--ssl-certfile", "cert.pem"])
    with pytest.raises(BentoMLConfigException, match="TRIDENT_TLS_CERTIFICATE"):
        refuse_ssl_options(watcher)
    for others in (["--ssl-version", "17"], None):
        watcher.args = others
        refuse_ssl_options(watcher)
