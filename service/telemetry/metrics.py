"""The Prometheus metrics of requests and models. Every label's values come from a closed set.

Worker processes share their figures through the folder PROMETHEUS_MULTIPROC_DIR, which must be
set before this module is imported (BentoML does so when it serves). When a worker ends, its
counters are kept and its gauges are removed.
"""

import platform
from collections import Counter as CountOf
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Literal

from prometheus_client import Counter, Gauge

from service.errors import (
    MalformedRequestError,
    NotReadyError,
    OverloadedError,
    Refusal,
    TooLargeError,
    TridentError,
    UndecodableInputError,
    UnknownModelError,
    UnsupportedMediaTypeError,
)
from service.telemetry.buffering import Buffered, BulkHistogram

_ENDPOINT = ("endpoint", "protocol")
_MODEL = ("model", "version")
_SECONDS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
# The shipped autoencoder's error is about 0.003 for digits, and above 0.02 for most other images.
_ERRORS = (0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.048, 0.1, 0.2)

_REQUESTS = Counter(
    "trident_requests",
    "Requests answered, by endpoint, protocol (http, grpc) and the protocol's own status.",
    [*_ENDPOINT, "status"],
)
_REQUEST_SECONDS = BulkHistogram(
    "trident_request_duration_seconds",
    "Time from a request's body being read to its answer being ready.",
    _ENDPOINT,
    buckets=_SECONDS,
)
_REQUESTS_IN_PROGRESS = Gauge(
    "trident_requests_in_progress",
    "Requests being answered now.",
    _ENDPOINT,
    multiprocess_mode="livesum",
)
_REJECTED = Counter(
    "trident_rejected",
    "Requests, or single inputs of a request, that were refused, by reason.",
    [*_ENDPOINT, "reason"],
)
_DROPPED = Counter(
    "trident_inputs_dropped",
    "Inputs that left the queue before the model ran, by reason (expired, abandoned).",
    [*_MODEL, "reason"],
)
_DECODE_SECONDS = BulkHistogram(
    "trident_decode_duration_seconds",
    "Time to decode one input, or to find that it can't be decoded.",
    _MODEL,
    buckets=_SECONDS,
)
_QUEUE_SECONDS = BulkHistogram(
    "trident_queue_duration_seconds",
    "Time an input waited for its model.",
    _MODEL,
    buckets=_SECONDS,
)
_QUEUE_DEPTH = Gauge(
    "trident_queue_depth",
    "Inputs waiting for the model now.",
    _MODEL,
    multiprocess_mode="livesum",
)
_QUEUE_LIMIT = Gauge(
    "trident_queue_limit",
    "Most inputs that may wait for the model.",
    _MODEL,
    multiprocess_mode="livesum",
)
_BATCH_SIZE = BulkHistogram(
    "trident_batch_size",
    "Inputs in one call of the model.",
    _MODEL,
    buckets=_BATCH_SIZES,
)
_INFERENCE_SECONDS = BulkHistogram(
    "trident_inference_duration_seconds",
    "Time of one call of the model.",
    _MODEL,
    buckets=_SECONDS,
)
_COMPUTED_ELEMENTS = Counter(
    "trident_computed_elements",
    "Elements (pixel values, tokens) of the computed batches, by kind (input, padding).",
    [*_MODEL, "kind"],
)
_PREDICTIONS = Counter(
    "trident_predictions",
    "Answers by label.",
    [*_MODEL, "label"],
)
_CONFIDENCE = BulkHistogram(
    "trident_confidence",
    "Probability of the answered label.",
    _MODEL,
    buckets=_CONFIDENCES,
)
_RECONSTRUCTION_ERROR = BulkHistogram(
    "trident_reconstruction_error",
    "Mean squared error of the image that an autoencoder reconstructs, of pixels in 0..1.",
    _MODEL,
    buckets=_ERRORS,
)
_MODEL_INFO = Gauge(
    "trident_model_info",
    "1 for each model that is loaded, 0 for one that was.",
    [*_MODEL, "task", "tensorflow"],
    multiprocess_mode="livemax",
)
_MODEL_REJECTED = Gauge(
    "trident_model_rejected",
    "1 for a version in the folder of models that is rejected, 0 for one that is served.",
    _MODEL,
    multiprocess_mode="livemax",
)
_LOAD_SECONDS = Gauge(
    "trident_model_load_seconds",
    "Time it took to load the model, in the slowest worker.",
    _MODEL,
    multiprocess_mode="livemax",
)
_WARM_UP_SECONDS = Gauge(
    "trident_model_warm_up_seconds",
    "Time of the model's first calls, before the service was ready, in the slowest worker.",
    _MODEL,
    multiprocess_mode="livemax",
)
_CALL_SECONDS = Gauge(
    "trident_program_call_seconds",
    "Fastest call of one shape, by program (plain, compiled), measured after start.",
    [*_MODEL, "shape", "program"],
    multiprocess_mode="mostrecent",
)
_COMPILED = Gauge(
    "trident_program_compiled",
    "Whether calls of a shape use the compiled program (1) or the plain one (0).",
    [*_MODEL, "shape"],
    multiprocess_mode="mostrecent",
)
_COMPARISONS = Counter(
    "trident_shadow_comparisons",
    "Answers of a shadow version that were compared with those that callers got, by result.",
    [*_MODEL, "answering", "result"],
)
_READY = Gauge(
    "trident_ready",
    "1 when all workers answer, 0 while one of them loads or stops.",
    multiprocess_mode="livemin",
)
_BUILD_INFO = Gauge(
    "trident_build_info",
    "Always 1; its labels are the versions that run.",
    ["version", "python", "tensorflow", "bentoml"],
    multiprocess_mode="max",
)

