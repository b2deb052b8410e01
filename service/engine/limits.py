"""The limits of the engine."""

from dataclasses import dataclass

from service.tasks.task import TaskLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(TaskLimits):
    """How many inputs may wait for a model, and how many one request may have.

    A request may be expected to wait for up to `max_queue_seconds` (see `QueueLimit`).
    `max_inflight_bytes` is what the requests in progress may hold (see `Account`). `decoders` is
    how many large images are decoded at a time, in threads. `max_inline_seconds` is how long a
    batch may run on the event loop (see `Batcher`).
    """

    max_queue_size: int
    max_queue_seconds: float
    max_inputs: int
    max_inflight_bytes: int
    decoders: int
    max_inline_seconds: float
