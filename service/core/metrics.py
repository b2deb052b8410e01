"""The Prometheus metrics. Every label's values come from a closed set.

Worker processes share their figures through the folder PROMETHEUS_MULTIPROC_DIR, which must be
set before this module is imported (BentoML does so when it serves).
"""

import os
from dataclasses import dataclass
from functools import cache

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from service.core.card import ModelCard
from service.core.runner import Race

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_REQUESTS = Counter(
    "trident_requests",
    "Requests answered, by endpoint, protocol (http, grpc) and the protocol's own status.",
    ["endpoint", "protocol", "status"],
)
_REQUEST_SECONDS = Histogram(
    "trident_request_duration_seconds",
    "Time from a request's body being read to its answer being ready.",
    ["endpoint", "protocol"],
    buckets=_SECONDS,
)
_QUEUE_SECONDS = Histogram(
    "trident_queue_duration_seconds",
    "Time an input waited for its model.",
    ["model", "version"],
    buckets=_SECONDS,
)
_BATCH_SIZE = Histogram(
    "trident_batch_size",
    "Inputs in one call of the model.",
    ["model", "version"],
    buckets=_BATCH_SIZES,
)
_INFERENCE_SECONDS = Histogram(
    "trident_inference_duration_seconds",
    "Time of one call of the model.",
    ["model", "version"],
    buckets=_SECONDS,
)
_QUEUE_DEPTH = Gauge(
    "trident_queue_depth",
    "Inputs waiting for the model now.",
    ["model", "version"],
    multiprocess_mode="livesum",
)
_MODEL_INFO = Gauge(
    "trident_model_info",
    "1 for each model that is loaded.",
    ["model", "version", "task", "tensorflow"],
    multiprocess_mode="max",
)
_CALL_SECONDS = Gauge(
    "trident_program_call_seconds",
    "Fastest call of one shape, by program (plain, compiled), measured after start.",
    ["model", "version", "shape", "program"],
    multiprocess_mode="mostrecent",
)
_COMPILED = Gauge(
    "trident_program_compiled",
    "Whether calls of a shape use the compiled program (1) or the plain one (0).",
    ["model", "version", "shape"],
    multiprocess_mode="mostrecent",
)


@dataclass(frozen=True, slots=True)
class ModelMetrics:
    """One model's metrics, their labels already set."""

    queue_seconds: Histogram
    batch_size: Histogram
    inference_seconds: Histogram
    queue_depth: Gauge

    @classmethod
    def of(cls, name: str, version: int) -> "ModelMetrics":
        """Return the metrics of a model."""
        labels = (name, str(version))
        return cls(
            _QUEUE_SECONDS.labels(*labels),
            _BATCH_SIZE.labels(*labels),
            _INFERENCE_SECONDS.labels(*labels),
            _QUEUE_DEPTH.labels(*labels),
        )


@cache
def _request_metrics(endpoint: str, protocol: str, status: str) -> tuple[Counter, Histogram]:
    """Return the metrics of such requests; looking labels up anew costs as much as counting."""
    return (
        _REQUESTS.labels(endpoint, protocol, status),
        _REQUEST_SECONDS.labels(endpoint, protocol),
    )


def record_request(endpoint: str, protocol: str, status: str, seconds: float) -> None:
    """Count a request that was answered. All labels must be from closed sets."""
    requests, duration = _request_metrics(endpoint, protocol, status)
    requests.inc()
    duration.observe(seconds)


def record_loaded(card: ModelCard) -> None:
    """Say that a model is loaded."""
    tensorflow = card.libraries.get("tensorflow", "unknown")
    _MODEL_INFO.labels(card.name, str(card.version), card.task, tensorflow).set(1)


def record_race(card: ModelCard, race: Race) -> None:
    """Keep how a plain and a compiled call of one shape compare."""
    labels = (card.name, str(card.version), "x".join(map(str, race.shape)))
    _CALL_SECONDS.labels(*labels, "plain").set(race.plain)
    _CALL_SECONDS.labels(*labels, "compiled").set(race.compiled)
    _COMPILED.labels(*labels).set(int(race.use_compiled))


def render_metrics() -> bytes:
    """Return all metrics in Prometheus's text format, summed over the worker processes."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
