"""The batcher: which rows share a batch, which never run, and in which order answers come."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.engine.batcher import Batcher
from service.engine.fair_queue import Batched
from service.errors import (
    DeadlineExceededError,
    InferenceError,
    NotReadyError,
    OverloadedError,
)
from tests.service.engine.watched_queue import PATIENCE, WatchedQueue


class Model:
    """A model that answers -row, holds each batch until it is let go, and fails on 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.seconds = 0.0  # how far the clock goes on with each batch
        self.now = 1000.0

    def predict(self, rows: Sequence[int]) -> list[int]:
        self.batches.append(list(rows))
        self.entered.release()
        assert self.go.acquire(timeout=PATIENCE)
        self.now += self.seconds
        if 13 in rows:
            raise ValueError("13 isn't a number that this model likes")
        return [-row for row in rows]

    def clock(self) -> float:
        return self.now

    def let_go(self, batches: int = 1) -> None:
        self.go.release(batches)

    async def busy(self) -> None:
        """Wait until the model has another batch in its hands."""
        assert await asyncio.to_thread(self.entered.acquire, timeout=PATIENCE)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def queue() -> WatchedQueue:
    return WatchedQueue()


MakeBatcher = Callable[..., Batcher[int, int]]


@pytest.fixture
async def make(model: Model, queue: WatchedQueue) -> AsyncIterator[MakeBatcher]:
    """Make batchers in front of the model; they are closed when the test ends."""
    batchers: list[Batcher[int, int]] = []

    def make_batcher(max_batch_size: int = 64, max_queue_size: int = 1000) -> Batcher[int, int]:
        batcher: Batcher[int, int] = Batcher(
            model.predict,
            executor=ThreadPoolExecutor(1),
            metrics=queue,
            max_batch_size=max_batch_size,
            max_queue_size=max_queue_size,
            clock=model.clock,
        )
        batchers.append(batcher)
        return batcher

    yield make_batcher
    model.let_go(1000)
    for batcher in batchers:
        await batcher.close()


def submit(
    batcher: Batcher[int, int], *rows: int, deadline: float = 1e6
) -> "asyncio.Task[Batched[int]]":
    return asyncio.create_task(batcher.submit(rows, deadline=deadline))


async def answer(task: "asyncio.Task[Batched[int]]") -> list[object]:
    async with asyncio.timeout(PATIENCE):
        return list((await task).outcomes)


async def test_a_single_row_runs_at_once(make: MakeBatcher, model: Model) -> None:
    model.let_go()
    assert await answer(submit(make(), 1)) == [-1]
    assert model.batches == [[1]]


async def test_no_rows_need_no_model(make: MakeBatcher, model: Model) -> None:
    assert await answer(submit(make())) == []
    assert model.batches == []


