"""How many bytes the requests in progress may take, and the wait until enough are free.

A worker has one account of bytes, with a part for each stage of a request. A request takes what a
stage needs before that stage begins, and gives everything back at its end. While it waits for bytes
of one stage, it may keep those of earlier stages, but never those of later ones. So there is no
deadlock.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from service.errors import OverloadedError

SMALL: Final = 256 * 1024
"""The most bytes of a small body, with what is made of it. Small ones never wait for large ones."""

_MAX_WAITING: Final = 128  # requests in one stage, each with about 64 KiB in buffers
_LEAST: Final = 1024 * 1024  # bytes for connections and for streams, even of a small account
_GUESS: Final = 1.0  # seconds until bytes become free, while none have
_MOST_PROMISED: Final = 10.0  # seconds: how far ahead others are told to come


class Stage:
    """A part of the account: `capacity` bytes may be taken at a time.

    A request that needs more than all of it gets them when no other has any.
    """

    __slots__ = ("_capacity", "_clock", "_freed", "_promised", "_since", "_used", "_waiting")

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with `capacity` bytes, all of them free; `clock` tells seconds."""
        self._capacity = capacity
        self._clock = clock
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._since = 0.0  # when the first of those that wait came
        self._freed = 0  # bytes that were given back since then
        self._promised = 0  # bytes of those that were told to come again

    @property
    def used(self) -> int:
        """Bytes that are taken now."""
        return self._used

    def try_take(self, size: int) -> bool:
        """Take so many bytes if they are free and nobody waits for them. Return whether."""
        used = self._used
        if size and (self._waiting or (used and used + size > self._capacity)):
            return False
        self._used = used + size
        return True

    async def take(self, size: int) -> None:
        """Take so many bytes once they are free, in the order of the calls.

        Raises:
            OverloadedError: too many requests already wait.
        """
        if self.try_take(size):
            return
        if len(self._waiting) >= _MAX_WAITING:
            raise self.overloaded(size)
        if not self._waiting:
            self._since, self._freed, self._promised = self._clock(), 0, 0
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, granted))
        try:
            await granted
        except asyncio.CancelledError:
            self._withdraw(size, granted)
            raise

    def give_back(self, size: int) -> None:
        """Give back bytes that were taken."""
        self._used -= size
        if self._waiting:
            self._freed += size
            self._grant()

    def overloaded(self, size: int) -> OverloadedError:
        """Return the error of a request for which so many bytes didn't become free.

        It says to come again when those that wait now, and others that were told to come again
        before, have been given theirs, by the rate at which bytes became free.
        """
        passed = self._clock() - self._since
        rate = self._freed / passed if self._waiting and passed > 0 else 0.0
        first = self._waiting[0][0] if self._waiting else size
        missing = max(self._used + first - self._capacity, 0) + self._promised
        if rate == 0.0 or self._promised < _MOST_PROMISED * rate:
            self._promised += size
        return OverloadedError(
            "The requests in progress use all the memory that the service has for them: "
            "try again later.",
            reason="memory",
            retry_after=missing / rate if rate else _GUESS,
        )

    def _grant(self) -> None:
        while self._waiting:
            size, granted = self._waiting[0]
            if self._used and self._used + size > self._capacity:
                return
            self._waiting.popleft()
            self._promised = max(0, self._promised - size)
            if not granted.cancelled():
                self._used += size
                granted.set_result(None)

    def _withdraw(self, size: int, granted: asyncio.Future[None]) -> None:
        """Leave the queue, or give the bytes back if they were granted already."""
        if not granted.cancelled():
            self.give_back(size)
        elif (size, granted) in self._waiting:
            self._waiting.remove((size, granted))
            self._grant()


class Account:
    """A worker's account of bytes. It belongs to one event loop."""

    __slots__ = ("connections", "decoding", "large_bodies", "rows", "small_bodies", "streams")

    def __init__(self, capacity: int) -> None:
        """Divide `capacity` bytes among the stages."""
        self.connections = Stage(max(capacity // 64, _LEAST))
        """What connections of HTTP/2 keep besides streams: parts of frames, ends of requests."""
        self.streams = Stage(max(capacity // 32, _LEAST))
        """Open streams of HTTP/2, with their headers and without their bodies."""
        self.small_bodies = Stage(capacity // 16)
        """For bodies of up to `SMALL` bytes, with what is made of them."""
        self.large_bodies = Stage(capacity * 21 // 64)
        """For all other bodies, with what is made of them."""
        self.rows = Stage(capacity // 8)
        """For decoded inputs, until they are answered."""
        self.decoding = Stage(capacity * 7 // 16)
        """For what decoding takes while it runs."""

    @property
    def used(self) -> int:
        """Bytes that are taken now."""
        before = self.connections, self.streams, self.small_bodies, self.large_bodies
        stages = (*before, self.rows, self.decoding)
        return sum(stage.used for stage in stages)

    def body_stage(self, size: int) -> Stage:
        """Return the stage for a body of so many bytes."""
        return self.small_bodies if size <= SMALL else self.large_bodies


class Reservation:
    """The bytes that one request has reserved for its body."""

    __slots__ = ("_account", "_size", "_stage")

    def __init__(self, account: Account) -> None:
        """Begin with no bytes."""
        self._account = account
        self._stage = account.small_bodies
        self._size = 0

    @property
    def size(self) -> int:
        """How many bytes are reserved."""
        return self._size

    def try_reserve(self, size: int) -> bool:
        """Reserve `size` bytes if they are free. Return whether. None may be reserved yet."""
        stage = self._account.body_stage(size)
        if not stage.try_take(size):
            return False
        self._stage, self._size = stage, size
        return True

    async def reserve(self, size: int) -> None:
        """Reserve at least `size` bytes, once they are free. Raises OverloadedError.

        If it must wait, it gives back what it has: otherwise two could wait for each other forever.
        """
        if size <= self._size:
            return
        self.release()
        self._stage = self._account.body_stage(size)
        await self._stage.take(size)
        self._size = size

    def shrink(self, size: int) -> None:
        """Keep at most `size` bytes, give the others back."""
        if size < self._size:
            self._stage.give_back(self._size - size)
            self._size = size

    def try_resize(self, size: int) -> bool:
        """Reserve `size` bytes instead, if they are free, or else none. Return whether."""
        self.shrink(size)
        if size == self._size:
            return True
        self.release()
        return self.try_reserve(size)

    def overloaded(self, size: int) -> OverloadedError:
        """Return the error of a request for which so many bytes didn't become free."""
        return self._account.body_stage(size).overloaded(size)

    def release(self) -> None:
        """Give all bytes back."""
        size, self._size = self._size, 0
        if size:
            self._stage.give_back(size)
