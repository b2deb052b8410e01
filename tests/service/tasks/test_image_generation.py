"""Image generation: what an image depends on, which labels there are, which cards fit."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from service.engine.engine import Engine
from service.engine.registry import ModelChoice
from service.errors import CorruptModelError, MalformedRequestError
from service.prediction import Prediction
from service.runtime.card import ModelCard
from service.tasks.image_generation import GeneratedImage, ImageGeneration, Picture, Sample
from service.tasks.task import TaskLimits
from tests.service.demo_models import SKETCH_LABELS, SKETCH_SIZE, sketched

SHAPE = [None, 28, 28, 1]
INPUTS: dict[str, Any] = {
    "label": {"dtype": "int32", "shape": [None]},
    "noise": {"dtype": "float64", "shape": [None, 3]},
}
NOISE = [-2.008613345751427, 1.1232532197320007, -0.10646405688267188]
"""What the seed 42 gives the image number 1."""

LIMITS = TaskLimits(max_batch_size=8, max_pixels=100)


class UnusedModel:
    """A model whose signature is never called."""

    def signature(self, _: str, spec: Any) -> Any:
        return spec


def card(**changes: Any) -> ModelCard:
    """Return the card of a generator of `cat` and `dog`, with changes."""
    image = {"dtype": "uint8", "shape": SHAPE} | changes.pop("image", {})
    inputs = INPUTS | changes.pop("inputs", {})
    fields: dict[str, Any] = {
        "name": "pets",
        "version": 1,
        "task": "image_generation",
        "labels": ["cat", "dog"],
        "signatures": {"serving_default": {"inputs": inputs, "outputs": {"image": image}}},
        "preprocessing": {"type": "noise", "size": 3},
        "files": {},
    }
    return ModelCard.model_validate(fields | changes)


def task_of(described: ModelCard) -> ImageGeneration:
    """Return the task of a card, without a model."""
    model: Any = UnusedModel()
    return ImageGeneration(model, described, LIMITS)


async def make(engine: Engine, samples: Sequence[Sample]) -> Prediction:
    deadline = time.monotonic() + 60
    return await engine.predict("image_generation", samples, ModelChoice(), deadline=deadline)


async def test_an_image_depends_on_its_seed_its_index_and_its_label_alone(
    sketching: Engine,
) -> None:
    """In a batch of any size and in any place of it, padded or not."""
    wanted = [Sample("7", seed, index) for seed in (0, 5, 2**32 - 1) for index in range(7)]
    together = (await make(sketching, wanted)).outcomes
    for sample, found in zip(wanted, together, strict=True):
        _, expected = sketched(sample.seed, sample.index, 7)
        (alone,) = (await make(sketching, [sample])).outcomes
        for answer in (alone, found):
            assert (answer.label, answer.seed) == ("7", sample.seed)
            assert np.array_equal(answer.image.pixels[:, :, 0], expected)


async def test_a_label_that_is_drawn_gives_the_image_that_it_gives_when_asked_for(
    sketching: Engine,
) -> None:
    drawn = (await make(sketching, [Sample(None, 3, index) for index in range(40)])).outcomes
    labels = [answer.label for answer in drawn]
    assert set(labels) == set(SKETCH_LABELS)
    asked = [Sample(label, 3, index) for index, label in enumerate(labels)]
    for one, other in zip(drawn, (await make(sketching, asked)).outcomes, strict=True):
        assert np.array_equal(one.image.pixels, other.image.pixels)


async def test_a_wrong_label_fails_the_whole_request(sketching: Engine) -> None:
    samples = [Sample("ten", 1, index) for index in range(3)]
    with pytest.raises(MalformedRequestError, match=r"no such label: send one of 0, 1, 2, .*9"):
        await make(sketching, samples)
    assert sketching.account.used == 0


async def test_each_image_has_its_share_of_the_memory_until_it_is_answered(
    sketching: Engine,
) -> None:
    (served,) = sketching.loaded()
    size = served.task.row_bytes(Sample("7", 1, 0))
    assert size == SKETCH_SIZE * 8 + SKETCH_SIZE**2


def test_the_noise_of_a_seed_never_changes() -> None:
    """Written here as numbers: another version of NumPy must draw the same."""
    task = task_of(card())
    row = task.decode(Sample(None, 42, 1))
    assert row.noise.tolist() == NOISE
    assert row.label == 0
    assert task.decode(Sample(None, 42, 1)).noise.tolist() == NOISE
    assert task.decode(Sample(None, 42, 2)).noise.tolist() != NOISE


def test_a_label_is_named_or_numbered() -> None:
    task = task_of(card())
    assert [task.decode(Sample(label, 1, 0)).label for label in ("cat", "dog", 0, 1)] == [0, 1] * 2
    for label in (-1, 2):
        with pytest.raises(MalformedRequestError, match="from 0 to 1"):
            task.decode(Sample(label, 1, 0))


def test_a_long_list_of_labels_is_not_told_whole() -> None:
    task = task_of(card(labels=[f"label {number}" for number in range(1000)]))
    with pytest.raises(MalformedRequestError) as caught:
        task.decode(Sample("x" * 1000, 1, 0))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"preprocessing": {"type": "tensors"}}, "no preprocessing by noise"),
        ({"labels": None}, "no labels"),
        ({"labels": []}, "no labels"),
        ({"inputs": {"extra": INPUTS["label"]}}, "the inputs 'label' and 'noise'"),
        ({"inputs": {"label": INPUTS["noise"]}}, "'label' int32"),
        ({"inputs": {"noise": INPUTS["label"]}}, r"\[n, 3\]"),
        ({"preprocessing": {"type": "noise", "size": 4}}, r"\[n, 4\]"),
        ({"image": {"dtype": "float32"}}, "uint8"),
        ({"image": {"shape": [None, 28, 28, 4]}}, "1 or 3"),
        ({"image": {"shape": [None, None, 28, 1]}}, "height"),
        ({"image": {"shape": [None, 28, 28]}}, "height"),
    ],
)
def test_a_card_that_is_not_of_a_generator_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CorruptModelError, match=words):
        task_of(card(**changes))


def test_two_versions_agree_if_they_make_the_same_image() -> None:
    task = task_of(card())
    black, white = (np.full((2, 2, 1), shade, np.uint8) for shade in (0, 255))
    one = GeneratedImage(Picture(black), "cat", 1)
    assert task.agrees(one, GeneratedImage(Picture(black.copy()), "cat", 1))
    assert not task.agrees(one, GeneratedImage(Picture(white), "cat", 1))
    assert not task.agrees(one, GeneratedImage(Picture(black), "dog", 1))
