"""Which right a call needs. Whatever isn't known needs one too, so nothing is open by mistake."""

import re
from typing import Final

from service.api.access.keys import Right
from service.api.endpoints import ENDPOINTS
from service.transport.grpc.health import HEALTH
from service.transport.http1.head import split_url

_PREDICTIONS: Final = {endpoint.path.encode() for endpoint in ENDPOINTS}
_HEALTH: Final = {b"/livez", b"/readyz", b"/healthz"}
_READING: Final = {b"GET", b"HEAD", b"POST", b"OPTIONS"}  # of a label: POST asks its model

# Only the beginning counts: a web framework's routes may take a path with more behind it, such as
# an end of line.
_METRICS: Final = re.compile(rb"/metrics(?![A-Za-z0-9_.-])")
_RELOAD: Final = re.compile(rb"/models/reload(?![A-Za-z0-9_.-])")
_LABEL: Final = re.compile(rb"/models/.+/labels/", re.DOTALL)

_HEALTH_SERVICE: Final = f"/{HEALTH}/"


def right_to(method: bytes, url: bytes) -> Right | None:
    """Return the right that an HTTP request needs, None if it needs none.

    Raises httptools.HttpParserInvalidURLError if the URL can't be read.
    """
    if url in _PREDICTIONS:
        return "predict"
    path, _ = split_url(url)
    if path in _HEALTH:
        return None
    if _METRICS.match(path):
        return "metrics"
    if _RELOAD.match(path) or (_LABEL.match(path) and method not in _READING):
        return "admin"
    return "predict"


def right_to_call(path: str) -> Right | None:
    """Return the right that a gRPC call needs, None if it needs none."""
    return None if path.startswith(_HEALTH_SERVICE) else "predict"
