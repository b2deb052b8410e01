"""Metrics at little cost: what the event loop observes is gathered, then written at once.

Writing one figure where all worker processes can add it up costs a microsecond, a histogram two,
and a request has a dozen of them. An observation here is an append to a list. What has gathered
is written 50 ms after the first of it: each figure once, however often it was observed. A worker
that is killed loses what it observed in those 50 ms, nothing else.
"""

import asyncio
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from prometheus_client import Histogram

_PAUSE = 0.05  # seconds between the first observation and the writing

_waiting: list["Gathered"] = []


class Gathered(ABC):
    """Observations that wait to be written. They are made on the event loop, never in a thread."""

    _is_waiting = False

    def _touch(self) -> None:
        """Have `_write` called soon; to be called with each observation."""
        if self._is_waiting:
            return
        if not _waiting:
            asyncio.get_running_loop().call_later(_PAUSE, write_gathered)
        self._is_waiting = True
        _waiting.append(self)

    @abstractmethod
    def _write(self) -> None:
        """Write what was gathered, and start anew."""


def write_gathered() -> None:
    """Write all that was observed until now; to be called on the event loop."""
    gathered = _waiting.copy()
    _waiting.clear()
    for observations in gathered:
        observations._is_waiting = False  # noqa: SLF001
    for observations in gathered:
        observations._write()  # noqa: SLF001


class BulkHistogram(Histogram):
    """A histogram that takes many values for the price of the buckets that they fall into."""

    def observe_many(self, values: Sequence[float]) -> None:
        """Observe each of the values."""
        self._sum.inc(sum(values))
        counts = Counter([bisect_left(self._upper_bounds, value) for value in values])
        for bucket, count in counts.items():
            self._buckets[bucket].inc(count)
