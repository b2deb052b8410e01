"""Everything that can be set, each setting an environment variable `TRIDENT_<FIELD>`."""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Final, Literal

import psutil
from pydantic import Field, HttpUrl, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

CORES: Final = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
"""Processor cores that this process may use."""

_WORKER_MEMORY = 2 * 1024**3  # bytes: over twice what a worker holds with the shipped models


def suitable_workers(cores: int, memory: int) -> int:
    """Return how many workers suit a machine of so many cores and bytes of memory."""
    return max(1, min(cores, memory // _WORKER_MEMORY))


def max_inline_seconds(workers: int, cores: int) -> float:
    """Return for how many seconds a batch may run on a worker's event loop.

    A worker with a core to itself gains nothing by a second thread: it runs its batches on the
    event loop, unless others would notice. One with more cores hands over all but the shortest.
    """
    return 0.01 if workers >= cores else 0.0005


class Settings(BaseSettings):
    """The service's configuration, read from the environment once, when the process starts."""

    model_config = SettingsConfigDict(
        env_prefix="TRIDENT_", frozen=True, use_attribute_docstrings=True, env_ignore_empty=True
    )

    models: Path = Path(__file__).resolve().parent.parent / "models"
    """Folder of models, laid out as NAME/VERSION/{saved_model.pb, variables/, model.json}."""

    workers: int = Field(
        default_factory=lambda: suitable_workers(CORES, psutil.virtual_memory().total), ge=1
    )
    """Worker processes, by default one a core, as far as 2 GiB of memory for each reach. All of
    them share the two ports."""

    grpc_host: str = "0.0.0.0"  # noqa: S104 - the same default as BentoML's HTTP port
    """Address that the gRPC server listens on. HTTP's is set by `bentoml serve --host`."""

    grpc_port: int = Field(default=3001, ge=1, le=65535)
    """Port of the gRPC server. HTTP's is set by `bentoml serve --port`."""

    ingress: bool = True
    """Answer the endpoints in front of BentoML's per-request stack, which costs ten times as
    much as the work itself. The answers are the same; switch it off for BentoML's middleware."""

    max_batch_size: int = Field(default=64, ge=1)
    """Most inputs that go through a model in one call."""

    max_queue_size: int = Field(default=2048, ge=1)
    """Most inputs that wait for one model; past it, requests are answered 429 at once."""

    max_inputs: int = Field(default=256, ge=1)
    """Most inputs (images or texts) in one request."""

    max_body_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    """Largest request body or gRPC message, in bytes."""

    max_inflight_bytes: int = Field(default=512 * 1024 * 1024, ge=1024 * 1024)
    """Most bytes that the requests under way hold in a worker: bodies, what decoding them takes,
    and decoded inputs, each its share (docs/deployment.md). What there is no room for waits; what
    is larger than all the room there is goes alone."""

    max_pixels: int = Field(default=64_000_000, ge=1)
    """Largest image, as width times height. One takes up to 12 bytes a pixel to be decoded."""

    request_timeout: float = Field(default=30.0, gt=0)
    """Seconds after which a request is answered 504. A gRPC call's own deadline can be shorter."""

    header_timeout: float = Field(default=20.0, gt=0)
    """Seconds within which the headers of an HTTP request must come, from its first byte, and the
    first byte of a new connection. Past it, the request is answered 408."""

    stall_timeout: float = Field(default=20.0, gt=0)
    """Seconds over which `min_transfer_rate` is measured, again and again."""

    min_transfer_rate: float = Field(default=256.0, ge=0)
    """Bytes a second that an HTTP client must send of a body, and take of an answer, on average
    over `stall_timeout`. A slower body is answered 408, a slower reader is cut off. Time in which
    the service doesn't want more doesn't count."""

    drain_timeout: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """Seconds that requests and calls under way may still take when the service stops. Then they
    are cut off, and the service ends."""

    log_format: Literal["text", "json"] = "text"
    """Form of the log: lines for people, or a JSON object a line."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important lines that are logged."""

    access_log: bool = False
    """Log a line for each request: ids, endpoint, status, duration and sizes, never an input."""

    traces: HttpUrl | None = None
    """Base URL of an OpenTelemetry collector (OTLP over HTTP), for instance
    http://localhost:4318. Traces are sent there, and made only if this is set. The standard
    variables OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_HEADERS ... hold."""


class InvalidSettingsError(ValueError):
    """The environment sets something to a value that it can't have. Its message says which."""


@cache
def get_settings() -> Settings:
    """Return the settings of this process. Raises InvalidSettingsError."""
    try:
        return Settings()
    except ValidationError as error:
        raise InvalidSettingsError(" ".join(map(_sentence, error.errors()))) from None


def _sentence(error: ErrorDetails) -> str:
    variable = f"TRIDENT_{str(error['loc'][0]).upper()}"
    return f"{variable} can't be {error['input']!r}: {error['msg'].lower()}."
