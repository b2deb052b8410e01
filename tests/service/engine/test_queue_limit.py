"""How long a queue may be, and when those who are refused shall come again."""

import asyncio
import math

import pytest

from service.engine.fair_queue import FairQueue, Submission
from service.engine.queue_limit import QueueLimit
from service.errors import OverloadedError

BATCH = 8
NEVER = math.inf
PACE = 0.125  # seconds a row


class Worker:
    """A queue with its limit, and a model that takes `PACE` for each row, on a clock of its own."""

    def __init__(self, max_rows: int = 1000, max_seconds: float = 4.0) -> None:
        self.queue: FairQueue[int, int] = FairQueue(BATCH)
        self.limit = QueueLimit(
            self.queue, batch_size=BATCH, max_rows=max_rows, max_seconds=max_seconds
        )
        self.now = 100.0
        self.limit.pace = PACE

    def ask(self, rows: int = 1, deadline: float = NEVER) -> OverloadedError | None:
        """Send a request; return how it is refused, None if it is let in."""
        try:
            self.limit.check(rows, self.now, deadline)
        except OverloadedError as error:
            return error
        self.limit.let_in(rows)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.queue.add(Submission([0] * rows, done, NEVER, self.now))
        return None

    def run(self, seconds_per_row: float = PACE) -> int:
        """Run the next batch. Return its size."""
        batch, _ = self.queue.take(self.now)
        self.limit.took(len(batch), self.now)
        self.now += len(batch) * seconds_per_row
        if batch:
            self.limit.ran(len(batch), len(batch) * seconds_per_row)
        return len(batch)

    def fill(self) -> OverloadedError:
        """Send requests of one row until one is refused."""
        while (refusal := self.ask()) is None:
            pass
        return refusal


async def test_the_queue_is_as_long_as_its_rows_take_that_much_time() -> None:
    worker = Worker(max_seconds=4.0)
    assert worker.fill().reason == "queue"
    assert worker.queue.rows == pytest.approx(4.0 / PACE, abs=1)


async def test_a_full_batch_may_always_wait() -> None:
    """A model whose call takes long, with one row as with many, must be able to fill its calls."""
    worker = Worker(max_seconds=0.01)
    worker.fill()
    assert worker.queue.rows == BATCH


async def test_a_model_that_becomes_slow_has_a_shorter_queue_and_later_a_longer_one_again() -> None:
    worker = Worker(max_seconds=4.0)
    lengths = []
    for seconds_per_row in (PACE, 10 * PACE, PACE):
        for _ in range(100):
            worker.fill()
            worker.run(seconds_per_row)
        worker.fill()
        lengths.append(worker.queue.rows)
    assert lengths[0] == pytest.approx(4.0 / PACE, rel=0.1)
    assert lengths[1] == BATCH
    assert lengths[2] == pytest.approx(4.0 / PACE, rel=0.1)


async def test_the_number_of_rows_is_limited_too() -> None:
    worker = Worker(max_rows=20, max_seconds=60.0)
    assert worker.ask(21) is None  # into an empty queue everything may come
    worker.queue.take_all()
    worker.fill()
    assert worker.queue.rows == 20


async def test_what_a_request_of_many_rows_leaves_for_later_turns_keeps_nobody_out() -> None:
    worker = Worker(max_seconds=4.0)
    assert worker.ask(256) is None  # 32 s of work
    assert worker.ask(1) is None
    assert worker.ask(256) is None


async def test_who_waits_as_long_as_it_was_told_gets_in() -> None:
    worker = Worker(max_seconds=4.0)
    told = worker.fill().retry_after
    start = worker.now
    while worker.now < start + told:
        worker.run()
    assert worker.ask() is None


@pytest.mark.parametrize("refused", [1, 20, 40])
async def test_each_of_many_gets_in_when_it_was_told_and_most_do_not_at_a_quarter_of_that(
    refused: int,
) -> None:
    shares = {}
    for part in (1.0, 0.25):
        worker = Worker(max_seconds=4.0)
        worker.run()
        told = [worker.fill().retry_after for _ in range(refused)]
        start, came, let_in = worker.now, 0, 0
        for after in sorted(told):
            while worker.now < start + part * after:
                worker.run()
            came += 1
            let_in += worker.ask() is None
        shares[part] = let_in / came
    assert shares[1.0] == 1.0
    if refused > 1:
        assert shares[0.25] <= 0.5


async def test_nobody_is_told_to_wait_for_those_who_never_come() -> None:
    worker = Worker(max_seconds=4.0)
    worker.fill()
    told = [worker.fill().retry_after for _ in range(10_000)]
    assert max(told) <= told[0] + 10 + BATCH * PACE
    while worker.run():
        pass
    assert worker.fill().retry_after == pytest.approx(told[0], abs=2 * BATCH * PACE)


async def test_a_request_whose_deadline_cannot_be_met_is_refused_at_once() -> None:
    worker = Worker(max_seconds=60.0)
    assert worker.ask(1, deadline=worker.now + 0.01) is None  # nothing waits
    assert worker.ask(40) is None
    refusal = worker.ask(40, deadline=worker.now + 2)
    assert refusal is not None
    assert refusal.reason == "deadline"
    assert worker.ask(40, deadline=worker.now + 10) is None


async def test_before_the_first_batch_only_the_rows_are_limited() -> None:
    worker = Worker(max_rows=50, max_seconds=0.1)
    worker.limit.pace = math.inf
    assert worker.fill().retry_after == 1.0
    assert worker.queue.rows == 50


async def test_small_batches_say_little_about_full_ones() -> None:
    """A call of this model takes two seconds, with one row as with many."""
    worker = Worker(max_seconds=0.25)
    worker.limit.pace = math.inf
    for _ in range(20):
        assert worker.ask() is None
        worker.run(2.0)
    assert 2.0 / BATCH <= worker.limit.pace <= 2.0
    worker.fill()
    assert worker.queue.rows == BATCH
    for _ in range(10):
        worker.fill()
        worker.run(2.0 / BATCH)
    assert worker.limit.pace == pytest.approx(2.0 / BATCH, rel=0.2)


async def test_a_deadline_that_the_next_batch_meets_refuses_nobody() -> None:
    worker = Worker(max_seconds=60.0)
    worker.limit.pace = 2.0
    for _ in range(BATCH - 1):
        assert worker.ask() is None
    assert worker.ask(deadline=worker.now + 1.0) is None
    refusal = worker.ask(deadline=worker.now + 1.0)
    assert refusal is not None
    assert refusal.reason == "deadline"
