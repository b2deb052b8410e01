"""Reading bodies: which ones wait for memory, how long, and which are never read."""

import asyncio
import gzip
from collections.abc import Sequence
from typing import Any

import pytest

from service.admission import SMALL, Account, Reservation, Stage
from service.api.reading.body import BodyReader
from service.errors import (
    AbandonedError,
    OverloadedError,
    TooLargeError,
    TridentError,
    UnsupportedMediaTypeError,
)
from service.transport.http1.request import HttpRequest

LIMIT = 4 * SMALL
GONE = None


class Sender:
    """A client's body in parts, of which the last may be that the client is `GONE`."""

    def __init__(self, parts: Sequence[bytes | None], **headers: str) -> None:
        self._parts = list(parts)
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.request = HttpRequest("/classify", named, {}, self.receive)
        self.is_read = False

    async def receive(self) -> dict[str, Any]:
        self.is_read = True
        await asyncio.sleep(0)
        part = self._parts.pop(0)
        if part is GONE:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(self._parts)}


@pytest.fixture
def account() -> Account:
    """An account with memory for two of the largest bodies."""
    account = Account(4 * LIMIT)
    account.large_bodies = Stage(2 * LIMIT)
    return account


async def read(
    sender: Sender, reservation: Reservation, growth: int = 1, patience: float = 60
) -> bytes:
    reader = BodyReader(LIMIT, patience)
    body = await reader.read(sender.request, reservation, growth)
    return await reader.decode(body, sender.request, reservation, growth)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def declared(size: int) -> dict[str, str]:
    return {"content_length": str(size)}


async def test_a_body_is_held_until_its_request_has_ended(account: Account) -> None:
    for size in (0, 1, SMALL, SMALL + 1, LIMIT):
        for headers in (declared(size), {}):
            for parts in ([bytes(size)], [b"", bytes(size // 3), bytes(size - size // 3), b""]):
                reservation = Reservation(account)
                assert await read(Sender(parts, **headers), reservation) == bytes(size)
                assert account.used == reservation.size == size
                reservation.release()
                assert account.used == 0


async def test_a_text_is_held_at_the_size_that_it_can_have(account: Account) -> None:
    reservation = Reservation(account)
    await read(Sender([bytes(1000)], **declared(1000)), reservation, growth=4)
    assert account.used == 4000


async def test_nothing_is_read_while_there_is_no_room(account: Account) -> None:
    reservations = [Reservation(account) for _ in range(4)]
    senders = [Sender([bytes(LIMIT)], **declared(LIMIT)) for _ in reservations]
    tasks = [
        asyncio.create_task(read(sender, reservation))
        for sender, reservation in zip(senders, reservations, strict=True)
    ]
    await settle()
    assert [sender.is_read for sender in senders] == [True, True, False, False]
    small = Sender([bytes(SMALL)], **declared(SMALL))
    assert await read(small, Reservation(account)) == bytes(SMALL)
    reservations[1].release()
    await settle()
    assert [sender.is_read for sender in senders] == [True, True, True, False]
    tasks[3].cancel()
    reservations[0].release()
    await asyncio.wait(tasks)
    assert not senders[3].is_read
    assert account.used == LIMIT + SMALL


async def test_a_body_waits_no_longer_than_it_may(account: Account) -> None:
    account.large_bodies = Stage(LIMIT)
    assert account.large_bodies.try_take(LIMIT)
    for headers in (declared(LIMIT), {"content_encoding": "gzip", **declared(SMALL)}):
        late = Sender([bytes(LIMIT)], **headers)
        with pytest.raises(OverloadedError) as caught:
            await read(late, Reservation(account), patience=0.05)
        assert caught.value.retry_after > 0
        assert not late.is_read
    assert account.used == LIMIT


async def test_a_body_of_unknown_length_is_small_until_it_proves_large(account: Account) -> None:
    account.large_bodies = Stage(LIMIT)
    assert account.large_bodies.try_take(LIMIT)
    assert await read(Sender([bytes(1000)]), Reservation(account)) == bytes(1000)
    large = Sender([bytes(SMALL)] * 3)
    reservation = Reservation(account)
    task = asyncio.create_task(read(large, reservation))
    await settle()
    assert not task.done()
    assert len(large._parts) == 2
    account.large_bodies.give_back(LIMIT)
    assert await task == bytes(3 * SMALL)
    assert reservation.size == 3 * SMALL


async def test_what_cannot_be_taken_is_refused_and_holds_nothing(account: Account) -> None:
    refusals: list[tuple[Sender, type[TridentError], bool]] = [
        (Sender([b"x"], **declared(LIMIT + 1)), TooLargeError, False),
        (Sender([b"x"], content_encoding="br", **declared(1)), UnsupportedMediaTypeError, False),
        (Sender([bytes(LIMIT), b"x"]), TooLargeError, True),
        (Sender([b"x", GONE], **declared(9)), AbandonedError, True),
        (Sender([GONE], **declared(9)), AbandonedError, True),
    ]
    for sender, error, is_read in refusals:
        reservation = Reservation(account)
        with pytest.raises(error):
            await read(sender, reservation)
        assert sender.is_read == is_read
        reservation.release()
    assert account.used == 0


async def test_what_a_compressed_body_can_become_is_held(account: Account) -> None:
    content = bytes(LIMIT)
    body = gzip.compress(content)
    sender, reservation = Sender([body], content_encoding="gzip", **declared(len(body))), None
    reservation = Reservation(account)
    raw = await BodyReader(LIMIT, 60).read(sender.request, reservation, 1)
    assert account.used >= 2 * LIMIT
    assert await BodyReader(LIMIT, 60).decode(raw, sender.request, reservation, 1) == content
    assert account.used == LIMIT
