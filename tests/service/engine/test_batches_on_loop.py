"""Which batches run inline, on the event loop itself, and what else runs between them."""

import asyncio
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from service.engine.batcher import Batcher
from tests.service.engine.watched_queue import PATIENCE, WatchedQueue


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The event loop that the service runs on: it decides what happens between two batches."""
    policy: asyncio.AbstractEventLoopPolicy = uvloop.EventLoopPolicy()
    return policy


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

    async def have_run(self, batches: int) -> None:
        """Wait until the model has had so many batches."""
        async with asyncio.timeout(PATIENCE):
            while len(self.sizes) < batches:  # noqa: ASYNC110 - a thread may add to them
                await asyncio.sleep(0)


def make_batcher(
    threads: Threads,
    executor: ThreadPoolExecutor,
    seconds: float,
    queue: WatchedQueue | None = None,
) -> Batcher[str, str]:
    """A batcher that runs batches of up to so many seconds inline, unless a row is long."""
    return Batcher(
        threads.predict,
        executor=executor,
        metrics=queue or WatchedQueue(),
        max_batch_size=4,
        max_queue_size=100,
        max_inline_seconds=seconds,
        may_run_inline=lambda row: len(row) < 10,
    )


async def keep_asking(batcher: Batcher[str, str], times: int) -> None:
    """A client that sends its next request as soon as it has its answer, over a socket."""
    client, server = socket.socketpair()
    requests, serving = await asyncio.open_connection(sock=server)
    _, asking = await asyncio.open_connection(sock=client)
    for _ in range(times):
        asking.write(b"?")
        await requests.readexactly(1)
        await batcher.submit(["a"], deadline=time.monotonic() + 60)
    for end in (asking, serving):
        end.close()
        await end.wait_closed()


async def test_short_batches_run_on_the_event_loop_once_the_model_is_known_to_be_fast() -> None:
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = make_batcher(threads, executor, seconds=60.0)
        for rows in (["a"], ["b"], ["c", "d"]):
            answered = await batcher.submit(rows, deadline=time.monotonic() + 60)
            assert answered.outcomes == rows
    assert threads.on_loop == [False, True, True]


async def test_no_batch_runs_on_the_event_loop_that_would_hold_it_too_long() -> None:
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = make_batcher(threads, executor, seconds=0.0)
        for _ in range(3):
            await batcher.submit(["a"], deadline=time.monotonic() + 60)
    assert threads.on_loop == [False, False, False]


async def test_answers_of_the_thread_do_not_wait_for_a_batch_on_the_event_loop() -> None:
    threads, queue = Threads(), WatchedQueue()
    batches_when_answered: list[int] = []

    async def ask_slowly(batcher: Batcher[str, str]) -> None:
        await batcher.submit(["long" * 100], deadline=time.monotonic() + 60)
        batches_when_answered.append(len(threads.sizes))

    with ThreadPoolExecutor(1) as executor:
        batcher = make_batcher(threads, executor, 60.0, queue)
        await batcher.submit(["known"], deadline=time.monotonic() + 60)
        threads.may_go_on.clear()
        slow = asyncio.create_task(ask_slowly(batcher))
        await threads.have_run(2)
        quick = asyncio.create_task(batcher.submit(["quick"], deadline=time.monotonic() + 60))
        await queue.holds(1)
        threads.may_go_on.set()
        await asyncio.gather(slow, quick)
    assert threads.on_loop == [False, False, True]
    assert batches_when_answered == [2]


async def test_clients_that_ask_again_when_they_are_answered_share_a_batch() -> None:
    """Clients that came one after another don't stay in groups that wait for each other."""
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = make_batcher(threads, executor, seconds=60.0)
        await batcher.submit(["known"], deadline=time.monotonic() + 60)
        async with asyncio.TaskGroup() as callers:
            for batches in range(1, 5):
                callers.create_task(keep_asking(batcher, 10))
                await threads.have_run(1 + batches)
    assert threads.sizes.count(4) >= 6


async def test_rows_that_a_batch_left_over_wait_for_those_that_are_on_their_way() -> None:
    """With one client more than a batch has rows, not every other batch has a single row."""
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = make_batcher(threads, executor, seconds=60.0)
        await batcher.submit(["known"], deadline=time.monotonic() + 60)
        async with asyncio.TaskGroup() as callers:
            for _ in range(5):
                callers.create_task(keep_asking(batcher, 8))
    assert sum(threads.sizes) == 1 + 5 * 8
    assert len(threads.sizes) <= 12


async def test_other_tasks_run_between_batches_on_the_event_loop() -> None:
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = make_batcher(threads, executor, seconds=60.0)
        await batcher.submit(["first"], deadline=time.monotonic() + 60)
        many = asyncio.create_task(batcher.submit(["a"] * 12, deadline=time.monotonic() + 60))
        seen = set()
        while not many.done():
            seen.add(len(threads.sizes))
            await asyncio.sleep(0)
        seen.add(len(threads.sizes))
    assert threads.sizes == [1, 4, 4, 4]
    assert {2, 3, 4} <= seen


async def test_a_row_that_may_not_run_inline_never_runs_on_the_event_loop() -> None:
    """However fast the rows before it were: a huge text would stop everybody."""
    threads = Threads()
    with ThreadPoolExecutor(1) as executor:
        batcher = make_batcher(threads, executor, seconds=60.0)
        for rows in (["a"], ["b"], ["c", "long" * 100]):
            await batcher.submit(rows, deadline=time.monotonic() + 60)
    assert threads.on_loop == [False, True, False]
