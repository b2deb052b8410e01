from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from training import augmentation


@pytest.fixture
def images() -> tf.Tensor:
    """Forty identical pictures: a ring off the centre."""
    axis = np.arange(28.0)
    distance = np.hypot(axis[:, None] - 12, axis[None] - 15)
    ring = np.clip(2 - np.abs(distance - 6), 0, 1).astype(np.float32)
    return tf.constant(np.repeat(ring[None, ..., None], 40, axis=0))


@pytest.mark.parametrize(
    "change",
    [
        augmentation.flip,
        partial(augmentation.shift, pixels=4),
        augmentation.warp,
        augmentation.restroke,
        augmentation.refocus,
        augmentation.erase,
    ],
)
def test_a_change_keeps_form_and_range_and_differs_from_image_to_image(
    images: tf.Tensor, change: Callable[[tf.Tensor], tf.Tensor]
) -> None:
    tf.random.set_seed(0)
    changed = change(images).numpy()
    assert changed.shape == images.shape
    assert changed.dtype == np.float32
    assert changed.min() >= -1e-6
    assert changed.max() <= 1 + 1e-6
    assert len({picture.tobytes() for picture in changed.round(3)}) >= (
        2 if change is augmentation.flip else 4
    )


def test_warping_by_nothing_changes_nothing(images: tf.Tensor) -> None:
    same = augmentation.warp(images, degrees=0, scale=0, shear=0, shift=0, elastic=0)
    np.testing.assert_allclose(same, images, atol=1e-5)


def test_warping_keeps_about_the_same_ink(images: tf.Tensor) -> None:
    ink = tf.reduce_sum(augmentation.warp(images), axis=[1, 2, 3]) / tf.reduce_sum(images[0])
    assert ink.numpy().min() > 0.75
    assert ink.numpy().max() < 1.35


def test_a_share_of_nothing_changes_nothing(images: tf.Tensor) -> None:
    for change in (augmentation.restroke, augmentation.refocus, augmentation.erase):
        np.testing.assert_array_equal(change(images, share=0.0), images)


def test_erasing_only_removes(images: tf.Tensor) -> None:
    erased = augmentation.erase(images, share=1.0).numpy()
    assert np.all((erased == 0) | (erased == images.numpy()))
    assert erased.sum() < images.numpy().sum()


def test_flipping_mirrors_half_of_the_images(images: tf.Tensor) -> None:
    tf.random.set_seed(1)
    colours = tf.concat([images, images / 2, images / 3], axis=3).numpy()
    flipped = augmentation.flip(colours).numpy()
    is_same = (flipped == colours).all(axis=(1, 2, 3))
    is_mirrored = (flipped == colours[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (is_same ^ is_mirrored).all()
    assert 10 < is_mirrored.sum() < 30


def test_shifting_moves_by_whole_pixels(images: tf.Tensor) -> None:
    tf.random.set_seed(2)
    moved = augmentation.shift(images, pixels=2).numpy()
    expected = {
        np.roll(images[0].numpy(), (down, right), (0, 1)).tobytes()
        for down in range(-2, 3)
        for right in range(-2, 3)
    }
    found = {picture.tobytes() for picture in moved}
    assert found <= expected
    assert len(found) > 10