async def test_rows_that_come_while_the_model_works_share_a_batch(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make()
    first = submit(batcher, 1)
    await model.busy()
    others = [submit(batcher, row) for row in (2, 3, 4)]
    await queue.holds(3)
    model.let_go(2)
    assert [await answer(task) for task in (first, *others)] == [[-1], [-2], [-3], [-4]]
    assert model.batches == [[1], [2, 3, 4]]


async def test_no_batch_is_larger_than_the_limit(make: MakeBatcher, model: Model) -> None:
    batcher = make(max_batch_size=4)
    model.let_go(100)
    assert await answer(submit(batcher, *range(10))) == [-row for row in range(10)]
    assert [len(batch) for batch in model.batches] == [4, 4, 2]


async def test_submissions_share_batches_and_each_gets_its_own_answers_in_order(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make(max_batch_size=4)
    first = submit(batcher, 0)
    await model.busy()
    tasks = [submit(batcher, 1, 2, 3), submit(batcher, 4, 5, 6), submit(batcher, 7)]
    await queue.holds(7)
    model.let_go(100)
    assert [await answer(task) for task in tasks] == [[-1, -2, -3], [-4, -5, -6], [-7]]
    assert model.batches == [[0], [1, 4, 7, 2], [5, 6, 3]]
    assert await answer(first) == [0]


async def test_an_abandoned_row_is_never_computed(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make()
    first = submit(batcher, 1)
    await model.busy()
    abandoned, kept = submit(batcher, 2), submit(batcher, 3)
    await queue.holds(2)
    abandoned.cancel()
    await asyncio.wait([abandoned])
    model.let_go(2)
    assert await answer(kept) == [-3]
    assert await answer(first) == [-1]
    assert model.batches == [[1], [3]]
    assert abandoned.cancelled()


async def test_an_expired_row_is_never_computed(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make()
    first = submit(batcher, 1)
    await model.busy()
    expired, kept = submit(batcher, 2, deadline=1005.0), submit(batcher, 3, deadline=1015.0)
    await queue.holds(2)
    model.seconds = 10.0  # the clock will stand at 1010 when the next batch is taken
    model.let_go(2)
    assert await answer(kept) == [-3]
    with pytest.raises(DeadlineExceededError):
        await answer(expired)
    assert await answer(first) == [-1]
    assert model.batches == [[1], [3]]


async def test_a_caller_whose_deadline_passes_waits_no_longer(
    make: MakeBatcher, model: Model
) -> None:
    task = submit(make(), 1, deadline=1000.05)
    await model.busy()  # and nobody lets it go
    model.now += 1.0
    with pytest.raises(DeadlineExceededError):
        await answer(task)


async def test_a_failing_row_fails_alone(make: MakeBatcher, model: Model) -> None:
    model.let_go(100)
    outcomes = await answer(submit(make(), 12, 13, 14))
    assert (outcomes[0], outcomes[2]) == (-12, -14)
    assert isinstance(outcomes[1], InferenceError)
    assert "likes" not in str(outcomes[1])


async def test_a_failing_row_does_not_fail_the_next_batch(make: MakeBatcher, model: Model) -> None:
    batcher = make()
    model.let_go(100)
    assert isinstance((await answer(submit(batcher, 13)))[0], InferenceError)
    assert await answer(submit(batcher, 14)) == [-14]


async def test_a_full_queue_refuses_and_says_when_to_come_again(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make(max_batch_size=2, max_queue_size=6)
    model.seconds = 1.0
    running = [submit(batcher, 1, 2)]
    await model.busy()
    model.let_go()
    await answer(running[0])  # two rows in a second
    running.append(submit(batcher, 3, 4))
    await model.busy()
    waiting = submit(batcher, *range(5, 11))
    await queue.holds(6)
    with pytest.raises(OverloadedError) as caught:
        await answer(submit(batcher, 11))
    assert caught.value.reason == "queue"
    assert 1 <= caught.value.retry_after <= 2  # the next batch is taken in a second
    assert "try again" in str(caught.value)
    model.let_go(100)
    assert await answer(waiting) == [-row for row in range(5, 11)]
    assert await answer(submit(batcher, 11)) == [-11]


async def test_a_full_queue_has_a_guess_before_anything_was_measured(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make(max_queue_size=1)
    tasks = [submit(batcher, 1)]
    await model.busy()
    tasks.append(submit(batcher, 2))
    await queue.holds(1)
    with pytest.raises(OverloadedError) as caught:
        await answer(submit(batcher, 3))
    assert caught.value.retry_after > 0
    model.let_go(100)
    assert [await answer(task) for task in tasks] == [[-1], [-2]]


async def test_abandoned_rows_do_not_fill_the_queue_for_ever(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make(max_queue_size=2)
    first = submit(batcher, 1)
    await model.busy()
    abandoned = submit(batcher, 2, 3)
    await queue.holds(2)
    abandoned.cancel()
    await asyncio.wait([abandoned])
    model.let_go(100)
    await answer(first)
    assert await answer(submit(batcher, 4, 5)) == [-4, -5]


async def test_closing_finishes_what_runs_and_refuses_the_rest(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make()
    running = submit(batcher, 1)
    await model.busy()
    waiting = submit(batcher, 2)
    await queue.holds(1)
    closing = asyncio.create_task(batcher.close())
    with pytest.raises(NotReadyError):
        await answer(waiting)
    assert not closing.done()
    with pytest.raises(NotReadyError):
        await answer(submit(batcher, 3))
    model.let_go()
    assert await answer(running) == [-1]
    async with asyncio.timeout(PATIENCE):
        await closing
    assert model.batches == [[1]]


async def test_the_times_are_those_of_the_clock(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make()
    first = submit(batcher, 1)
    await model.busy()
    second = submit(batcher, 2)
    await queue.holds(1)
    model.seconds = 2.0
    model.let_go(2)
    batched = await second
    assert batched.queue == pytest.approx(2.0)
    assert batched.inference == pytest.approx(2.0)
    await first


async def test_a_batcher_that_gives_up_fails_the_batch_that_runs_and_refuses_the_rest(
    make: MakeBatcher, model: Model, queue: WatchedQueue
) -> None:
    batcher = make()
    assert batcher.running_call is None
    running = submit(batcher, 1, 2)
    await model.busy()
    call = batcher.running_call
    assert call is not None
    waiting = submit(batcher, 3)
    await queue.holds(1)
    batcher.give_up(DeadlineExceededError("it hangs"))
    with pytest.raises(DeadlineExceededError):
        await answer(running)
    with pytest.raises(NotReadyError):
        await answer(waiting)
    with pytest.raises(NotReadyError):
        await answer(submit(batcher, 4))
    assert batcher.running_call == call


async def test_each_call_of_the_model_has_a_number_of_its_own(
    make: MakeBatcher, model: Model
) -> None:
    """A batch that failed is run row by row: that takes long, but doesn't hang."""
    batcher = make()
    task = submit(batcher, 13, 1)
    numbers = set()
    for _ in range(3):  # the batch, and each of its rows
        await model.busy()
        numbers.add(batcher.running_call)
        model.let_go()
    await answer(task)
    assert len(numbers) == 3
