"""The batcher: one queue in front of one model.

There is no fixed wait. An idle model takes all waiting rows at once, up to the batch limit. While
it works, the rows of the next batch queue up, also those of clients that send their next request
as soon as they are answered. So a single request never waits for others, and batches grow with
the load. `docs/decisions/batcher.md` has the reasons and the measurements.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final, Generic, Literal, TypeVar

from service.engine.fair_queue import Batched, FairQueue, Item, Submission
from service.engine.queue_limit import QueueLimit
from service.errors import (
    DeadlineExceededError,
    InferenceError,
    NotReadyError,
    TridentError,
)
from service.telemetry.metrics import ModelMetrics

logger = logging.getLogger(__name__)

Row = TypeVar("Row")
Answer = TypeVar("Answer")

_PAST_WEIGHT = 0.9  # weight of the past in moving averages

DEADLINE_SLACK: Final = 0.05
"""Seconds by which a caller may give up before its deadline, since that passes there first."""


class Batcher(Generic[Row, Answer]):
    """Puts rows together into batches and runs them through one model.

    It belongs to one event loop: `submit` and `close` are called there. `predict` is called with a
    list of rows and returns as many answers. It runs in `executor`, which has one thread, or
    inline: on the event loop itself, where a short batch is answered sooner.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[Row]], Sequence[Answer]],
        *,
        executor: Executor,
        metrics: ModelMetrics,
        max_batch_size: int,
        max_queue_size: int,
        max_queue_seconds: float = math.inf,
        max_inline_seconds: float = 0.0,
        may_run_inline: Callable[[Row], bool] = lambda _: True,
        observe: Callable[[Sequence[Answer]], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a batcher; deadlines are points of `clock`, in seconds.

        A batch that is expected to take less than `max_inline_seconds` runs inline: handing it to a
        thread, with the interpreter's lock, costs more. A batch with a row for which
        `may_run_inline` is false always runs in the executor, however fast the batches before were.
        `observe` is called on the event loop with the answers of each batch.
        """
        self._predict = predict
        self._executor = executor
        self._metrics = metrics
        self._max_batch_size = max_batch_size
        self._max_inline_seconds = max_inline_seconds
        self._may_run_inline = may_run_inline
        self._observe_answers = observe
        self._clock = clock
        self._queue: FairQueue[Row, Answer] = FairQueue(max_batch_size)
        self.limit = QueueLimit(
            self._queue,
            batch_size=max_batch_size,
            max_rows=max_queue_size,
            max_seconds=max_queue_seconds,
        )
        """How long the queue may be."""
        self._pending: set[Submission[Row, Answer]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next_expiry = math.inf
        self._calls = 0
        self.running_rows = 0
        """How many rows the batch has that runs; 0 if none does."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._woken = False
        self._closed = False
        self.seconds_per_row = math.inf
        """What a row takes, by the last batches; infinite before the first."""

    async def submit(self, rows: Sequence[Row], *, deadline: float) -> Batched[Answer]:
        """Wait for the rows' answers. If the call is cancelled, rows that still wait are dropped.

        Args:
            rows: one or more rows of a batch.
            deadline: the time of the clock until which the caller waits.

        Raises:
            OverloadedError: the rows don't fit into the queue (see `QueueLimit`).
            DeadlineExceededError: the answers weren't ready by `deadline`.
            NotReadyError: the batcher is closed.
        """
        if not rows:
            return Batched([])
        self.check(len(rows), deadline)
        self.limit.let_in(len(rows))
        request = self._enqueue(rows, deadline)
        self._wake()
        try:
            await request.done
        except asyncio.CancelledError:
            is_late = deadline - self._clock() <= DEADLINE_SLACK
            self._drop(request, "expired" if is_late else "abandoned")
            raise
        finally:
            self._pending.discard(request)
        return request.result

    def check(self, rows: int, deadline: float) -> None:
        """Check that so many rows may be submitted now.

        Raises:
            OverloadedError, NotReadyError: as `submit` does.
        """
        if self._closed:
            raise _stopping()
        self.limit.check(rows, self._clock(), deadline)

    async def close(self) -> None:
        """Refuse new rows and those that still wait; wait until the running batch is done."""
        self._refuse()
        await self._idle.wait()
        self._executor.shutdown(wait=False)

    def give_up(self, error: TridentError) -> None:
        """Refuse new rows and those that still wait, and fail the requests of the running batch."""
        self._refuse()
        for request in list(self._pending):
            request.fail(error)

    def _refuse(self) -> None:
        self._closed = True
        for request in self._queue.take_all():
            request.fail(_stopping())
        if self._timer is not None:
            self._timer.cancel()

    @property
    def idle(self) -> bool:
        """Whether no row waits and no batch runs."""
        return not self._queue.rows and not self.running_rows

    @property
    def running_call(self) -> int | None:
        """The number of the call of the model that runs; None if none does. Any thread may ask."""
        return self._calls if self.running_rows else None

    def _enqueue(self, rows: Sequence[Row], deadline: float) -> Submission[Row, Answer]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request: Submission[Row, Answer] = Submission(rows, done, deadline, self._clock())
        self._queue.add(request)
        self._metrics.queued(self._queue.rows)
        self._pending.add(request)
        if deadline < self._next_expiry:
            self._expire_at(deadline)
        return request

    def _drop(
        self, request: Submission[Row, Answer], reason: Literal["expired", "abandoned"]
    ) -> None:
        """Remove a request's rows that the model hasn't begun to run."""
        self._metrics.dropped(reason, self._queue.remove(request))
        self._metrics.queued(self._queue.rows)

    def _expire_at(self, deadline: float) -> None:
        """Set the timer that all requests share: one timer for each would cost too much."""
        if self._timer is not None:
            self._timer.cancel()
        self._next_expiry = deadline
        delay = max(0.0, deadline - self._clock())
        self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        self._timer, self._next_expiry = None, math.inf
        now = self._clock()
        for request in self._pending:
            if request.deadline <= now:
                request.fail(deadline_exceeded())
                self._drop(request, "expired")
        waiting = [request.deadline for request in self._pending if request.deadline > now]
        if waiting:
            self._expire_at(min(waiting))

    def _wake(self) -> None:
        """Start the next batch after this turn of the event loop, in which more rows may come."""
        if not self.running_rows and not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._woken = False
        started = self._clock()
        batch, expired = self._queue.take(started)
        for request in expired:
            request.fail(deadline_exceeded())
            self._metrics.dropped("expired", request.waiting)
        self.limit.took(len(batch), started)
        self._metrics.queued(self._queue.rows)
        if not batch:
            return
        self.running_rows = len(batch)
        if self._runs_inline(batch):
            outcomes = self._run(batch)
            self.running_rows = 0
            elapsed = self._clock() - started
            self.limit.ran(len(batch), elapsed)
            self._settle(batch, started, elapsed, outcomes)
            self._dispatch_when_quiet()
        else:
            self._idle.clear()
            self._run_in_executor(batch, started)

    def _dispatch_when_quiet(self) -> None:
        """Start the next batch once no more rows arrive.

        The last batch's answers are still to be sent, and many clients send their next request at
        once. To start without these would split the clients into groups that wait for each
        other's small batches.
        """
        self._woken = True
        loop = asyncio.get_running_loop()
        # In one turn of the event loop answers are sent and requests read, in the next one their
        # tasks submit rows, and after that the queue tells whether any came.
        loop.call_soon(loop.call_soon, loop.call_soon, self._dispatch_if_quiet, self._queue.rows)

    def _dispatch_if_quiet(self, before: int) -> None:
        if before < self._queue.rows < self._max_batch_size:
            self._dispatch_when_quiet()
        else:
            self._dispatch()

    def _runs_inline(self, batch: Sequence[Item[Row, Answer]]) -> bool:
        """Tell whether a batch runs on the event loop itself."""
        return self._is_short(len(batch)) and all(self._may_run_inline(item.row) for item in batch)

    def _is_short(self, rows: int) -> bool:
        return rows * self.seconds_per_row < self._max_inline_seconds

    def _run_in_executor(self, batch: list[Item[Row, Answer]], started: float) -> None:
        loop = asyncio.get_running_loop()
        batch_done = partial(self._batch_done, batch, started)
        running = self._executor.submit(self._run, batch)
        running.add_done_callback(lambda done: loop.call_soon_threadsafe(batch_done, done.result()))

    def _batch_done(
        self,
        batch: list[Item[Row, Answer]],
        started: float,
        outcomes: list[Answer | TridentError],
    ) -> None:
        """Give the executor its next batch, then deliver the answers of the last one."""
        elapsed = self._clock() - started
        self.running_rows = 0
        self.limit.ran(len(batch), elapsed)
        if not self._is_short(min(self._queue.rows, self._max_batch_size)):
            self._dispatch()
        self._settle(batch, started, elapsed, outcomes)
        if not self.running_rows:
            self._idle.set()
            self._dispatch_when_quiet()

    def _run(self, batch: Sequence[Item[Row, Answer]]) -> list[Answer | TridentError]:
        """Run a batch. If it fails, run each row alone, so that only the bad ones fail."""
        self._calls += 1
        try:
            return list(self._predict([item.row for item in batch]))
        except Exception:
            logger.exception("the model failed on a batch of %d", len(batch))
        if len(batch) == 1:
            return [InferenceError("The model failed on this input.")]
        return [self._run([item])[0] for item in batch]

    def _settle(
        self,
        batch: list[Item[Row, Answer]],
        started: float,
        elapsed: float,
        outcomes: list[Answer | TridentError],
    ) -> None:
        for item, outcome in zip(batch, outcomes, strict=True):
            request = item.request
            request.result.queue = started - request.enqueued
            request.result.inference = elapsed
            request.settle(item.index, outcome)
        self._update_speed(len(batch), elapsed)
        self._metrics.ran([started - item.request.enqueued for item in batch], elapsed)
        self._observe_answers([o for o in outcomes if not isinstance(o, TridentError)])

    def _update_speed(self, rows: int, elapsed: float) -> None:
        present = elapsed / rows
        past = self.seconds_per_row if math.isfinite(self.seconds_per_row) else present
        self.seconds_per_row = _PAST_WEIGHT * past + (1 - _PAST_WEIGHT) * present


def deadline_exceeded() -> DeadlineExceededError:
    """Return the error of a request whose deadline has passed."""
    return DeadlineExceededError(
        "The answer wasn't ready in time: send fewer inputs, or allow more time."
    )


def _stopping() -> NotReadyError:
    return NotReadyError("The service is stopping: try another replica.")
