"""The rows that wait for a model, and which of them come next."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from service.errors import InferenceError, TridentError

Row = TypeVar("Row")
Answer = TypeVar("Answer")

_PENDING = InferenceError("The model gave no answer.")  # placeholder for a missing outcome
_TURNS: Final = 8  # requests that share a full batch, if there are so many


@dataclass(slots=True)
class Batched(Generic[Answer]):
    """The outcomes of a request's rows: an answer or an error for each, in their order.

    `queue` and `inference` are the seconds that its last rows waited, and that their batch ran.
    """

    outcomes: list[Answer | TridentError]
    queue: float = 0.0
    inference: float = 0.0


class Submission(Generic[Row, Answer]):
    """A request's rows, which may be spread over several batches."""

    __slots__ = ("deadline", "done", "enqueued", "missing", "result", "rows", "taken")

    def __init__(
        self, rows: Sequence[Row], done: "asyncio.Future[None]", deadline: float, now: float
    ) -> None:
        """Begin with no row taken; `deadline` and `now` are times of the batcher's clock."""
        self.rows = rows
        self.done = done
        self.deadline = deadline
        self.enqueued = now
        self.missing = len(rows)
        self.taken = 0
        """How many rows have left the queue, the first ones first."""
        self.result: Batched[Answer] = Batched([_PENDING] * len(rows))

    @property
    def waiting(self) -> int:
        """How many rows are still in the queue."""
        return len(self.rows) - self.taken

    def fail(self, error: TridentError) -> None:
        """Fail all of it, if it isn't answered yet."""
        if not self.done.done():
            self.done.set_exception(error)

    def settle(self, index: int, outcome: Answer | TridentError) -> None:
        """Keep the outcome of a row; it is answered when it has all of them."""
        self.result.outcomes[index] = outcome
        self.missing -= 1
        if self.missing == 0 and not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True, eq=False)
class Item(Generic[Row, Answer]):
    """A row of a batch, and where its answer belongs."""

    row: Row
    index: int
    request: Submission[Row, Answer]


class FairQueue(Generic[Row, Answer]):
    """Requests take turns: in each, a request gives at most an eighth of a batch.

    So a request of one row soon has its turn, however many rows others have. This is deficit round
    robin (M. Shreedhar and G. Varghese, "Efficient Fair Queuing Using Deficit Round Robin", 1996)
    with rows that all have the same size. While all that waits fits into one batch, and while each
    request has one row, rows leave in the order in which they came.
    """

    def __init__(self, batch_size: int) -> None:
        """Begin empty. A batch has at most `batch_size` rows."""
        self._requests: OrderedDict[Submission[Row, Answer], None] = OrderedDict()
        self._batch_size = batch_size
        self.turn: Final = max(1, batch_size // _TURNS)
        """Most rows that a request gives in one turn."""
        self.rows = 0
        """How many rows wait."""
        self.first_rows = 0
        """How many of them are taken before the first row of a request that comes now."""

    def add(self, request: Submission[Row, Answer]) -> None:
        """Put a request's rows behind the others."""
        self._requests[request] = None
        self._count(request, 1)

    def remove(self, request: Submission[Row, Answer]) -> int:
        """Remove the rows of a request that still wait. Return how many."""
        if request not in self._requests:
            return 0
        del self._requests[request]
        self._count(request, -1)
        return request.waiting

    def take(self, now: float) -> tuple[list[Item[Row, Answer]], list[Submission[Row, Answer]]]:
        """Return the next batch, and the requests that are removed since their deadline is over.

        `now` is the time of the batcher's clock.
        """
        batch: list[Item[Row, Answer]] = []
        expired = []
        turn = self._batch_size if self.rows <= self._batch_size else self.turn
        while self._requests and (room := self._batch_size - len(batch)):
            request, _ = self._requests.popitem(last=False)
            self._count(request, -1)
            if request.deadline <= now:
                expired.append(request)
                continue
            first = request.taken
            last = request.taken = first + min(request.waiting, turn, room)
            batch += [Item(request.rows[i], i, request) for i in range(first, last)]
            if request.waiting:
                self.add(request)
                if room < turn:  # its turn isn't over
                    self._requests.move_to_end(request, last=False)
        return batch, expired

    def take_all(self) -> list[Submission[Row, Answer]]:
        """Take all requests whose rows still wait."""
        requests = list(self._requests)
        self._requests.clear()
        self.rows = self.first_rows = 0
        return requests

    def _count(self, request: Submission[Row, Answer], sign: int) -> None:
        waiting = request.waiting
        self.rows += sign * waiting
        self.first_rows += sign * min(waiting, self.turn)
