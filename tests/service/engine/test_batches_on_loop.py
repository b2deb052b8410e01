"""Which batches run on the event loop itself, and what has its turn between them."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from service.engine.batcher import Batcher
from service.telemetry.metrics import ModelMetrics

PATIENCE = 10.0  # seconds that a test waits for what must happen


class Threads:
    """A model that takes no time, and tells in which thread each of its batches ran."""

    def __init__(self) -> None:
        self.on_loop: list[bool] = []
        self.sizes: list[int] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._loop_thread = threading.get_ident()

    def predict(self, rows: Sequence[str]) -> list[str]:
        self.on_loop.append(threading.get_ident() == self._loop_thread)
        self.sizes.append(len(rows))
        assert self.may_go_on.wait(PATIENCE)
        return list(rows)


def holding(threads: Threads, executor: ThreadPoolExecutor, seconds: float) -> Batcher[str, str]:
    """A batcher whose batches may hold the event loop for so long."""
    return Batcher(
        threads.predict,
        executor=executor,
        metrics=ModelMetrics("holding", 1),
        max_batch_size=4,
        max_queue_size=100,
        max_inline_seconds=seconds,
        may_run_inline=lambda row: len(row) < 10,
    )


async def keep_asking(batcher: Batcher[str, str], times: int) -> None:
    """A client that sends its next request as soon as it has its answer."""
    for _ in range(times):
        await batcher.submit(["a"], deadline=time.monotonic() + 60)
        await asyncio.sleep(0)  # the answer travels, ...
        await asyncio.sleep(0)  # ... and the next request


async def test_short_batches_run_on_the_event_loop_once_the_model_is_known_to_be_quick() -> None:
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = holding(threads, executor, seconds=60.0)
        for rows in (["a"], ["b"], ["c", "d"]):
            answered = await batcher.submit(rows, deadline=time.monotonic() + 60)
            assert answered.outcomes == rows
    assert threads.on_loop == [False, True, True]


async def test_no_batch_runs_on_the_event_loop_that_would_hold_it_too_long() -> None:
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = holding(threads, executor, seconds=0.0)
        for _ in range(3):
            await batcher.submit(["a"], deadline=time.monotonic() + 60)
    assert threads.on_loop == [False, False, False]


async def test_answers_of_the_thread_do_not_wait_for_a_batch_on_the_event_loop() -> None:
    threads = Threads()
    batches_when_answered: list[int] = []

    async def ask_slowly(batcher: Batcher[str, str]) -> None:
        await batcher.submit(["long" * 100], deadline=time.monotonic() + 60)
        batches_when_answered.append(len(threads.sizes))

    with ThreadPoolExecutor(1) as executor:
        batcher = holding(threads, executor, seconds=60.0)
        await batcher.submit(["known"], deadline=time.monotonic() + 60)
        threads.may_go_on.clear()
        slow = asyncio.create_task(ask_slowly(batcher))
        while len(threads.sizes) < 2:  # noqa: ASYNC110 - it is the executor's doing
            await asyncio.sleep(0.001)
        quick = asyncio.create_task(batcher.submit(["quick"], deadline=time.monotonic() + 60))
        await asyncio.sleep(0)
        threads.may_go_on.set()
        await asyncio.gather(slow, quick)
    assert threads.on_loop == [False, False, True]
    assert batches_when_answered == [2]


async def test_those_who_ask_anew_when_they_are_answered_share_a_batch() -> None:
    """Callers that come one after another don't stay in groups that wait for each other."""
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = holding(threads, executor, seconds=60.0)
        await batcher.submit(["known"], deadline=time.monotonic() + 60)
        async with asyncio.TaskGroup() as callers:
            for turn in range(4):
                callers.create_task(keep_asking(batcher, 10 - turn))
                await asyncio.sleep(0)
    assert threads.sizes.count(4) >= 6


async def test_what_a_batch_left_over_goes_with_those_who_ask_anew() -> None:
    """One caller more than a batch holds mustn't make every other batch one of a single row."""
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = holding(threads, executor, seconds=60.0)
        await batcher.submit(["known"], deadline=time.monotonic() + 60)
        async with asyncio.TaskGroup() as callers:
            for _ in range(5):
                callers.create_task(keep_asking(batcher, 8))
    assert sum(threads.sizes) == 1 + 5 * 8
    assert len(threads.sizes) <= 12


async def test_others_have_a_turn_between_batches_on_the_event_loop() -> None:
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = holding(threads, executor, seconds=60.0)
        await batcher.submit(["first"], deadline=time.monotonic() + 60)
        many = asyncio.create_task(batcher.submit(["a"] * 12, deadline=time.monotonic() + 60))
        turns = []
        while not many.done():
            await asyncio.sleep(0)
            turns.append(len(threads.sizes))
    assert threads.sizes == [1, 4, 4, 4]
    assert {2, 3, 4} <= set(turns)


async def test_a_row_that_is_not_quick_never_runs_on_the_event_loop() -> None:
    """However quick the rows before it were: a huge text would stop everybody."""
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = holding(threads, executor, seconds=60.0)
        for rows in (["a"], ["b"], ["c", "long" * 100]):
            await batcher.submit(rows, deadline=time.monotonic() + 60)
    assert threads.on_loop == [False, True, False]