_REASONS: Final[dict[type[TridentError], str]] = {
    MalformedRequestError: "malformed",
    UnknownModelError: "unknown_model",
    TooLargeError: "too_large",
    UnsupportedMediaTypeError: "unsupported_media_type",
    UndecodableInputError: "undecodable",
    NotReadyError: "not_ready",
}
"""The errors that refuse a request or an input. All others are failures of the service."""

OVERLOAD_REASONS: Final[dict[Refusal, str]] = {
    "queue": "overloaded_queue",
    "deadline": "overloaded_deadline",
    "memory": "overloaded_memory",
    "client": "client_limit",
}
"""The same for `OverloadedError`, which has a reason itself."""


def _reason(error: TridentError) -> str | None:
    if isinstance(error, OverloadedError):
        return OVERLOAD_REASONS[error.reason]
    return _REASONS.get(type(error))


class EndpointMetrics(Buffered):
    """The metrics of the requests to one endpoint by one protocol."""

    def __init__(self, endpoint: str, protocol: str) -> None:
        """Both must be from a closed set."""
        self._labels = (endpoint, protocol)
        self._duration = _REQUEST_SECONDS.labels(*self._labels)
        self._in_progress_gauge = _REQUESTS_IN_PROGRESS.labels(*self._labels)
        self._rejections = {
            reason: _REJECTED.labels(*self._labels, reason)
            for reason in (*_REASONS.values(), *OVERLOAD_REASONS.values())
        }
        self._rejected: CountOf[str] = CountOf()
        self._in_progress = 0
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)

    def began(self) -> None:
        """Count a request that begins."""
        self._in_progress += 1
        self._schedule_flush()

    def ended(self, status: str, seconds: float) -> None:
        """Count a request that is answered, or cancelled. `status` must be from a closed set."""
        self._in_progress -= 1
        self._seconds[status].append(seconds)
        self._schedule_flush()

    def rejected(self, error: TridentError) -> None:
        """Count a refused request or input; errors that are failures aren't counted here."""
        reason = _reason(error)
        if reason is not None:
            self._rejected[reason] += 1
            self._schedule_flush()

    def _flush(self) -> None:
        self._in_progress_gauge.set(self._in_progress)
        for status, seconds in self._seconds.items():
            _REQUESTS.labels(*self._labels, status).inc(len(seconds))
            self._duration.observe_many(seconds)
        self._seconds.clear()
        for reason, count in self._rejected.items():
            self._rejections[reason].inc(count)
        self._rejected.clear()


