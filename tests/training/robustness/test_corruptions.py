"""Corruptions: nothing at strength 0, more with each strength, the same with the same seed."""

import numpy as np
import pytest

from training.robustness.corruptions import CORRUPTIONS, Corruption

KINDS = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda each: each.name)


@pytest.fixture
def photos() -> np.ndarray:
    """Smooth pictures in three colours, not square, so that no axis is taken for another."""
    y, x = np.mgrid[:20, :26]
    waves = [np.sin(x / size + phase) * np.cos(y / 4) for size in (2, 5) for phase in (0, 1, 2)]
    photos = np.stack(waves).reshape(2, 3, 20, 26).transpose(0, 2, 3, 1)
    return (0.5 + 0.45 * photos).astype(np.float32)


@KINDS
def test_strength_0_changes_nothing(corruption: Corruption, photos: np.ndarray) -> None:
    np.testing.assert_allclose(corruption(photos, 0), photos, atol=1e-5)


@KINDS
def test_each_strength_changes_more(corruption: Corruption, photos: np.ndarray) -> None:
    changes = [
        float(np.abs(corruption(photos, strength) - photos).mean())
        for strength in corruption.strengths
    ]
    assert len(changes) == 5
    assert changes[0] > 0.001
    assert changes == sorted(changes)


@KINDS
def test_pictures_stay_pictures(corruption: Corruption, photos: np.ndarray) -> None:
    changed = corruption(photos, corruption.strengths[-1])
    assert changed.shape == photos.shape
    assert changed.dtype == np.float32
    assert 0 <= changed.min() < changed.max() <= 1


@KINDS
def test_a_seed_repeats_it(corruption: Corruption, photos: np.ndarray) -> None:
    strength = corruption.strengths[2]
    first, again = (corruption(photos, strength, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_quarter_turn_is_numpys() -> None:
    rotation = next(each for each in CORRUPTIONS if each.name == "rotation")
    pictures = np.random.default_rng(0).random((8, 9, 9, 1), np.float32)
    turned = rotation(pictures, 90)
    for picture, found in zip(pictures, turned, strict=True):
        ways = [np.rot90(picture, turns) for turns in (1, 3)]
        assert any(np.allclose(found, way, atol=1e-5) for way in ways)
    assert not np.allclose(turned, np.rot90(pictures, axes=(1, 2)), atol=1e-5)  # some each way
