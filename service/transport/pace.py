"""How slow a client may be."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Seconds that a client may take, and bytes per second that it must send or read."""

    header_timeout: float = math.inf
    """For the head of a request, from its first byte; on a new connection, for its first byte."""

    stall_timeout: float = math.inf
    """In each such period of a body or an answer, the average must be at least `min_rate`."""

    min_rate: float = 0.0


class Pace:
    """Tells whether a transfer is too slow, from checks once a second.

    Seconds without a check don't count.
    """

    def __init__(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._subject: object = None
        self._looks = 0
        self._before = 0

    def is_too_slow(self, subject: object, moved: int) -> bool:
        """Check how many bytes were transferred in total. With another subject, it starts again."""
        if subject != self._subject:
            self._subject = subject
            self._begin(moved)
            return False
        self._looks += 1
        if self._looks < self._limits.stall_timeout:
            return False
        slow = moved - self._before < self._limits.min_rate * self._looks
        self._begin(moved)
        return slow

    def forget(self) -> None:
        """Start again with the next check."""
        self._subject = None

    def _begin(self, moved: int) -> None:
        self._looks = 0
        self._before = moved
