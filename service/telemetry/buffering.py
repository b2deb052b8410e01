"""Metrics at little cost: what the event loop observes is kept in buffers, then written at once.

Writing one figure where all worker processes can add it up costs a microsecond, a histogram two,
and a request has a dozen of them. An observation here is an append to a list. A buffer is written
50 ms after its first observation: each figure once, however often it was observed. A worker that
is killed loses what it observed in those 50 ms, nothing else.
"""

import asyncio
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from prometheus_client import Histogram

_FLUSH_DELAY = 0.05  # seconds between the first observation and the writing

_unwritten: list["Buffered"] = []


class Buffered(ABC):
    """Observations that wait to be written. They are made on the event loop, never in a thread."""

    _is_scheduled = False

    def _schedule_flush(self) -> None:
        """Have `_flush` called soon; to be called with each observation."""
        if self._is_scheduled:
            return
        if not _unwritten:
            asyncio.get_running_loop().call_later(_FLUSH_DELAY, flush_buffers)
        self._is_scheduled = True
        _unwritten.append(self)

    @abstractmethod
    def _flush(self) -> None:
        """Write what was observed, and empty the buffer."""


def flush_buffers() -> None:
    """Write all that was observed until now; to be called on the event loop."""
    buffers = _unwritten.copy()
    _unwritten.clear()
    for buffer in buffers:
        buffer._is_scheduled = False  # noqa: SLF001
    for buffer in buffers:
        buffer._flush()  # noqa: SLF001


class BulkHistogram(Histogram):
    """A histogram that takes many values for the price of the buckets that they fall into."""

    def observe_many(self, values: Sequence[float]) -> None:
        """Observe each of the values."""
        self._sum.inc(sum(values))
        counts = Counter([bisect_left(self._upper_bounds, value) for value in values])
        for bucket, count in counts.items():
            self._buckets[bucket].inc(count)
