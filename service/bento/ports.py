"""The ports: where they are, and what to say when one can't be used."""

import errno
import ipaddress
import logging
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from bentoml.exceptions import BentoMLConfigException

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Port:
    """Where a protocol's server listens, and the settings for that."""

    protocol: str
    host: str
    number: int
    host_setting: str
    number_setting: str
    variable: str = ""
    """Environment variable that gives workers the descriptor of the socket, which they share."""

    @property
    def address(self) -> tuple[str, int]:
        """The address to listen on."""
        return self.host.strip("[]"), self.number

    @property
    def family(self) -> socket.AddressFamily:
        """The family of the address."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def is_published(self) -> bool:
        """Whether other machines reach it."""
        host = self.address[0]
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host != "localhost"

    def inherited(self) -> socket.socket | None:
        """Return the socket that listens in all workers; None outside a worker."""
        descriptor = os.environ.get(self.variable)
        return None if descriptor is None else socket.socket(fileno=int(descriptor))

    def check_free(self) -> None:
        """Raise BentoMLConfigException if this process can't listen there."""
        try:
            with socket.socket(self.family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(self.address)
        except OSError as error:
            raise self.refused(error) from None

    def refused(self, error: OSError) -> BentoMLConfigException:
        """Return what to raise when listening failed."""
        match error.errno:
            case errno.EADDRINUSE:
                advice = f"Stop the program that uses this port, or set {self.number_setting}."
            case errno.EACCES:
                advice = f"This user may not listen on that port: set {self.number_setting}."
            case _:
                advice = f"Set {self.host_setting} to an address of this machine."
        return BentoMLConfigException(
            f"The {self.protocol} server can't listen on {self.host}:{self.number}: "
            f"{error.strerror}. {advice}"
        )

    def shared(self) -> BentoMLConfigException:
        """Return what to raise when HTTP has this port too."""
        return BentoMLConfigException(
            f"HTTP and {self.protocol} can't share port {self.number}: set {self.number_setting} "
            "to another."
        )


def http_port(host: str, number: int) -> Port:
    """Return the port of HTTP, which `bentoml serve` sets."""
    return Port("HTTP", host, number, "--host", "--port")


def grpc_port(host: str, number: int) -> Port:
    """Return the port of gRPC."""
    settings = "TRIDENT_GRPC_HOST", "TRIDENT_GRPC_PORT"
    return Port("gRPC", host, number, *settings, "TRIDENT_GRPC_SOCKET")


def operations_port(host: str, number: int) -> Port:
    """Return the port of the operations."""
    settings = "TRIDENT_OPERATIONS_HOST", "TRIDENT_OPERATIONS_PORT"
    return Port("operations", host, number, *settings, "TRIDENT_OPERATIONS_SOCKET")


def warn_of_openness(ports: Iterable[Port]) -> None:
    """Log which ports other machines reach, because anyone may call there."""
    published = [f"{p.host}:{p.number} ({p.protocol})" for p in ports if p.is_published]
    if published:
        logger.warning(
            "anyone who reaches %s may use the models and read the metrics, because no keys are "
            "set: see docs/security.md",
            " or ".join(published),
        )
