"""TLS in the test's own event loop: who is let in, and files that change."""

import asyncio
import datetime
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
import uvloop

from service.transport.http1.accepting import ServingLoop
from service.transport.tls import Certificates, InvalidCertificateError
from tests.service.live.certificates import Files, client_context

PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Files:
    made = Files(tmp_path)
    made.write(authority)
    return made


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(100))
    await writer.drain()
    writer.close()


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve, and give the port."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, context: ssl.SSLContext) -> ssl.SSLObject:
    """Be answered; return what was agreed on. Raises OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(b"hello")
        if await asyncio.wait_for(reader.read(100), 20) != b"hello":
            raise ConnectionResetError
        agreed: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return agreed
    finally:
        writer.close()


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_each_port_agrees_on_its_own_protocol(
    files: Files, authority: trustme.CA, protocol: str, version: ssl.TLSVersion
) -> None:
    certificates = Certificates(files.certificate, files.key, None)
    context = certificates.context(protocol)  # type: ignore[arg-type]
    async with serving(context) as port:
        client = client_context(authority, "h2", "http/1.1")
        client.minimum_version = client.maximum_version = version
        agreed = await ask(port, client)
        assert agreed.selected_alpn_protocol() == protocol
        cipher = agreed.cipher()
        assert cipher is not None
        assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]


async def test_older_versions_of_tls_are_refused(files: Files, authority: trustme.CA) -> None:
    context = Certificates(files.certificate, files.key, None).context("http/1.1")
    async with serving(context) as port:
        client = client_context(authority)
        client.set_ciphers("ALL:@SECLEVEL=0")
        client.minimum_version = ssl.TLSVersion.TLSv1
        client.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):  # noqa: PT011 - a reset too, when the alert is lost
            await ask(port, client)


async def test_a_client_must_show_a_certificate_of_the_authority(
    files: Files, authority: trustme.CA
) -> None:
    others, clients = trustme.CA(), trustme.CA()
    clients.cert_pem.write_to_path(files.client_ca)
    certificates = Certificates(files.certificate, files.key, files.client_ca)
    context = certificates.context("h2")
    async with serving(context) as port:
        for issuer, dates in ((None, None), (others, None), (clients, PAST)):
            client = client_context(authority)
            if issuer is not None:
                issuer.issue_cert("client", not_after=dates).configure_cert(client)
            with pytest.raises(OSError):  # noqa: PT011 - a reset too, when the alert is lost
                await ask(port, client)
        client = client_context(authority)
        clients.issue_cert("client").configure_cert(client)
        await ask(port, client)
    free = certificates.context("http/1.1", asks_clients=False)
    async with serving(free) as port:
        await ask(port, client_context(authority))


async def test_a_new_authority_of_clients_ends_the_old_one(
    files: Files, authority: trustme.CA
) -> None:
    """Also for a client that resumes its session."""
    old, new = trustme.CA(), trustme.CA()
    old.cert_pem.write_to_path(files.client_ca)
    certificates = Certificates(files.certificate, files.key, files.client_ca)
    async with serving(certificates.context("h2")) as port:
        client = client_context(authority)
        old.issue_cert("client").configure_cert(client)
        await ask(port, client)
        new.cert_pem.write_to_path(files.client_ca)
        certificates.read_if_changed()
        with pytest.raises(OSError):  # noqa: PT011
            await ask(port, client)


async def test_a_renewed_certificate_is_shown_to_new_connections(
    files: Files, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(files.certificate, files.key, None)
    renewed = trustme.CA()
    async with serving(certificates.context("http/1.1")) as port:
        await ask(port, client_context(authority))
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, client_context(renewed))
        files.write(renewed)
        certificates.read_if_changed()
        await ask(port, client_context(renewed))
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, client_context(authority))
    assert not caplog.records or "read again" in caplog.text


@pytest.mark.parametrize("half", ["certificate", "key", "missing"])
async def test_a_half_written_pair_leaves_the_certificate_in_use_and_says_so_once(
    files: Files, authority: trustme.CA, caplog: pytest.LogCaptureFixture, half: str
) -> None:
    certificates = Certificates(files.certificate, files.key, None)
    async with serving(certificates.context("http/1.1")) as port:
        kept = files.key.read_bytes(), files.certificate.read_bytes()
        files.write(trustme.CA())
        if half == "key":
            files.certificate.write_bytes(kept[1])
        elif half == "certificate":
            files.key.write_bytes(kept[0])
        else:
            files.key.unlink()
        for _ in range(3):
            certificates.read_if_changed()
        await ask(port, client_context(authority))
    assert caplog.text.count("the certificate in use stays") == 1


async def test_who_speaks_no_tls_is_disconnected(files: Files, authority: trustme.CA) -> None:
    context = Certificates(files.certificate, files.key, None).context("http/1.1")
    async with serving(context) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        with suppress(ConnectionResetError):
            assert b"HTTP" not in await asyncio.wait_for(reader.read(), 20)
        writer.close()
        await ask(port, client_context(authority))


def test_a_handshake_has_little_time(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.transport.http1.accepting.HANDSHAKE_SECONDS", 0.2)
    context = Certificates(files.certificate, files.key, None).context("http/1.1")

    async def wait_for_the_end() -> bytes:
        async with serving(context) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await asyncio.wait_for(reader.read(), 20)
            except ConnectionResetError:
                return b""
            finally:
                writer.close()

    with asyncio.Runner(loop_factory=ServingLoop) as runner:
        assert runner.run(wait_for_the_end()) == b""


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("nowhere", "key.pem", "No such file"),
        ("key.pem", "key.pem", "can't be used"),
        ("cert.pem", "cert.pem", "can't be used"),
        ("cert.pem", "other.pem", "key values mismatch"),
        ("cert.pem", "locked.pem", "password"),
        ("empty.pem", "key.pem", "can't be used"),
    ],
)
def test_what_cannot_be_used_is_said(
    files: Files, tmp_path: Path, certificate: str, key: str, words: str
) -> None:
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "other.pem")
    (tmp_path / "empty.pem").write_text("")
    _lock(files.key, tmp_path / "locked.pem")
    with pytest.raises(InvalidCertificateError, match=words):
        Certificates(tmp_path / certificate, tmp_path / key, None).context("h2")


def _lock(key: Path, file: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(os.urandom(8)),
    )
    file.write_bytes(locked)


@pytest.mark.parametrize(
    "given", [(True, False, False), (False, True, False), (False, False, True)]
)
def test_half_of_the_settings_is_refused(tmp_path: Path, given: tuple[bool, bool, bool]) -> None:
    with pytest.raises(InvalidCertificateError, match="TRIDENT_TLS_KEY"):
        Certificates.given(*(tmp_path / "a" if one else None for one in given))
    assert Certificates.given(None, None, None) is None
