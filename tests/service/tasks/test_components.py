"""Parts and runs of a mask, compared with a simple labelling from pixel to pixel."""

import numpy as np
import pytest

from service.tasks.preprocessing.framing.components import components
from service.tasks.preprocessing.framing.masks import Mask, bounds, runs, spread, stroke_width

SHAPES = [(1, 1), (1, 40), (40, 1), (23, 31), (60, 60)]
SHARES = [0.0, 0.1, 0.4, 0.6, 0.95, 1.0]


def _mask(shape: tuple[int, int], share: float) -> Mask:
    return np.asarray(np.random.default_rng([*shape, int(100 * share)]).random(shape) < share)


def _parts(mask: Mask) -> set[frozenset[tuple[int, int]]]:
    """Return each part as the set of its pixels: walked to from neighbour to neighbour."""
    left = set(map(tuple, np.argwhere(mask).tolist()))
    parts = set()
    while left:
        reached, ways = set(), [left.pop()]
        while ways:
            y, x = ways.pop()
            reached.add((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            ways += near
        parts.add(frozenset(reached))
    return parts


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("shape", SHAPES)
def test_parts_are_what_can_be_walked_to(shape: tuple[int, int], share: float) -> None:
    mask = _mask(shape, share)
    found = components(mask)
    pixels = [np.argwhere(found.labels == part + 1) for part in range(len(found))]
    assert {frozenset(map(tuple, part.tolist())) for part in pixels} == _parts(mask)
    for part, places in enumerate(pixels):
        rows, columns = found.box(part)
        assert (rows.start, columns.start) == tuple(places.min(axis=0))
        assert (rows.stop - 1, columns.stop - 1) == tuple(places.max(axis=0))
        assert found.area[part] == len(places)
        assert found.size[part] == max(found.height[part], found.width[part])
        assert found.cut_out(part).sum() == len(places)


def test_chosen_parts_are_a_mask() -> None:
    mask = _mask((40, 40), 0.3)
    found = components(mask)
    assert np.array_equal(found.mask(np.ones(len(found), np.bool_)), mask)
    assert not found.mask(np.zeros(len(found), np.bool_)).any()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("shape", SHAPES)
def test_runs_draw_the_mask_that_they_were_found_in(shape: tuple[int, int], share: float) -> None:
    mask = _mask(shape, share)
    assert np.array_equal(runs(mask).drawn(shape), mask)


@pytest.mark.parametrize("distance", [0, 1, 3, 50])
def test_pixels_near_a_mask_are_found(distance: int) -> None:
    mask = _mask((30, 20), 0.01)
    marked = np.argwhere(mask)
    expected = [
        [bool((np.abs(marked - (y, x)).max(axis=1) <= distance).any()) for x in range(20)]
        for y in range(30)
    ]
    assert spread(mask, distance).tolist() == expected


def test_bounds_hold_all_that_is_marked() -> None:
    mask = np.zeros((9, 9), np.bool_)
    mask[2, 5] = mask[6, 1] = True
    assert bounds(mask) == (slice(2, 7), slice(1, 6))


@pytest.mark.parametrize("width", [1, 3, 6])
def test_a_stroke_is_as_thick_as_it_was_drawn(width: int) -> None:
    mask = np.zeros((60, 60), np.bool_)
    mask[10 : 10 + width, 5:55] = True
    mask[5:55, 30 : 30 + width] = True
    assert stroke_width(mask) == width
