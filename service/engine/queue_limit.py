"""How long the queue of a model may be, and when those who find it too long shall come again."""

import math
from typing import Any, Final

from service.engine.fair_queue import FairQueue
from service.errors import OverloadedError

_PAST_WEIGHT: Final = 0.75  # weight of the past in moving averages
_MOST_PROMISED: Final = 10.0  # seconds: how far ahead others are told to come
_GUESS: Final = 1.0  # seconds, before anything is known


class QueueLimit:
    """Refuses rows that would wait too long. It belongs to one batcher.

    A queue that is limited in rows alone is too long for a slow model and too short for a fast one.
    In an overload it is always full, and then each request waits for all of it. So the limit is a
    time (K. Nichols and V. Jacobson, "Controlling Queue Delay", 2012; B. Maurer, "Fail at Scale",
    2015), for which the time that a row takes is measured.
    """

    def __init__(
        self, queue: FairQueue[Any, Any], *, batch_size: int, max_rows: int, max_seconds: float
    ) -> None:
        """Limit a queue.

        Args:
            queue: the queue.
            batch_size: the most rows of a batch. As many may always wait: the model may be slow
                because its batches are small.
            max_rows: the most rows that may wait.
            max_seconds: the longest time that a request may wait for its first row to be taken.
        """
        self._queue = queue
        self._batch_size = batch_size
        self._max_rows = max_rows
        self._max_seconds = max_seconds
        self._last_batch = (0.0, 0)  # when it was taken, and its rows if others were left
        self._batch_ends = 0.0
        self._running = 0
        self._promised = 0  # rows that were told to come again and haven't
        self.pace = math.inf
        """Seconds from one row to the next while many wait, by the last batches: the model's time
        and all that the service does besides. Infinite before the first batch."""

    def check(self, rows: int, now: float, deadline: float) -> None:
        """Check that so many rows may come into the queue.

        Args:
            rows: how many come.
            now: the time of the batcher's clock.
            deadline: the time until which their caller waits.

        Raises:
            OverloadedError: they don't fit into the queue, would wait too long, or until the
                deadline.
        """
        queue = self._queue
        if not queue.rows:  # the usual case
            return
        over = self._rows_over(rows)
        if over > 0:
            raise self._too_long(over, rows, now)
        ahead = queue.first_rows if rows <= queue.turn else queue.rows
        before = ahead - ahead % self._batch_size  # the others are taken in the same batch
        wait = (self._running + before) * self.pace
        if now + wait >= deadline and math.isfinite(wait):
            raise _too_late(wait, now + wait - deadline)

    def let_in(self, rows: int) -> None:
        """Record that so many rows come into the queue."""
        if self._promised:
            self._promised = max(0, self._promised - rows)

    def took(self, rows: int, now: float) -> None:
        """Record that the next batch has been taken, of so many rows; perhaps of none."""
        then, before = self._last_batch
        if before and rows:  # rows were left then: the model has had no pause since
            self._observe((now - then) / before)
        left = self._queue.rows
        if not left:
            self._promised = 0
        self._last_batch = now, rows if left else 0
        self._running = rows
        if rows and math.isfinite(self.pace):
            # At the latest: a small batch may take as long as a full one.
            self._batch_ends = now + self._batch_size * self.pace

    def ran(self, rows: int, seconds: float) -> None:
        """Record that the batch has run: its rows, and the model's seconds."""
        self._running = 0
        if not self._last_batch[1]:
            self._observe_within(seconds / self._batch_size, seconds / rows)

    def _observe_within(self, least: float, most: float) -> None:
        """Learn from a batch, perhaps a small one: a full one takes as long at least.

        A row of a full batch takes `least` to `most` seconds. What is too little is mended at once:
        nobody shall be told to come too early. Without a pace, it is their geometric mean.
        """
        if math.isfinite(self.pace):
            self._observe(min(self.pace, most))
            self.pace = max(self.pace, least)
        else:
            self.pace = math.sqrt(least * most)

    def _observe(self, present: float) -> None:
        past = self.pace if math.isfinite(self.pace) else present
        self.pace = _PAST_WEIGHT * past + (1 - _PAST_WEIGHT) * present

    def _rows_over(self, rows: int) -> int:
        """Return by how many rows the queue is too long for so many more; at most 0 if it isn't."""
        queue = self._queue
        over = queue.rows + rows - self._max_rows
        over_batch = queue.first_rows + 1 - self._batch_size
        ahead = self._running + queue.first_rows
        if over_batch <= 0 or not self._max_seconds < ahead * self.pace < math.inf:
            return over
        over_time = ahead + 1 - int(self._max_seconds / self.pace)
        return max(over, min(over_batch, over_time))

    def _too_long(self, over: int, rows: int, now: float) -> OverloadedError:
        """Return the error of rows that would make the queue too long.

        Those who are refused shall not all come again when the first row has left: so the next
        ones are told a later time.
        """
        at_once = self._seconds_until(over, now)
        retry_after = self._seconds_until(over + self._promised, now)
        if retry_after < at_once + _MOST_PROMISED:
            self._promised += rows
        return OverloadedError(
            f"{self._queue.rows} inputs are already waiting: try again later.",
            reason="queue",
            retry_after=retry_after,
        )

    def _seconds_until(self, rows: int, now: float) -> float:
        """Return the time until so many rows have left the queue. They leave in batches."""
        if not math.isfinite(self.pace):
            return _GUESS
        running = max(0.0, self._batch_ends - now) if self._running else 0.0
        batches = math.ceil(rows / self._batch_size) - 1
        return running + (batches * self._batch_size + 1) * self.pace


def _too_late(wait: float, excess: float) -> OverloadedError:
    return OverloadedError(
        f"About {wait:.2g} s of work are already waiting, more than the request's deadline allows: "
        "try again later, or allow more time.",
        reason="deadline",
        retry_after=excess,
    )
