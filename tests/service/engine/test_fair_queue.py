"""Which rows share a batch when more wait than fit into one."""

import asyncio
import math
import random
from collections import Counter

import pytest

from service.engine.fair_queue import FairQueue, Submission

BATCH = 16
TURN = 2

Request = Submission[str, str]


def add(queue: FairQueue[str, str], name: str, rows: int, deadline: float = math.inf) -> Request:
    """Add a request whose rows are called a0, a1 ..."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    request: Request = Submission([f"{name}{i}" for i in range(rows)], done, deadline, 0.0)
    queue.add(request)
    return request


def take(queue: FairQueue[str, str]) -> list[str]:
    """Take a batch; its rows must be those that they are said to be."""
    batch, _ = queue.take(0.0)
    for item in batch:
        assert item.request.rows[item.index] == item.row
    return [item.row for item in batch]


async def test_rows_leave_in_their_order_if_all_fit_into_a_batch() -> None:
    queue: FairQueue[str, str] = FairQueue(BATCH)
    for name, rows in (("a", 10), ("b", 1), ("c", 5)):
        add(queue, name, rows)
    assert take(queue) == [f"a{i}" for i in range(10)] + ["b0"] + [f"c{i}" for i in range(5)]
    assert take(queue) == []


async def test_requests_of_one_row_leave_in_their_order() -> None:
    queue: FairQueue[str, str] = FairQueue(BATCH)
    for number in range(3 * BATCH):
        add(queue, f"{number}-", 1)
    assert [row for _ in range(3) for row in take(queue)] == [f"{n}-0" for n in range(3 * BATCH)]


async def test_a_request_of_one_row_has_its_turn_soon_beside_large_ones() -> None:
    queue: FairQueue[str, str] = FairQueue(BATCH)
    for name in "abcd":
        add(queue, name, 1000)
    take(queue)
    for _ in range(20):
        add(queue, "single", 1)
        assert "single0" in take(queue)


async def test_large_requests_share_the_batches_evenly_and_fill_them() -> None:
    queue: FairQueue[str, str] = FairQueue(BATCH)
    for name in "abc":
        add(queue, name, 300)
    rows = [row for _ in range(30) for row in take(queue)]
    assert len(rows) == 30 * BATCH
    counts = Counter(row[0] for row in rows)
    assert max(counts.values()) - min(counts.values()) <= 2 * TURN


async def test_every_row_leaves_once_and_those_of_a_request_in_their_order() -> None:
    draw = random.Random(7)
    queue: FairQueue[str, str] = FairQueue(BATCH)
    sizes, taken, gone = {}, [], set()
    for number in range(400):
        name, size = f"{number}-", draw.choice((1, 1, 2, 17, 256))
        sizes[name] = size
        request = add(queue, name, size)
        if draw.random() < 0.1:
            assert queue.remove(request) == size
            assert queue.remove(request) == 0
            gone.add(name)
        if draw.random() < 0.7:
            taken += take(queue)
    while batch := take(queue):
        taken += batch
    for name, size in sizes.items():
        mine = [row for row in taken if row.startswith(name)]
        assert mine == ([] if name in gone else [f"{name}{i}" for i in range(size)])
    assert (queue.rows, queue.first_rows) == (0, 0)


async def test_requests_that_are_over_are_removed_and_reported() -> None:
    queue: FairQueue[str, str] = FairQueue(BATCH)
    over, kept = add(queue, "a", 3, deadline=5.0), add(queue, "b", 1)
    batch, expired = queue.take(5.0)
    assert [item.request for item in batch] == [kept]
    assert expired == [over]
    assert (queue.rows, over.waiting) == (0, 3)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (100, 1), (100, 100, 3)])
async def test_it_knows_how_many_rows_come_before_a_new_requests_first(
    sizes: tuple[int, ...],
) -> None:
    queue: FairQueue[str, str] = FairQueue(BATCH)
    for number, size in enumerate(sizes):
        add(queue, f"{number}-", size)
    expected = queue.first_rows
    add(queue, "new", 1)
    rows: list[str] = []
    while "new0" not in rows:
        rows += take(queue)
    if sum(sizes) > BATCH:
        assert rows.index("new0") == expected
