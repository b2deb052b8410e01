"""The two ports: where they are, and what to say when one can't be used."""

import errno
import os
import socket
from dataclasses import dataclass
from typing import Final

from bentoml.exceptions import BentoMLConfigException

GRPC_SOCKET: Final = "TRIDENT_GRPC_SOCKET"
"""Environment variable with the descriptor of the socket that the workers share for gRPC."""


@dataclass(frozen=True, slots=True)
class Port:
    """Where a protocol's server listens, and the settings for that."""

    protocol: str
    host: str
    number: int
    host_setting: str
    number_setting: str

    @property
    def address(self) -> tuple[str, int]:
        """The address to listen on."""
        return self.host.strip("[]"), self.number

    @property
    def family(self) -> socket.AddressFamily:
        """The family of the address."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

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
        """Return what to raise when both protocols have this port."""
        return BentoMLConfigException(
            f"HTTP and gRPC can't share port {self.number}: set {self.number_setting} to another."
        )


def http_port(host: str, number: int) -> Port:
    """Return the port of HTTP, which `bentoml serve` sets."""
    return Port("HTTP", host, number, "--host", "--port")


def grpc_port(host: str, number: int) -> Port:
    """Return the port of gRPC."""
    return Port("gRPC", host, number, "TRIDENT_GRPC_HOST", "TRIDENT_GRPC_PORT")


def inherited_grpc_socket() -> socket.socket | None:
    """Return the socket that listens for gRPC in all workers; None outside a worker."""
    descriptor = os.environ.get(GRPC_SOCKET)
    return None if descriptor is None else socket.socket(fileno=int(descriptor))
