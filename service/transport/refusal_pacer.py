"""When refusals are sent: at once while they are few, in turn while they are many."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_TICK: Final = 0.01  # seconds
_EACH_TICK: Final = 20  # refusals: 2,000 a second cost about a twentieth of a processor's time
_MOST_TICKS: Final = 100  # that a refusal waits, so a second


class RefusalPacer:
    """Limits how many requests a worker refuses in a second.

    In an overload each refusal costs time in which another request would be answered, and many
    clients send their next request as soon as they are refused. A client waits with its next
    request until it has the refusal, so it is sent later: by up to a second, when very many wait.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._left = _EACH_TICK
        self._is_ticking = False

    def send(self, refuse: Callable[[], None]) -> None:
        """Call `refuse` now, or later if too many have been refused in this moment."""
        if self._left > 0:
            self._left -= 1
            refuse()
        else:
            self._waiting.append(refuse)
        if not self._is_ticking:
            self._is_ticking = True
            asyncio.get_running_loop().call_later(_TICK, self._tick)

    def _tick(self) -> None:
        waiting = self._waiting
        allowed = max(_EACH_TICK, -(-len(waiting) // _MOST_TICKS))
        sent = min(allowed, len(waiting))
        for _ in range(sent):
            waiting.popleft()()
        self._is_ticking = sent > 0 or self._left < _EACH_TICK
        self._left = allowed - sent
        if self._is_ticking:
            asyncio.get_running_loop().call_later(_TICK, self._tick)
