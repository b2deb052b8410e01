"""From the reviews to an exported, measured model."""

import time
from pathlib import Path

import keras
import tensorflow as tf

from training import golden
from training.calibration import temperature
from training.card import Card, TrainingRecord
from training.data import imdb
from training.data.imdb import Reviews
from training.files import staged_folder
from training.fitting import batching, described, fit, optimizer
from training.recipes import QUICK_EXAMPLES, Recipe
from training.sentiment.evaluation import baseline_figures, evaluate, uncut_figure
from training.sentiment.examples import TrainingExamples, batches, cut
from training.sentiment.exporting import export_network
from training.sentiment.judging import BATCH, judge
from training.sentiment.model import DIMENSIONS, HYPERPARAMETERS, SentimentNetwork, TrainedNetwork
from training.sentiment.normalization import normalized
from training.sentiment.pretraining import pretrained_vectors
from training.sentiment.vectorizer import Vectorizer
from training.sentiment.vocabulary import Vocabulary, learn_vocabulary

WORDS = 10_000
PHRASES = 14_000
LABEL_SMOOTHING = 0.05


def train(recipe: Recipe, target: Path) -> Card:
    """Train, export, verify and evaluate; on an error the folder `target` stays as it was.

    Raises:
        TrainingError: what to do is in the message.
    """
    started = time.monotonic()
    data = normalized(imdb.load())
    train_part = _shortened(data.train) if recipe.quick else data.train
    keras.utils.set_random_seed(recipe.seed)
    vocabulary = learn_vocabulary(train_part.texts, train_part.labels, WORDS, PHRASES)
    vectorizer = Vectorizer(vocabulary)
    network, history = _fit(vocabulary, vectorizer, train_part, data.validation, recipe)
    trained = TrainedNetwork(network)
    divisor = _calibrate(trained, vectorizer, data.validation)
    record = TrainingRecord(
        name="sentiment",
        version=int(target.name),
        hyperparameters={
            **described(recipe),
            **HYPERPARAMETERS,
            "words": len(vocabulary.words),
            "phrases": len(vocabulary.phrases),
            "label_smoothing": LABEL_SMOOTHING,
            "temperature": round(divisor, 4),
        },
        history=history,
        seconds=round(time.monotonic() - started, 1),
        baselines={
            **baseline_figures(train_part, data),
            **uncut_figure(trained, vectorizer.all_token_ids(data.test.texts), data.test.labels),
        },
    )
    with staged_folder(target) as folder:
        export_network(trained, vectorizer, folder, golden.choose(data.test.texts))
        record.write(folder)
        return evaluate(folder)


def _shortened(reviews: Reviews) -> Reviews:
    """`QUICK_EXAMPLES` reviews, spread over the whole file, since it is ordered by class."""
    step = max(1, len(reviews) // QUICK_EXAMPLES)
    return Reviews(reviews.texts[::step], reviews.labels[::step])


def _fit(
    vocabulary: Vocabulary,
    vectorizer: Vectorizer,
    train_part: Reviews,
    validation: Reviews,
    recipe: Recipe,
) -> tuple[SentimentNetwork, dict[str, list[float]]]:
    token_ids = vectorizer.all_token_ids(train_part.texts)
    vectors = pretrained_vectors(vocabulary, token_ids, DIMENSIONS, recipe.seed)
    network = SentimentNetwork(vocabulary, vectors)
    batching_ = batching(recipe, len(train_part))
    network.model.compile(
        optimizer(recipe, batching_),
        keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING),
        metrics=["accuracy"],
        # Compiling takes a minute; then each step is several times as fast.
        jit_compile=not recipe.quick,
    )
    examples = TrainingExamples(vocabulary, token_ids, train_part.labels, recipe.seed)
    validation_ids = cut(vectorizer.all_token_ids(validation.texts))
    history = fit(
        network.model,
        examples.batches(batching_.size),
        recipe,
        batching_,
        batches(validation_ids, validation.labels, BATCH),
    )
    return network, history


def _calibrate(trained: TrainedNetwork, vectorizer: Vectorizer, validation: Reviews) -> float:
    """Calibrate the probabilities; return the temperature."""
    rows = cut(vectorizer.all_token_ids(validation.texts))
    probabilities = judge(tf.function(trained, reduce_retracing=True), rows)
    divisor = temperature(probabilities, validation.labels)
    trained.cool(divisor)
    return divisor
