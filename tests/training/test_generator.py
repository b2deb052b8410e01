"""The generator: its artifact, and what measures it."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import bars, golden_signatures
from training import artifact, generator
from training.card import Card
from training.data.images import ImageDataset, Images
from training.errors import ArtifactError
from training.fitting import Batching
from training.generator import judges, measures
from training.generator.exporting import cycled, draw, export_generator
from training.generator.gan import Gan
from training.generator.gaussians import Gaussians
from training.generator.nearest import find_neighbours
from training.generator.network import NOISE, build_generator
from training.generator.pictures import between
from training.generator.unfinished import Unfinished
from training.recipes import Recipe

RECIPE = Recipe(epochs=1, batch_size=64, learning_rate=1e-3)


def lively_generator() -> keras.Model:
    """A generator with random weights, whose pictures have pixels of every shade."""
    network, random = build_generator(), np.random.default_rng(0)
    for weight in network.weights:
        values = random.normal(size=weight.shape)
        weight.assign(1 + np.square(values) if "variance" in weight.path else values / 2)
    return network


@pytest.mark.usefixtures("unverified")
def test_training_makes_a_model_a_card_and_pictures(
    tmp_path: Path, small_mnist: ImageDataset
) -> None:
    card: Card = generator.train(RECIPE, tmp_path / "1")
    assert card.task == "image_generation"
    assert card.labels == [str(digit) for digit in range(10)]
    signature = card.signatures["serving_default"]
    assert {name: (each.dtype, each.shape) for name, each in signature.inputs.items()} == {
        "label": ("int32", [None]),
        "noise": ("float64", [None, NOISE]),
    }
    assert signature.outputs["image"].dtype == "uint8"
    assert signature.outputs["image"].shape == [None, 28, 28, 1]
    assert {metric.name for metric in card.metrics} == {
        "label_agreement", "frechet_distance", "precision", "recall", "class_diversity",
        "lowest_class_diversity", "copies",
    }  # fmt: skip
    assert {path.name for path in (tmp_path / "1").glob("*.png")} == {
        "training_curves.png", "samples.png", "interpolations.png", "neighbours.png",
    }  # fmt: skip
    assert golden_signatures(tmp_path / "1") == {"serving_default"}
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_missing_judge_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "MODELS", tmp_path)
    with pytest.raises(ArtifactError, match="digits"):
        judges.Judges()


@pytest.mark.usefixtures("unverified")
def test_the_same_noise_gives_the_same_bytes_in_every_batch(tmp_path: Path) -> None:
    export_generator(lively_generator(), tmp_path)
    loaded = artifact.load(tmp_path)

    def plain(label: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        return loaded.signatures["serving_default"](label=label, noise=noise)["image"]

    labels, noise = cycled(60), draw(60, seed=3)
    together = plain(tf.constant(labels), tf.constant(noise)).numpy()
    assert len(np.unique(together)) > 200
    assert not np.array_equal(together[0], together[10])
    order = np.random.default_rng(1).permutation(60)
    for program in (plain, tf.function(plain, jit_compile=True)):
        for size in (1, 7, 60):
            for start in range(0, 60, 20 if size < 20 else size):
                rows = order[start : start + size]
                found = program(tf.constant(labels[rows]), tf.constant(noise[rows])).numpy()
                np.testing.assert_array_equal(found, together[rows])


def test_noise_is_the_same_for_a_seed() -> None:
    np.testing.assert_array_equal(draw(5, seed=1), draw(5, seed=1))
    assert not np.array_equal(draw(5, seed=1), draw(5, seed=2))


def white(rows: int, columns: int, seed: int) -> np.ndarray:
    """Codes whose mean is exactly 0 and whose covariance is exactly the identity."""
    codes = np.random.default_rng(seed).normal(size=(rows, columns))
    orthogonal, _ = np.linalg.qr(codes - codes.mean(axis=0))
    white: np.ndarray = orthogonal * np.sqrt(rows - 1)
    return white


def test_the_frechet_distance_is_that_of_the_closed_form() -> None:
    one, other = np.array([1.0, 2.0, 0.0]), np.array([3.0, 0.5, 1.0])
    left, right = white(50, 3, seed=0) * one + 5, white(80, 3, seed=1) * other + 4
    expected = 3 + np.square(one - other).sum()
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    assert measures.frechet_distance(left, right) == pytest.approx(expected)
    assert measures.frechet_distance(left @ turn, right @ turn) == pytest.approx(expected)
    assert measures.frechet_distance(left, left) == pytest.approx(0, abs=1e-6)


def test_precision_and_recall_of_sets_whose_answer_is_known() -> None:
    random = np.random.default_rng(0)
    near, far = random.normal(size=(200, 4)), random.normal(size=(200, 4)) + 100
    both = np.concatenate([near, far])
    assert measures.precision_and_recall(both, both) == (1, 1)
    assert measures.precision_and_recall(near, far) == (0, 0)
    assert measures.precision_and_recall(both, near) == (1, 0.5)
    assert measures.precision_and_recall(near, both) == (0.5, 1)


def test_a_radius_reaches_to_the_third_nearest() -> None:
    line = np.array([[0.0], [1.0], [2.0], [4.0], [8.0]])  # radii 4, 3, 2, 4, 7
    ends = np.array([[15.0], [15.1], [-4.0], [-4.1]])
    assert measures.precision_and_recall(line, ends) == (0.5, 1)


def test_the_spread_of_a_class_is_its_variance() -> None:
    codes = np.array([[0.0, 0.0], [2.0, 4.0], [7.0, 7.0], [7.0, 7.0]])
    assert measures.spreads(codes, np.array([3, 3, 5, 5])).tolist() == [5, 0]


def test_planted_copies_are_found(small_mnist: ImageDataset) -> None:
    made = bars(40, seed=8).images
    made[5:15] = small_mnist.train.images[100:110]
    neighbours = find_neighbours(made, small_mnist)
    assert np.flatnonzero(neighbours.distances < neighbours.copied).tolist() == list(range(5, 15))
    np.testing.assert_array_equal(neighbours.images[5:15], made[5:15])
    distance = np.linalg.norm((made[0] / 255.0) - neighbours.images[0] / 255.0)
    assert neighbours.distances[0] == pytest.approx(distance, rel=1e-3)


def test_gaussians_draw_what_their_classes_look_like(small_mnist: ImageDataset) -> None:
    train: Images = small_mnist.train
    labels = np.repeat(np.arange(10), 5)
    drawn = Gaussians(train).draw(labels, components=20)
    means = np.stack([train.images[train.labels == label].mean(axis=0) for label in range(10)])
    distances = np.square(drawn[:, None].astype(float) - means).sum(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == labels).all()
    assert not np.array_equal(drawn[0], drawn[1])


def test_a_way_between_two_noises_keeps_its_ends_and_its_length() -> None:
    start, end = draw(1, seed=1), draw(1, seed=2)
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    way = between(start, end, steps=5)[0]
    np.testing.assert_allclose(way[[0, -1]], np.concatenate([start, end]))
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(start))


def test_an_interrupted_training_goes_on_where_it_was(tmp_path: Path) -> None:
    kept, history = [keras.Variable([1.0, 2.0]), keras.Variable(7, dtype="int64")], {"loss": [0.5]}
    Unfinished(tmp_path / "1", RECIPE).keep(kept, history)
    fresh = [keras.Variable([0.0, 0.0]), keras.Variable(0, dtype="int64")]
    other = Unfinished(tmp_path / "1", replace(RECIPE, seed=1))
    assert other.restore(fresh) == {}
    assert fresh[1].numpy() == 0
    unfinished = Unfinished(tmp_path / "1", RECIPE)
    assert unfinished.restore(fresh) == history
    assert [variable.numpy().tolist() for variable in fresh] == [[1, 2], 7]
    unfinished.remove()
    assert unfinished.restore(fresh) == {}
    assert not list(tmp_path.iterdir())


def test_the_average_the_networks_and_their_optimizers_are_kept() -> None:
    game = Gan(RECIPE, Batching(8, parts=1, updates=4))
    names = " ".join(variable.path for variable in game.variables)
    assert len(game.variables) == len(set(map(id, game.variables)))
    assert names.count("moving_variance") == 2 * 5  # of the generator and of its average
    assert names.count("iteration") == 2
