"""The pause before a worker is started again, when workers die one after another.

A start takes a processor for some seconds, and memory. Without a pause, a worker that dies each
time would take them from the others, or from other programs, for ever.
"""

import time
from collections.abc import Callable
from typing import Final

MEMORY_SECONDS: Final = 300.0
"""For how long a death counts."""

LONGEST_SECONDS: Final = 30.0
"""The longest pause."""


class StartPause:
    """No pause for the first few deaths; then 1, 2, 4 ... seconds, until fewer workers die."""

    def __init__(self, free: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Let `free` deaths pass without a pause."""
        self._free = free
        self._clock = clock
        self._deaths: list[float] = []
        self._until = 0.0

    @property
    def deaths(self) -> int:
        """How many deaths counted at the last one."""
        return len(self._deaths)

    @property
    def over(self) -> bool:
        """Whether a worker may be started now."""
        return self._clock() >= self._until

    def note_death(self) -> float:
        """Count a death, or a start that failed. Return the seconds until the next start."""
        now = self._clock()
        self._deaths = [then for then in self._deaths if now - then < MEMORY_SECONDS] + [now]
        excess = len(self._deaths) - self._free
        seconds = float(2 ** min(excess - 1, 10)) if excess > 0 else 0.0
        self._until = now + min(seconds, LONGEST_SECONDS)
        return self._until - now
