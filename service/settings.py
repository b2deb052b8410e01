"""The service's settings, each an environment variable `TRIDENT_<FIELD>`."""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Final, Literal

import psutil
from pydantic import Field, HttpUrl, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

CORES: Final = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
"""Processor cores that this process may use."""

_WORKER_MEMORY = 2 * 1024**3  # bytes: over twice what a worker holds with the shipped models


def suitable_workers(cores: int, memory: int) -> int:
    """Return how many workers suit a machine with this many cores and bytes of memory."""
    return max(1, min(cores, memory // _WORKER_MEMORY))


def max_inline_seconds(workers: int, cores: int) -> float:
    """Return for how many seconds a batch may run on a worker's event loop.

    A worker with one core gains nothing from a second thread: it runs batches on the event loop,
    unless they are so long that other requests would wait. A worker with more cores runs only the
    shortest there.
    """
    return 0.01 if workers >= cores else 0.0005


class Settings(BaseSettings):
    """The service's configuration, read from the environment once, when the process starts."""

    model_config = SettingsConfigDict(
        env_prefix="TRIDENT_", frozen=True, use_attribute_docstrings=True, env_ignore_empty=True
    )

    models: Path = Path(__file__).resolve().parent.parent / "models"
    """Folder of models, laid out as NAME/VERSION/{saved_model.pb, variables/, model.json}."""

    latest_versions: int = Field(default=1, ge=0)
    """How many of the newest versions of a model are served, if its `serving.json` doesn't say
    which. 0 means all."""

    watch_interval: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    """Seconds between two looks at the folder of models for new, changed and removed versions. With
    0 it is read only at the start, and at `POST /models/reload`."""

    unload_default_models: bool = False
    """Unload a default model too when its last version is removed from the folder. Otherwise the
    version that answers stays in memory: a folder that is emptied by mistake ends no service."""

    keys_file: Path | None = None
    """File of the keys, made by `python -m service.keys` (docs/security.md). With it, each call but
    those of health needs a key. Without it everything is open, except the administration, which is
    closed. The file is read again when it changes."""

    keys: SecretStr | None = None
    """The keys themselves, instead of a file of them, in the same form."""

    tls_certificate: Path | None = None
    """File of the certificate and its chain, in PEM. With it all ports speak TLS alone
    (docs/security.md). The files of TLS are read again when they change."""

    tls_key: Path | None = None
    """File of the certificate's key, in PEM, without a password."""

    tls_client_ca: Path | None = None
    """File of the authorities that sign clients' certificates, in PEM. With it clients must show
    one on the ports of HTTP and gRPC."""

    cors_origins: str | None = Field(
        default=None, pattern=r"^(\*|https?://[^/,\s]+(,https?://[^/,\s]+)*)$"
    )
    """Origins whose pages may call, as browsers name them, with commas between them:
    https://shop.example,http://localhost:8080. `*` means all. Without it a browser lets no page of
    another origin read an answer (CORS)."""

    operations_port: int = Field(default=0, ge=0, le=65535)
    """Port of its own for `/metrics` and the administration, which are then 404 on the port of
    HTTP. Health is answered on both. 0 means none."""

    operations_host: str = "127.0.0.1"
    """Address that the port of operations listens on. Who scrapes the metrics from another machine
    needs 0.0.0.0, or one of this machine's addresses."""

    workers: int = Field(
        default_factory=lambda: suitable_workers(CORES, psutil.virtual_memory().total), ge=1
    )
    """Worker processes. By default one per core, or fewer if there isn't 2 GiB of memory for each.
    All of them share the two ports."""

    grpc_host: str = "0.0.0.0"  # noqa: S104 - the same default as BentoML's HTTP port
    """Address that the gRPC server listens on. HTTP's is set by `bentoml serve --host`."""

    grpc_port: int = Field(default=3001, ge=1, le=65535)
    """Port of the gRPC server. HTTP's is set by `bentoml serve --port`."""

    ingress: bool = True
    """Answer the endpoints in front of BentoML's per-request stack, which costs ten times as much
    as the work itself. The answers are the same. Set it to false if you need BentoML's
    middleware."""

    max_batch_size: int = Field(default=64, ge=1)
    """Most inputs in one call of a model."""

    max_queue_size: int = Field(default=2048, ge=1)
    """Most inputs that wait for one model. When the queue is full, requests are answered 429 at
    once."""

    max_queue_seconds: float = Field(default=0.25, gt=0)
    """Longest time that a request may be expected to wait for its model. If it would be longer, it
    is answered 429 at once. One full batch may always wait."""

    client_rate: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Most requests a second that one client may send, over both protocols and all workers; more
    are answered 429. A client is a key, or without one an IP address (docs/operations.md). 0 is
    no limit."""

    client_concurrency: int = Field(default=0, ge=0)
    """Most requests that one client may have in progress, over both protocols and all workers; more
    are answered 429. 0 is no limit."""

    max_inputs: int = Field(default=256, ge=1)
    """Most inputs (images or texts) in one request."""

    max_body_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    """Largest request body or gRPC message, in bytes."""

    max_inflight_bytes: int = Field(default=512 * 1024 * 1024, ge=1024 * 1024)
    """Most bytes that the requests in progress hold in a worker. Bodies, decoding and decoded
    inputs have a share each (docs/deployment.md). When a share is used up, requests wait; a request
    that is larger than a whole share runs alone."""

    max_connections: int = Field(default=10_000, ge=1)
    """Most connections that a worker has open, over both protocols. For a new one beyond that, the
    one that has been idle for the longest time is closed. If all have a request in progress, the
    new one is refused: 429 over HTTP, GOAWAY over gRPC."""

    max_pixels: int = Field(default=64_000_000, ge=1)
    """Largest image, as width times height. Decoding takes up to 12 bytes per pixel."""

    request_timeout: float = Field(default=30.0, gt=0)
    """Seconds after which a request is answered 504. A gRPC call's own deadline can be shorter."""

    call_timeout: float = Field(default=60.0, ge=1, allow_inf_nan=False)
    """Seconds that one call of a model may run. If it takes longer, it hangs: it can't be
    interrupted, so the worker ends and is replaced (docs/operations.md). Loading a version may take
    ten times as long. Set it higher than your slowest model's slowest batch."""

    header_timeout: float = Field(default=20.0, gt=0)
    """Seconds within which the headers of an HTTP request must arrive, counted from its first byte.
    Otherwise the request is answered 408. A new connection without a byte is closed after this
    time. Over gRPC it is the time for the greeting, for a request's headers, and for each frame
    without data: a connection that is slower is closed."""

    stall_timeout: float = Field(default=20.0, gt=0)
    """Seconds over which the average for `TRIDENT_MIN_TRANSFER_RATE` is measured, again and
    again."""

    min_transfer_rate: float = Field(default=256.0, ge=0)
    """Lowest rate, in bytes a second, at which a client may send a body or read an answer, on
    average over `TRIDENT_STALL_TIMEOUT`. A slower body is answered 408, a slower reader is
    disconnected. Time in which the service itself doesn't read isn't counted. Over gRPC a
    connection is closed if a frame of data, or what is sent to it, is slower."""

    stop_grace: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Seconds for which the service still accepts connections and requests when it is told to stop.
    It isn't ready any more, and each answer asks its client to close the connection. Set it to the
    time that your balancer needs to notice."""

    drain_timeout: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """Seconds that HTTP requests and gRPC calls in progress may still take after
    `TRIDENT_STOP_GRACE`. Then their connections are closed, and the service ends."""

    log_format: Literal["text", "json"] = "text"
    """Form of the log: text for people, or one JSON object per line."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged."""

    core_dumps: bool = False
    """Leave the limit of core dumps (ulimit -c) as it is. Otherwise the kernel writes none: they
    hold what callers have sent."""

    access_log: bool = False
    """Log a line for each request: ids, endpoint, status, duration and sizes, never an input."""

    traces: HttpUrl | None = None
    """Base URL of an OpenTelemetry collector (OTLP over HTTP), for instance
    http://localhost:4318. Traces are made and sent there only if this is set. The standard
    variables OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_HEADERS ... apply."""


class InvalidSettingsError(ValueError):
    """An environment variable has a value that isn't allowed. The message says which."""


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