class ModelMetrics(Buffered):
    """The metrics of one model and its queue."""

    def __init__(
        self, name: str, version: int, *, labels: Sequence[str] = (), queue_limit: int = 0
    ) -> None:
        """`labels` are the card's; `queue_limit` is the most inputs that may wait."""
        model = (name, str(version))
        self._decode_histogram = _DECODE_SECONDS.labels(*model)
        self._queue_histogram = _QUEUE_SECONDS.labels(*model)
        self._batch_histogram = _BATCH_SIZE.labels(*model)
        self._inference_histogram = _INFERENCE_SECONDS.labels(*model)
        self._depth_gauge = _QUEUE_DEPTH.labels(*model)
        self._elements = [_COMPUTED_ELEMENTS.labels(*model, k) for k in ("input", "padding")]
        self._dropped = {r: _DROPPED.labels(*model, r) for r in ("expired", "abandoned")}
        self._model = model
        _QUEUE_LIMIT.labels(*model).set(queue_limit)
        for label in labels:
            _PREDICTIONS.labels(*model, label)
        self._depth = 0
        self._computed = self._written = (0, 0)
        self._decode_seconds: list[float] = []
        self._queue_seconds: list[float] = []
        self._batch_sizes: list[float] = []
        self._inference_seconds: list[float] = []
        self._labels: list[str] = []
        self._confidences: list[float] = []
        self._errors: list[float] = []

    def decoded(self, seconds: float) -> None:
        """Observe an input that was decoded, or failed to decode."""
        self._decode_seconds.append(seconds)
        self._schedule_flush()

    def queued(self, depth: int) -> None:
        """Set how many inputs wait now."""
        self._depth = depth
        self._schedule_flush()

    def dropped(self, reason: Literal["expired", "abandoned"], count: int) -> None:
        """Count inputs that leave the queue before the model runs them."""
        self._dropped[reason].inc(count)

    def ran(self, waits: Sequence[float], seconds: float) -> None:
        """Observe a batch: how long each of its inputs waited, and how long the model took."""
        self._queue_seconds.extend(waits)
        self._batch_sizes.append(len(waits))
        self._inference_seconds.append(seconds)
        self._schedule_flush()

    def computed(self, elements: tuple[int, int]) -> None:
        """Set how many elements of inputs, and of padding, the model has computed in all."""
        self._computed = elements
        self._schedule_flush()

    def classified(self, labels: Sequence[str], confidences: Sequence[float]) -> None:
        """Observe a classifier's labels and their probabilities."""
        self._labels.extend(labels)
        self._confidences.extend(confidences)
        self._schedule_flush()

    def generated(self, labels: Sequence[str]) -> None:
        """Count the labels that a generator has made something for."""
        self._labels.extend(labels)
        self._schedule_flush()

    def reconstructed(self, errors: Sequence[float]) -> None:
        """Observe an autoencoder's reconstruction errors."""
        self._errors.extend(errors)
        self._schedule_flush()

    def _flush(self) -> None:
        self._depth_gauge.set(self._depth)
        _drain(self._decode_seconds, self._decode_histogram)
        _drain(self._queue_seconds, self._queue_histogram)
        _drain(self._batch_sizes, self._batch_histogram)
        _drain(self._inference_seconds, self._inference_histogram)
        if self._confidences:
            _drain(self._confidences, _CONFIDENCE.labels(*self._model))
        if self._errors:
            _drain(self._errors, _RECONSTRUCTION_ERROR.labels(*self._model))
        for label, count in CountOf(self._labels).items():
            _PREDICTIONS.labels(*self._model, label).inc(count)
        self._labels.clear()
        for counter, now, before in zip(self._elements, self._computed, self._written, strict=True):
            counter.inc(now - before)
        self._written = self._computed


def _drain(values: list[float], histogram: BulkHistogram) -> None:
    if values:
        histogram.observe_many(values)
        values.clear()


def record_loaded(
    name: str, version: int, *, task: str, tensorflow: str, load: float, warm_up: float
) -> None:
    """Record that a model is loaded, its task and TensorFlow, and the seconds that it took."""
    model = (name, str(version))
    _MODEL_INFO.labels(*model, task, tensorflow).set(1)
    _MODEL_REJECTED.labels(*model).set(0)
    _LOAD_SECONDS.labels(*model).set(load)
    _WARM_UP_SECONDS.labels(*model).set(warm_up)


def record_unloaded(name: str, version: int, *, task: str, tensorflow: str) -> None:
    """Record that a model isn't loaded any more."""
    _MODEL_INFO.labels(name, str(version), task, tensorflow).set(0)


def record_rejected(name: str, version: str, *, rejected: bool) -> None:
    """Record whether a version on disk is rejected."""
    _MODEL_REJECTED.labels(name, version).set(int(rejected))


def record_comparisons(
    name: str, *, shadow: int, answering: int, agreed: int, compared: int
) -> None:
    """Record how many answers of a shadow were compared, and how many agreed."""
    labels = (name, str(shadow), str(answering))
    _COMPARISONS.labels(*labels, "agrees").inc(agreed)
    _COMPARISONS.labels(*labels, "differs").inc(compared - agreed)


def record_race(
    name: str, version: int, shape: str, *, plain: float, compiled: float, use_compiled: bool
) -> None:
    """Record the seconds that a plain and a compiled call of one shape take, and which is used."""
    labels = (name, str(version), shape)
    _CALL_SECONDS.labels(*labels, "plain").set(plain)
    _CALL_SECONDS.labels(*labels, "compiled").set(compiled)
    _COMPILED.labels(*labels).set(int(use_compiled))


def record_ready(*, ready: bool) -> None:
    """Record whether this worker answers."""
    _READY.set(int(ready))


def record_build(*, version: str, tensorflow: str, bentoml: str) -> None:
    """Record the versions of the software that runs."""
    _BUILD_INFO.labels(version, platform.python_version(), tensorflow, bentoml).set(1)
