"""The account of bytes: who is let in, who waits, and that everything comes back."""

import asyncio
import random

import pytest

from service import admission
from service.admission import SMALL, Account, Reservation, Stage
from service.errors import OverloadedError


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def taking(stage: Stage, *sizes: int) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(stage.take(size)) for size in sizes]


async def test_no_more_is_taken_than_there_is_room_for() -> None:
    stage = Stage(100)
    assert stage.try_take(60)
    assert stage.try_take(40)
    assert not stage.try_take(1)
    assert stage.try_take(0)
    stage.give_back(40)
    assert (stage.try_take(41), stage.try_take(39), stage.used) == (False, True, 99)


async def test_what_is_larger_than_all_the_room_goes_alone() -> None:
    stage = Stage(100)
    assert stage.try_take(500)
    assert not stage.try_take(1)
    stage.give_back(500)
    assert stage.try_take(1)
    assert not stage.try_take(500)


async def test_those_who_wait_are_let_in_in_their_order() -> None:
    stage = Stage(100)
    await stage.take(100)
    first, second, third = taking(stage, 80, 30, 10)
    await settle()
    stage.give_back(50)
    await settle()
    assert not stage.try_take(1), "nobody overtakes"
    assert not any(task.done() for task in (first, second, third))
    stage.give_back(50)
    await settle()
    assert [task.done() for task in (first, second, third)] == [True, False, False]
    stage.give_back(80)
    await settle()
    assert stage.used == 40
    assert second.done()
    assert third.done()


async def test_one_who_gives_up_makes_way_and_keeps_nothing() -> None:
    stage = Stage(100)
    await stage.take(90)
    large, small = taking(stage, 50, 10)
    await settle()
    large.cancel()
    await settle()
    assert small.done()
    assert stage.used == 100
    late, other = taking(stage, 20, 30)
    await settle()
    stage.give_back(50)  # both get their bytes, and one is cancelled before it knows
    late.cancel()
    await settle()
    assert late.cancelled()
    assert other.done()
    assert stage.used == 80


async def test_too_many_may_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_MAX_WAITING", 3)
    stage = Stage(100)
    await stage.take(100)
    waiting = taking(stage, 1, 1, 1)
    await settle()
    with pytest.raises(OverloadedError) as caught:
        await stage.take(1)
    assert caught.value.retry_after > 0
    stage.give_back(100)
    await asyncio.gather(*waiting)
    await stage.take(1)


async def test_any_course_of_events_ends_with_an_empty_account() -> None:
    source = random.Random(5)
    account = Account(64 * SMALL)

    async def request() -> None:
        reservation = Reservation(account)
        try:
            await reservation.reserve(source.randrange(1, SMALL))
            await asyncio.sleep(source.random() / 500)
            await reservation.reserve(source.randrange(1, 40 * SMALL))
            async with asyncio.timeout(source.random() / 100):
                await account.decoding.take(size := source.randrange(10 * SMALL))
                account.decoding.give_back(size)
            reservation.shrink(source.randrange(1, SMALL))
        except (TimeoutError, OverloadedError):
            pass
        finally:
            reservation.release()

    tasks = [asyncio.create_task(request()) for _ in range(500)]
    for task in source.sample(tasks, 100):
        await asyncio.sleep(0.001)
        task.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert account.used == 0


async def test_a_small_body_does_not_wait_behind_large_ones() -> None:
    account = Account(64 * SMALL)
    large, waiting, small = (Reservation(account) for _ in range(3))
    assert large.try_reserve(32 * SMALL)
    task = asyncio.create_task(waiting.reserve(2 * SMALL))
    await settle()
    assert small.try_reserve(SMALL)
    assert not task.done()
    large.release()
    await task
    assert account.used == 3 * SMALL
