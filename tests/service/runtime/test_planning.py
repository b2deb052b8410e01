"""The plan: the fastest steps for a batch, with invented times."""

import math

import pytest

from service.runtime.planning import Plan, Step, join_groups


def learned(*times: tuple[int, float, float | None]) -> Plan:
    plan = Plan(64)
    for size, seconds_plain, seconds_compiled in times:
        plan.learn(size, plain=seconds_plain, compiled=seconds_compiled)
    return plan


def plain(rows: int, size: int | None = None) -> Step:
    return Step(rows, size or rows, compiled=False)


def compiled(rows: int, size: int | None = None) -> Step:
    return Step(rows, size or rows, compiled=True)


def test_all_runs_plain_before_anything_is_measured() -> None:
    assert Plan(64).steps(7) == [plain(7)]
    assert Plan(64).steps(9) == [plain(9, 10)]
    assert Plan(64).seconds(7) == math.inf


@pytest.mark.parametrize(
    ("rows", "steps"),
    [
        (1, [compiled(1)]),
        (2, [compiled(2, 4)]),  # a padded call costs less than two
        (5, [compiled(1), compiled(4)]),
        (16, [compiled(16)]),
        (15, [compiled(15, 16)]),
        (33, [compiled(1), compiled(16), compiled(16)]),
    ],
)
def test_a_batch_is_run_by_the_cheapest_mix_of_programs(rows: int, steps: list[Step]) -> None:
    plan = learned((1, 100.0, 2.0), (4, 100.0, 3.0), (16, 100.0, 6.0))
    found = plan.steps(rows)
    assert sorted(found, key=lambda step: step.rows) == steps
    assert plan.seconds(rows) == sum({1: 2.0, 4: 3.0, 16: 6.0}[step.size] for step in steps)
    assert plan.plain_sizes() == []


def test_what_a_plain_call_takes_is_read_off_the_line_between_and_beyond_the_sizes() -> None:
    plan = learned((1, 1.0, None), (4, 4.0, None), (16, 28.0, None))
    assert [plan.seconds(rows) for rows in (1, 3, 4, 10, 16, 20)] == [1, 3, 4, 16, 28, 36]
    assert plan.steps(20) == [plain(20)]


@pytest.mark.parametrize("most", [1, 3, 50, 64])
def test_plain_calls_come_in_few_sizes_and_little_padding(most: int) -> None:
    plan = Plan(most)
    for rows in range(1, most + 1):
        [step] = plan.steps(rows)
        assert (step.rows, step.compiled) == (rows, False)
        assert rows <= step.size < max(1.25 * rows, rows + 1)
        assert step.size <= most
    assert plan.plain_sizes()[-1] == most
    assert len(plan.plain_sizes()) <= 20


def test_a_row_more_than_a_plain_size_runs_compiled_where_padding_costs_more() -> None:
    plan = learned((1, 10.0, 3.0), (4, 13.0, None))
    assert plan.steps(33) == [compiled(1), plain(32)]
    assert plan.steps(39) == [plain(39, 40)]
    assert {32, 40} < set(plan.plain_sizes())


def test_a_small_rest_may_run_compiled_beside_a_plain_call_no_more_than_it_pays() -> None:
    plan = learned((1, 5.0, 1.0), (4, 6.0, None))
    assert plan.steps(1) == [compiled(1)]
    assert plan.steps(2) == [compiled(1), compiled(1)]
    assert plan.steps(40) == [plain(40)]


def test_a_larger_program_that_seems_faster_is_not_taken_for_less() -> None:
    assert learned((1, 9.0, 2.0), (4, 9.0, 1.0)).steps(1) == [compiled(1)]


def test_a_batch_beyond_the_plan_runs_plain() -> None:
    assert learned((1, 9.0, 1.0)).steps(65) == [plain(65)]


def linear(overhead: float, *lengths: float) -> list[tuple[int, int]]:
    return join_groups([4, 0, 2, 1], lambda rows, group: overhead + rows * lengths[group])


def test_groups_stay_apart_where_calls_are_cheap() -> None:
    assert linear(0.1, 1, 2, 3, 9) == [(0, 1), (2, 3), (3, 4)]


def test_groups_are_joined_where_a_call_costs_more_than_the_padding() -> None:
    assert linear(9, 1, 2, 3, 9) == [(0, 3), (3, 4)]
    assert linear(100, 1, 2, 3, 9) == [(0, 4)]


def test_groups_stay_apart_as_long_as_nothing_is_known() -> None:
    assert join_groups([4, 0, 2], lambda rows, group: math.inf) == [(0, 1), (2, 3)]


def test_only_groups_with_rows_are_run() -> None:
    assert join_groups([0, 3, 0], lambda rows, group: 1.0) == [(1, 2)]
    assert join_groups([0, 0], lambda rows, group: 1.0) == []
