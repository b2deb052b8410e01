"""Metrics at little cost: the event loop's observations are buffered, then written together.

The worker processes share their figures through files. Writing a figure there takes a microsecond,
a histogram two, and a request has a dozen of them. Here an observation is an append to a list. A
buffer is written 50 ms after its first observation: each figure once, however often it was
observed. A worker that is killed loses only the observations of its last 50 ms.
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
        """Schedule `_flush`; call this with each observation."""
        if self._is_scheduled:
            return
        if not _unwritten:
            asyncio.get_running_loop().call_later(_FLUSH_DELAY, flush_buffers)
        self._is_scheduled = True
        _unwritten.append(self)

    @abstractmethod
    def _flush(self) -> None:
        """Write the observations, and empty the buffer."""


def flush_buffers() -> None:
    """Write all observations until now; call it on the event loop."""
    buffers = _unwritten.copy()
    _unwritten.clear()
    for buffer in buffers:
        buffer._is_scheduled = False  # noqa: SLF001
    for buffer in buffers:
        buffer._flush()  # noqa: SLF001


class BulkHistogram(Histogram):
    """A histogram that writes many values at once, with one write per bucket."""

    def observe_many(self, values: Sequence[float]) -> None:
        """Observe each of the values."""
        self._sum.inc(sum(values))
        counts = Counter([bisect_left(self._upper_bounds, value) for value in values])
        for bucket, count in counts.items():
            self._buckets[bucket].inc(count)
