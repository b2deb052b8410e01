"""From a data set to an exported classifier."""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import export, golden, metrics
from training.calibration import temperature
from training.card import Card, TrainingRecord
from training.data.images import ImageDataset, Images
from training.files import staged_folder
from training.fitting import Batching, batching, described, fit, optimizer
from training.image_classifier.classifier import ImageClassifier
from training.image_classifier.evaluation import evaluate
from training.privacy import learning as private_learning
from training.recipes import PLAIN_RECIPE, Recipe
from training.robustness.adversarial_training import ADVERSARIAL_TRAINING, AdversarialTraining


def train(classifier: ImageClassifier, recipe: Recipe, target: Path) -> Card:
    """Train, export, verify and evaluate; on an error `target` (models/NAME/1) stays as it was.

    Raises:
        TrainingError: what to do is in the message.
    """
    started = time.monotonic()
    classifier = classifier.variant(recipe)
    data = classifier.data.load(quick=recipe.quick)
    baselines = train_plainly(classifier, data, recipe.seed)
    model, history = learn(classifier, data, recipe)
    divisor = calibrate(model, data.validation)
    record = TrainingRecord(
        name=classifier.name,
        version=int(target.name),
        hyperparameters={
            **_described(classifier, recipe, len(data.train)),
            "temperature": round(divisor, 4),
        },
        history=history,
        seconds=round(time.monotonic() - started, 1),
        baselines=baselines,
    )
    with staged_folder(target) as folder:
        export_model(classifier, model, folder, golden.choose(data.test.images))
        record.write(folder)
        return evaluate(classifier, folder)


def _described(
    classifier: ImageClassifier, recipe: Recipe, examples: int
) -> dict[str, str | int | float | bool]:
    names = ", ".join(classifier.augmentations)
    return {
        **described(recipe),
        **({"adversarial_training": ADVERSARIAL_TRAINING} if recipe.adversarial else {}),
        **private_learning.described(recipe, examples),
        "augmentation": f"{names} (training/augmentation.py)" if names else "none",
    }


def learn(
    classifier: ImageClassifier, data: ImageDataset, recipe: Recipe
) -> tuple[keras.Model, dict[str, list[float]]]:
    """A new model, trained by the recipe, and its history."""
    keras.utils.set_random_seed(recipe.seed)
    model = classifier.build_network()
    if recipe.private:
        return model, private_learning.train(model, data, recipe)
    return model, train_well(classifier, learner(model, recipe), data, recipe)


def learner(model: keras.Model, recipe: Recipe) -> keras.Model:
    """What is fitted: the model, or its adversarial training, which has the same weights."""
    return AdversarialTraining(model, recipe.adversarial) if recipe.adversarial else model


def train_plainly(classifier: ImageClassifier, data: ImageDataset, seed: int) -> dict[str, float]:
    """Train a second model with the plain recipe; its figures on the test images."""
    keras.utils.set_random_seed(seed)
    model = classifier.build_network()
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    batches = batching(PLAIN_RECIPE, len(data.train))
    fit(model, _batches(data.train, batches, seed), PLAIN_RECIPE, batches)
    probabilities = model.predict(pixels(data.test.images), batch_size=500, verbose=0)
    return {
        "accuracy": metrics.accuracy(probabilities, data.test.labels),
        "expected_calibration_error": metrics.expected_calibration_error(
            probabilities, data.test.labels
        ),
    }


def train_well(
    classifier: ImageClassifier, model: keras.Model, data: ImageDataset, recipe: Recipe
) -> dict[str, list[float]]:
    """Train with the recipe on augmented images; the history."""
    batches = batching(recipe, len(data.train))
    model.compile(
        optimizer(recipe, batches),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    augmented = _batches(data.train, batches, recipe.seed).map(
        lambda images, labels: (augment(classifier, images), labels),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    validation = tf.data.Dataset.from_tensor_slices(
        (pixels(data.validation.images), data.validation.labels)
    )
    return fit(model, augmented.prefetch(4), recipe, batches, validation.batch(500))


def augment(classifier: ImageClassifier, images: tf.Tensor) -> tf.Tensor:
    """Training images as they might have been, too."""
    for change in classifier.augmentations.values():
        images = change(images)
    return images


def calibrate(model: keras.Model, validation: Images) -> float:
    """Divide the logits by the best temperature, by scaling the last layer's weights; return it."""
    probabilities = model.predict(pixels(validation.images), batch_size=500, verbose=0)
    divisor = temperature(probabilities, validation.labels)
    last = model.layers[-1]
    last.set_weights([weights / divisor for weights in last.get_weights()])
    return divisor


def pixels(images: np.ndarray) -> np.ndarray:
    """uint8 0..255 to float32 0..1, as the model is trained on."""
    return images.astype(np.float32) / 255


def _batches(train: Images, batches: Batching, seed: int) -> tf.data.Dataset:
    """Shuffled batches (float32 [size, height, width, channels] in 0..1, int64)."""
    examples = tf.data.Dataset.from_tensor_slices((train.images, train.labels))
    shuffled = examples.shuffle(len(train), seed=seed).batch(batches.size, drop_remainder=True)
    return shuffled.map(lambda images, labels: (tf.cast(images, tf.float32) / 255, labels))


def export_model(
    classifier: ImageClassifier, model: keras.Model, folder: Path, images: np.ndarray
) -> None:
    """Write the SavedModel, with `images` (uint8 [n, height, width, channels]) as golden inputs."""

    def classify(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(tf.cast(image, tf.float32) / 255, training=False)}

    served = tf.function(classify, input_signature=[classifier.input])
    export.save(folder, {"serving_default": served}, export.variables_of(model))
    answers = {"probabilities": model.predict(pixels(images), verbose=0)}
    golden.write(folder, [export.Example("serving_default", {"image": images}, answers)])
