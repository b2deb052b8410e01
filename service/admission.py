"""How many bytes the requests under way may hold, and the wait for room.

A worker has one account of bytes, with a part for each stage of a request. A request takes what a
stage needs before it begins that stage, and gives everything back at its end. It may wait in a
stage while it holds something of the stages before, never the other way round: so what has begun
can always be finished.
"""

import asyncio
from collections import deque
from typing import Final

from service.errors import OverloadedError

SMALL: Final = 256 * 1024
"""Bytes up to which a body, with what is made of it, counts as small. It waits for no large one."""

_MAX_WAITING: Final = 128  # requests that wait in one stage, each with some 64 KiB unread
_LEAST: Final = 1024 * 1024  # bytes for connections and for streams, even of a small account
_RETRY_SECONDS: Final = 1.0


class Stage:
    """A part of the account: so many bytes may be taken of it at a time.

    What is larger than all of it goes alone.
    """

    __slots__ = ("_capacity", "_used", "_waiting")

    def __init__(self, capacity: int) -> None:
        """Begin with `capacity` bytes, none of them taken."""
        self._capacity = capacity
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """Bytes that are taken now."""
        return self._used

    def try_take(self, size: int) -> bool:
        """Take so many bytes if there is room now and nobody waits for it; tell whether."""
        used = self._used
        if size and (self._waiting or (used and used + size > self._capacity)):
            return False
        self._used = used + size
        return True

    async def take(self, size: int) -> None:
        """Take so many bytes once there is room, in the order of the calls.

        Raises:
            OverloadedError: too many requests wait already.
        """
        if self.try_take(size):
            return
        if len(self._waiting) >= _MAX_WAITING:
            raise overloaded()
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
            self._grant()

    def _grant(self) -> None:
        while self._waiting:
            size, granted = self._waiting[0]
            if self._used and self._used + size > self._capacity:
                return
            self._waiting.popleft()
            if not granted.cancelled():
                self._used += size
                granted.set_result(None)

    def _withdraw(self, size: int, granted: asyncio.Future[None]) -> None:
        """Wait no longer; give back what was granted a moment ago."""
        if not granted.cancelled():
            self.give_back(size)
        elif (size, granted) in self._waiting:
            self._waiting.remove((size, granted))
            self._grant()


class Account:
    """A worker's account of bytes; it belongs to one event loop."""

    __slots__ = ("connections", "decoding", "large_bodies", "rows", "small_bodies", "streams")

    def __init__(self, capacity: int) -> None:
        """Share out `capacity` bytes."""
        self.connections = Stage(max(capacity // 64, _LEAST))
        """What connections of HTTP/2 keep besides streams: parts of frames, ends of requests."""
        self.streams = Stage(max(capacity // 32, _LEAST))
        """Open streams of HTTP/2, with their headers and without their bodies."""
        self.small_bodies = Stage(capacity // 16)
        """Bodies of up to `SMALL` bytes."""
        self.large_bodies = Stage(capacity * 21 // 64)
        """All other bodies, and what is made of them."""
        self.rows = Stage(capacity // 8)
        """Inputs that are decoded, until they are answered."""
        self.decoding = Stage(capacity * 7 // 16)
        """What decoding takes while it runs."""

    @property
    def used(self) -> int:
        """Bytes that are taken now."""
        before = self.connections, self.streams, self.small_bodies, self.large_bodies
        stages = (*before, self.rows, self.decoding)
        return sum(stage.used for stage in stages)

    def body_stage(self, size: int) -> Stage:
        """Return the stage in which a body holds so many bytes."""
        return self.small_bodies if size <= SMALL else self.large_bodies


class Reservation:
    """What one request holds for its body."""

    __slots__ = ("_account", "_size", "_stage")

    def __init__(self, account: Account) -> None:
        """Begin with nothing."""
        self._account = account
        self._stage = account.small_bodies
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return self._size

    def try_reserve(self, size: int) -> bool:
        """Hold `size` bytes if there is room now; tell whether. Nothing must be held yet."""
        stage = self._account.body_stage(size)
        if not stage.try_take(size):
            return False
        self._stage, self._size = stage, size
        return True

    async def reserve(self, size: int) -> None:
        """Hold at least `size` bytes, once there is room. Raises OverloadedError.

        While it waits it holds nothing: two that wait for each other would wait for ever.
        """
        if size <= self._size:
            return
        self.release()
        self._stage = self._account.body_stage(size)
        await self._stage.take(size)
        self._size = size

    def shrink(self, size: int) -> None:
        """Hold no more than `size` bytes."""
        if size < self._size:
            self._stage.give_back(self._size - size)
            self._size = size

    def try_resize(self, size: int) -> bool:
        """Hold `size` bytes instead, if there is room now; tell whether. Otherwise hold nothing."""
        self.shrink(size)
        if size == self._size:
            return True
        self.release()
        return self.try_reserve(size)

    def release(self) -> None:
        """Hold nothing."""
        size, self._size = self._size, 0
        if size:
            self._stage.give_back(size)


def overloaded() -> OverloadedError:
    """Return the error of a request for which there is no room."""
    return OverloadedError(
        "The requests under way hold as many bytes as the service has room for: try again later.",
        retry_after=_RETRY_SECONDS,
    )
