"""Refusals are sent at once while they are few, and all of them in the end."""

import asyncio

from service.transport.refusal_pacer import RefusalPacer


async def sending(sent: list[int], count: int) -> None:
    """Wait until so many have been sent."""
    async with asyncio.timeout(30):
        while len(sent) < count:  # noqa: ASYNC110 - the pacer knows no event for it
            await asyncio.sleep(0.01)


async def test_a_few_refusals_are_sent_at_once() -> None:
    sent: list[int] = []
    pacer = RefusalPacer()
    for number in range(10):
        pacer.send(lambda number=number: sent.append(number))  # type: ignore[misc]
    assert sent == list(range(10))


async def test_many_are_sent_in_turn_and_none_is_forgotten() -> None:
    sent: list[int] = []
    pacer = RefusalPacer()
    for number in range(3000):
        pacer.send(lambda number=number: sent.append(number))  # type: ignore[misc]
    assert len(sent) < 100
    await sending(sent, 3000)
    assert sent == list(range(3000))


async def test_after_a_flood_refusals_are_sent_at_once_again() -> None:
    sent: list[int] = []
    pacer = RefusalPacer()
    for number in range(100):
        pacer.send(lambda number=number: sent.append(number))  # type: ignore[misc]
    await sending(sent, 100)
    await asyncio.sleep(0.1)
    pacer.send(lambda: sent.append(-1))
    assert sent[-1] == -1
