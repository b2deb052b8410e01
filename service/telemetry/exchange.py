"""A request and its answer, as metrics, logs and traces report them."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import getrandbits
from typing import Final

from service.errors import InferenceError, InternalError, TridentError
from service.prediction import Prediction
from service.telemetry.metrics import EndpointMetrics

logger = logging.getLogger(__name__)

NO_CALLER: Final = "-"
"""The name of callers without a key."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACE_ID = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class Exchange:
    """What is known of one request; times are those of `time.monotonic()`, in seconds."""

    operation: str
    """Its name in the protocol: "POST /classify", "trident.v1.Inference/Classify"."""
    endpoint: str
    protocol: str
    request_id: str
    traceparent: str = ""
    """The header `traceparent` (W3C Trace Context), as the caller sent it.

    Its `tracestate` isn't kept: a caller can write anything there, and it would be in the traces.
    """
    started: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    status: str = ""
    size: int = 0
    """Bytes of the request's body or message."""
    prediction: Prediction | None = None
    trace_id: str = ""
    """The trace that it is part of, in hexadecimal digits; empty if it isn't part of one."""
    caller: str = NO_CALLER
    """The name of the caller's key."""

    def __post_init__(self) -> None:
        if self.traceparent:
            caller = _TRACE_ID.fullmatch(self.traceparent)
            self.trace_id = caller[1] if caller else ""

    @property
    def ids(self) -> dict[str, str]:
        """The ids in all of its log lines: for `logger.error(..., extra=exchange.ids)`."""
        return {"request_id": self.request_id, "trace_id": self.trace_id}


ExchangeListener = Callable[[Exchange], None]
"""Is called on the event loop with each exchange that has ended."""


def sane_request_id(sent: str | None) -> str:
    """Return the id that a caller sent, or a new one if it sent none or an unusable one."""
    if sent is None or not _REQUEST_ID.fullmatch(sent):
        return f"{getrandbits(128):032x}"
    return sent


class Observer:
    """Reports the requests to one endpoint by one protocol to metrics, listeners and the log."""

    def __init__(
        self, operation: str, endpoint: str, protocol: str, listeners: Sequence[ExchangeListener]
    ) -> None:
        self._names = (operation, endpoint, protocol)
        self._metrics = EndpointMetrics(endpoint, protocol)
        self._listeners = listeners

    @property
    def has_listeners(self) -> bool:
        """Whether anybody needs more of an exchange than the metrics do."""
        return bool(self._listeners)

    def begin(
        self, request_id: str | None, traceparent: str | None, caller: str = NO_CALLER
    ) -> Exchange:
        """Begin a request, with the ids that the caller sent, if any."""
        self._metrics.began()
        return Exchange(*self._names, sane_request_id(request_id), traceparent or "", caller=caller)

    def reject(self, exchange: Exchange, error: TridentError) -> None:
        """Report that the request, or one of its inputs, is answered by an error."""
        self._metrics.rejected(error)
        if isinstance(error, InferenceError | InternalError):
            logger.error(
                "request %s: %s",
                exchange.request_id,
                error,
                exc_info=error.__cause__,
                extra=exchange.ids,
            )

    def fail(self, exchange: Exchange) -> None:
        """Log the exception that is being handled, which is a defect of the service."""
        logger.exception("request %s failed", exchange.request_id, extra=exchange.ids)

    def end(self, exchange: Exchange, status: str) -> None:
        """Report that it is answered, or cancelled. `status` must be from a closed set."""
        exchange.status = status
        exchange.ended = time.monotonic()
        self._metrics.ended(status, exchange.ended - exchange.started)
        for listener in self._listeners:
            listener(exchange)
