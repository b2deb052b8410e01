"""Traces by OpenTelemetry: a span for each request, with spans of decoding, queue and inference.

The spans are made when the request has ended, from the times that the engine measured: nothing is
measured twice, and no context has to be kept while the request is answered.
"""

import threading
import time
from collections.abc import Callable
from socket import gethostname
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.telemetry.exchange import NO_CALLER, Exchange

_FAILURES: Final = {"500", "503", "504", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
_MAX_CLOSE_SECONDS: Final = 3.0  # seconds that stopping waits for a collector


class Tracer:
    """Sends the spans of each exchange that has ended to a collector."""

    def __init__(self, url: str, *, version: str, worker: str) -> None:
        """Send spans to the OTLP/HTTP receiver at `url`, from a thread of its own."""
        resource = Resource.create(
            {
                "service.name": "trident",
                "service.version": version,
                "service.instance.id": f"{gethostname()}-{worker}",
            }
        )
        self._exporter = OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces")
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("trident", version)
        self._propagator = TraceContextTextMapPropagator()

    def __call__(self, exchange: Exchange) -> None:
        """Make the spans of an exchange and set its trace id, if it is sampled."""
        at = _unix_time()
        span = self._tracer.start_span(
            exchange.operation,
            context=self._caller(exchange),
            kind=SpanKind.SERVER,
            start_time=at(exchange.started),
        )
        if not span.is_recording():
            return
        span.set_attributes(_attributes(exchange))
        exchange.trace_id = f"{span.get_span_context().trace_id:032x}"
        if exchange.prediction is not None:
            timing = exchange.prediction.timing
            context, moment = set_span_in_context(span), timing.started
            for name in ("decode", "queue", "inference"):
                start, moment = moment, moment + getattr(timing, name)
                child = self._tracer.start_span(name, context, start_time=at(start))
                child.end(at(moment))
        if exchange.status in _FAILURES:
            span.set_status(Status(StatusCode.ERROR))
        span.end(at(exchange.ended))

    def _caller(self, exchange: Exchange) -> Context:
        if not exchange.traceparent:
            return Context()
        return self._propagator.extract({"traceparent": exchange.traceparent})

    def close(self) -> None:
        """Send the spans that are left; don't wait long if the collector doesn't answer."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_MAX_CLOSE_SECONDS)


def _attributes(exchange: Exchange) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "trident.request_id": exchange.request_id,
        "trident.endpoint": exchange.endpoint,
        "trident.bytes": exchange.size,
    }
    if exchange.caller != NO_CALLER:
        attributes["enduser.id"] = exchange.caller
    if exchange.protocol == "grpc":
        attributes |= {"rpc.system.name": "grpc", "rpc.response.status_code": exchange.status}
    else:
        method, _, route = exchange.operation.rpartition(" ")
        attributes |= {
            "http.request.method": method or "_OTHER",
            "http.route": route,
            "http.response.status_code": int(exchange.status),
        }
    if exchange.prediction is not None:
        attributes |= {
            "trident.inputs": len(exchange.prediction.outcomes),
            "trident.model": exchange.prediction.model,
            "trident.version": exchange.prediction.version,
        }
    return attributes


def _unix_time() -> Callable[[float], int]:
    """Return a function from points of `time.monotonic()` to nanoseconds of Unix time."""
    epoch = time.time_ns() - time.monotonic_ns()
    return lambda moment: epoch + int(moment * 1e9)
