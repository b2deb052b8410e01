"""What one client may ask for, in several workers that share a table."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.api.access.client_limits import ClientLimits, Leave, client_of
from service.api.access.client_table import PLACES, ClientTable
from service.errors import OverloadedError

ADDRESS = "192.0.2.7"
WORKERS = 3


class Clock:
    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., list[ClientLimits]]


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Make:
    """Make the limits of some workers that share a folder."""

    def make_limits(rate: float = 0.0, concurrency: int = 0) -> list[ClientLimits]:
        workers = [ClientLimits(rate=rate, concurrency=concurrency, clock=clock) for _ in range(3)]
        for number, worker in enumerate(workers):
            worker.join(tmp_path / "shared", workers=WORKERS, worker=number)
        return workers

    return make_limits


def refusal(limits: ClientLimits, name: str = "-", address: str = ADDRESS) -> OverloadedError:
    with pytest.raises(OverloadedError) as caught:
        limits.let_in(name, address)
    assert caught.value.reason == "client"
    assert address not in str(caught.value)
    return caught.value


def count_let_in(workers: list[ClientLimits], requests: int, **client: str) -> int:
    """Send so many requests, to each worker in turn. Return how many are let in."""
    whole = {"name": "-", "address": ADDRESS, **client}
    let_in = 0
    for number in range(requests):
        try:
            workers[number % len(workers)].let_in(**whole)
        except OverloadedError:
            continue
        let_in += 1
    return let_in


def test_without_limits_nobody_is_counted(make: Make) -> None:
    for limits in make():
        assert limits.let_in("-", ADDRESS) is None


def test_a_client_may_send_its_rate_whichever_workers_it_reaches(make: Make, clock: Clock) -> None:
    workers = make(rate=10.0)
    assert count_let_in(workers, 100) == 10
    for _ in range(50):
        clock.now += 0.1
        assert count_let_in(workers, 5) == 1
    clock.now += 60
    assert count_let_in(workers, 100) == 10


def test_who_waits_as_long_as_it_was_told_gets_in_and_not_before(make: Make, clock: Clock) -> None:
    for rate in (0.5, 3.0, 100.0):
        limits, *_ = make(rate=rate)
        count_let_in([limits], 200, address=f"192.0.2.{rate:.0f}")
        told = refusal(limits, address=f"192.0.2.{rate:.0f}").retry_after
        clock.now += told / 4
        refusal(limits, address=f"192.0.2.{rate:.0f}")
        clock.now += told * 3 / 4 + 1e-6
        assert limits.let_in("-", f"192.0.2.{rate:.0f}") is None


def test_one_clients_flood_is_not_anothers(make: Make) -> None:
    workers = make(rate=10.0)
    count_let_in(workers, 1000)
    for number in range(100):
        assert count_let_in(workers, 1, address=f"198.51.100.{number}") == 1
    assert count_let_in(workers, 1, name="mobile") == 1


def test_the_holder_of_a_key_is_one_client_wherever_it_comes_from(make: Make) -> None:
    workers = make(rate=10.0)
    assert sum(count_let_in(workers, 4, name="app", address=f"192.0.2.{n}") for n in range(9)) == 10
    assert count_let_in(workers, 4, name="other") == 4


def test_only_so_many_requests_of_a_client_are_in_progress_in_all_workers(make: Make) -> None:
    first, second, third = make(concurrency=3)
    leaves: list[Leave] = []
    for limits in (first, second, second):
        leave = limits.let_in("-", ADDRESS)
        assert leave is not None
        leaves.append(leave)
    refusal(third)
    assert third.let_in("-", "192.0.2.8") is not None
    leaves.pop()()
    assert third.let_in("-", ADDRESS) is not None
    refusal(first)


def test_a_worker_that_was_killed_leaves_no_requests_behind(
    make: Make, tmp_path: Path, clock: Clock
) -> None:
    first, second, _ = make(concurrency=2)
    for _ in range(2):
        first.let_in("-", ADDRESS)
    refusal(second)
    successor = ClientLimits(rate=0.0, concurrency=2, clock=clock)
    successor.join(tmp_path / "shared", workers=WORKERS, worker=0)
    assert second.let_in("-", ADDRESS) is not None


def test_the_table_never_grows_and_counts_end_at_none(tmp_path: Path) -> None:
    table = ClientTable(tmp_path, workers=1, worker=0)
    size = (tmp_path / "clients").stat().st_size
    places = [table.place(f"client {number}") for number in range(2 * PLACES)]
    for place in places:
        table.enter(place)
        table.set_time(place, 7.0)
    for place in places:
        assert table.count(place) >= 1
        table.leave(place)
    assert all(table.count(place) == 0 for place in places)
    assert (tmp_path / "clients").stat().st_size == size


def test_few_clients_are_mistaken_for_others(tmp_path: Path) -> None:
    """With a hundred busy clients, another is mistaken for one if both of its places are theirs."""
    table = ClientTable(tmp_path, workers=1, worker=0)
    for number in range(100):
        table.enter(table.place(f"busy {number}"))
    mistaken = sum(table.count(table.place(f"quiet {number}")) > 0 for number in range(10_000))
    assert mistaken < 50


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("fe80::1%eth0", "fe80::2%eth0", "fe81::1"),
    ],
)
def test_addresses_of_one_network_are_one_client(address: str, same: str, other: str) -> None:
    assert client_of("-", address) == client_of("-", same)
    assert client_of("-", address) != client_of("-", other)
