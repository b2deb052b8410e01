"""Trident's service: `bentoml serve service:Trident`.

The service itself is imported on first use, so that the other packages and the generated gRPC stubs
can be used without BentoML.
"""

from typing import Any, Final

__version__: Final = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the BentoML service on first use (PEP 562)."""
    if name == "Trident":
        from service.app import Trident

        return Trident
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
