"""Error messages for ports that can't be used."""

import errno
from dataclasses import dataclass

from bentoml.exceptions import BentoMLConfigException


@dataclass(frozen=True, slots=True)
class Port:
    """Where a protocol's server listens, and the settings for that."""

    protocol: str
    host: str
    number: int
    host_setting: str
    number_setting: str

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
