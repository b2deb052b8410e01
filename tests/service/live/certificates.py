"""Certificates for tests, and clients that trust them."""

import ssl
from pathlib import Path

import trustme


class Files:
    """The files of a server's TLS, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "cert.pem"
        self.key = folder / "key.pem"
        self.client_ca = folder / "clients.pem"

    def write(self, authority: trustme.CA) -> None:
        """Write a new certificate of an authority, and its key."""
        issued = authority.issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(self.key)
        self.certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))


def client_context(authority: trustme.CA, *protocols: str) -> ssl.SSLContext:
    """Return the context of a client that trusts an authority, and offers protocols by ALPN."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context
