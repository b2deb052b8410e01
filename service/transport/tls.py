"""TLS, with certificates that are read again when their files change."""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from service.watched_files import Stamp, stamp_of

logger = logging.getLogger(__name__)

HANDSHAKE_SECONDS: Final = 10.0
"""Seconds within which a client must agree on TLS."""

SHUTDOWN_SECONDS: Final = 5.0
"""Seconds within which a client must confirm that the session ends."""

# For TLS 1.2: forward secrecy and authenticated encryption alone, as HTTP/2 demands (RFC 9113,
# 9.2.2). TLS 1.3 has no others.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"

Protocol = Literal["http/1.1", "h2"]
"""A name for ALPN (RFC 7301)."""


class InvalidCertificateError(ValueError):
    """The certificate or its key can't be used. The message says why."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a context is for."""

    protocol: Protocol
    asks_clients: bool
    """Whether clients must show a certificate, if there is an authority for them."""


class Certificates:
    """The server's certificate, its key, and the authority that signs those of clients."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        """Take them from these files, in PEM."""
        self._certificate = certificate
        self._key = key
        self._client_ca = client_ca
        self._stamp: Stamp = ()
        self._contexts: dict[Use, ssl.SSLContext] = {}

    @classmethod
    def given(
        cls, certificate: Path | None, key: Path | None, client_ca: Path | None
    ) -> "Certificates | None":
        """Return what these settings say, None if TLS is off. Raises InvalidCertificateError."""
        if certificate is not None and key is not None:
            return cls(certificate, key, client_ca)
        if certificate is not None or key is not None or client_ca is not None:
            raise InvalidCertificateError(
                "TLS needs both: set TRIDENT_TLS_CERTIFICATE and TRIDENT_TLS_KEY."
            )
        return None

    @property
    def _files(self) -> list[Path]:
        files = [self._certificate, self._key]
        return files if self._client_ca is None else [*files, self._client_ca]

    def context(self, protocol: Protocol, *, asks_clients: bool = True) -> ssl.SSLContext:
        """Return the context of a server, which always uses the newest files.

        Raises InvalidCertificateError.
        """
        use = Use(protocol, asks_clients)
        self._stamp = stamp_of(self._files)
        first = self._contexts[use] = self._read(use)

        def take_newest(connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
            connection.context = self._contexts[use]

        # A server keeps its first context. This is called for each handshake, with a name or not.
        first.sni_callback = take_newest
        return first

    def read_if_changed(self) -> None:
        """Use the files from now on if they have changed, and fit together."""
        stamp = stamp_of(self._files)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._contexts = {use: self._read(use) for use in self._contexts}
        except InvalidCertificateError as error:
            logger.error("the certificate in use stays: %s", error)  # noqa: TRY400 - one line says it
        else:
            logger.info("the certificate is read again, for new connections")

    def _read(self, use: Use) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols([use.protocol])
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        try:
            context.load_cert_chain(self._certificate, self._key, password=_refuse_password)
        except (OSError, ValueError) as error:
            raise InvalidCertificateError(
                f"{self._certificate} and {self._key} can't be used: {_reason(error)}. They must "
                "be a certificate with its chain, and its key without a password, in PEM."
            ) from None
        if self._client_ca is not None and use.asks_clients:
            self._ask_clients(context, self._client_ca)
        return context

    def _ask_clients(self, context: ssl.SSLContext, authority: Path) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        # A session that is resumed would skip the check against the newest authority.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        try:
            context.load_verify_locations(authority)
        except (OSError, ValueError) as error:
            raise InvalidCertificateError(
                f"{authority} can't be used: {_reason(error)}. It must be the certificates of the "
                "authorities that sign the clients' ones, in PEM."
            ) from None


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no certificate in PEM").lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error)


def _refuse_password() -> str:
    """Keep OpenSSL from asking for a password at the terminal."""
    raise ValueError("the key has a password")
