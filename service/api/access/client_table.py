"""What the workers of a service know together of its clients, in memory that they share.

The table has a fixed size, however many clients there are. Each client has two places in it, which
a keyed hash chooses, and shares each of them with others. What is true of the place with less to
say is taken for true of the client: so a client is mistaken for busy only if both of its places
belong to busy ones (a count-min sketch: G. Cormode and S. Muthukrishnan, 2005).

Two workers that change a place at the same moment may lose one of the changes. Then a client sends
a request more than it may, once.
"""

import mmap
import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

PLACES: Final = 16_384
"""Places of the table."""

_BYTES: Final = 8  # of each figure

Place = tuple[int, int]
"""The two places of a client."""


class ClientTable:
    """Times and counts of clients. Those of a worker that ends leave with it."""

    def __init__(self, folder: Path | None, *, workers: int, worker: int) -> None:
        """Join the table as a worker, without any request in progress.

        Args:
            folder: where the workers find each other's; None if there is only this one.
            workers: how many workers there are.
            worker: the number of this one; they are numbered in a row.
        """
        size = _BYTES * PLACES * (1 + workers)
        page = memoryview(_map(folder / "clients", size) if folder else mmap.mmap(-1, size))
        self._key = os.urandom(32) if folder is None else str(folder).encode()[-64:]
        ends = [_BYTES * PLACES * part for part in range(2 + workers)]
        self._times = page[: ends[1]].cast("d")
        self._counts = [page[ends[1 + w] : ends[2 + w]].cast("Q") for w in range(workers)]
        self._own = self._counts[worker % workers]
        self._own[:] = memoryview(bytes(_BYTES * PLACES)).cast("Q")

    def place(self, client: str) -> Place:
        """Return where a client is in the table."""
        digest = blake2b(client.encode(), digest_size=8, key=self._key).digest()
        first, second = int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big")
        return first % PLACES, second % PLACES

    def time(self, place: Place) -> float:
        """Return the time that was set for a client, or an earlier one; 0 if there is none."""
        first, second = place
        return min(self._times[first], self._times[second])

    def set_time(self, place: Place, time: float) -> None:
        """Set the time of a client."""
        for at in place:
            self._times[at] = max(self._times[at], time)

    def count(self, place: Place) -> int:
        """Return how many requests of a client are in progress, in all workers."""
        first, second = place
        counts = self._counts
        return min(sum([each[first] for each in counts]), sum([each[second] for each in counts]))

    def enter(self, place: Place) -> None:
        """Count a request that begins in this worker."""
        for at in set(place):
            self._own[at] += 1

    def leave(self, place: Place) -> None:
        """Count a request that ends in this worker."""
        for at in set(place):
            self._own[at] -= 1


def _map(path: Path, size: int) -> mmap.mmap:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Written, not only lengthened: on a full disk this is an error here, not a crash later.
        missing = size - os.fstat(descriptor).st_size
        if missing > 0:
            os.pwrite(descriptor, bytes(missing), size - missing)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
