"""The plan: the cheapest steps for a batch, by made-up times."""

import math

import pytest

from service.core.planning import Plan, Step, join_groups


def learned(*times: tuple[int, float, float | None]) -> Plan:
    plan = Plan(64)
    for size, plain, compiled in times:
        plan.learn(size, plain=plain, compiled=compiled)
    return plan


def test_all_runs_plain_before_anything_is_measured() -> None:
    assert Plan(64).steps(7) == [Step(7, None)]
    assert Plan(64).seconds(7) == math.inf


@pytest.mark.parametrize(
    ("rows", "steps"),
    [
        (1, [Step(1, 1)]),
        (2, [Step(2, 4)]),  # a padded call costs less than two
        (5, [Step(1, 1), Step(4, 4)]),
        (16, [Step(16, 16)]),
        (15, [Step(15, 16)]),
        (33, [Step(1, 1), Step(16, 16), Step(16, 16)]),
    ],
)
def test_a_batch_is_run_by_the_cheapest_mix_of_programs(rows: int, steps: list[Step]) -> None:
    plan = learned((1, 100.0, 2.0), (4, 100.0, 3.0), (16, 100.0, 6.0))
    found = plan.steps(rows)
    assert sorted(found, key=lambda step: step.rows) == steps
    assert plan.seconds(rows) == {1: 2.0, 4: 3.0, 16: 6.0}[steps[-1].size or 0] + sum(
        {1: 2.0, 4: 3.0, 16: 6.0}[step.size or 0] for step in steps[:-1]
    )


def test_what_a_plain_call_takes_is_read_off_the_line_between_and_beyond_the_sizes() -> None:
    plan = learned((1, 1.0, None), (4, 4.0, None), (16, 28.0, None))
    assert [plan.seconds(rows) for rows in (1, 3, 4, 10, 16, 20)] == [1, 3, 4, 16, 28, 36]
    assert plan.steps(20) == [Step(20, None)]


def test_a_small_rest_may_run_compiled_beside_a_plain_call_no_more_than_it_pays() -> None:
    plan = learned((1, 5.0, 1.0), (4, 6.0, None))
    assert plan.steps(1) == [Step(1, 1)]
    assert plan.steps(2) == [Step(1, 1), Step(1, 1)]
    assert plan.steps(40) == [Step(40, None)]


def test_a_larger_program_that_seems_faster_is_not_taken_for_less() -> None:
    assert learned((1, 9.0, 2.0), (4, 9.0, 1.0)).steps(1) == [Step(1, 1)]


def test_a_batch_beyond_the_plan_runs_plain() -> None:
    assert learned((1, 9.0, 1.0)).steps(65) == [Step(65, None)]


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
