"""From the texts to an exported, measured model."""

import logging
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import golden
from training.card import Card, TrainingRecord
from training.data import cache
from training.data.imdb import Reviews, Split, joined
from training.files import staged_folder
from training.fitting import batching, described, fit, optimizer
from training.recipes import QUICK_EXAMPLES, Recipe
from training.sentiment import calibration, texts
from training.sentiment.calibration import Judged, LengthCalibration
from training.sentiment.distilling import TEACHER_SHARE, Distilled
from training.sentiment.evaluation import baseline_figures, evaluate, uncut_figure
from training.sentiment.examples import TrainingExamples, batches, cut
from training.sentiment.exporting import export_network
from training.sentiment.judging import BATCH, judge
from training.sentiment.model import HYPERPARAMETERS, SentimentNetwork, TrainedNetwork
from training.sentiment.preparing import (
    SENTENCES_SHOWN,
    WRITTEN_SHOWN,
    Prepared,
    learned_from,
    load_knowledge,
    prepare,
)
from training.sentiment.texts import Texts
from training.sentiment.vectorizer import Vectorizer

LABEL_SMOOTHING = 0.05

History = dict[str, list[float]]

logger = logging.getLogger(__name__)


def train(recipe: Recipe, target: Path) -> Card:
    """Train, export, verify and evaluate; on an error the folder `target` stays as it was.

    First a teacher is trained, then the network that is served. An interrupted training goes on
    after the teacher.

    Raises:
        TrainingError: what to do is in the message.
    """
    started = time.monotonic()
    data = texts.load()
    if recipe.quick:
        data = shortened(data)
    prepared = prepare(data, load_knowledge(), recipe.seed)
    teacher_file = _teacher_file(prepared, recipe)
    network, history = _fit(prepared, recipe, teacher=_teacher(prepared, recipe, teacher_file))
    trained = TrainedNetwork(network)
    found = _calibrate(trained, prepared.vectorizer, data)
    record = TrainingRecord(
        name="sentiment",
        version=int(target.name),
        hyperparameters={
            **described(recipe),
            **HYPERPARAMETERS,
            "words": len(prepared.vocabulary.words),
            "words_learned": prepared.vocabulary.learned,
            "phrases": len(prepared.vocabulary.phrases),
            "label_smoothing": LABEL_SMOOTHING,
            "sentences_shown": SENTENCES_SHOWN,
            "written_shown": WRITTEN_SHOWN,
            "teacher_share": TEACHER_SHARE,
            "sharpness": round(found.sharpness, 4),
            "sharpness_by_length": round(found.by_length, 4),
        },
        history=history,
        seconds=round(time.monotonic() - started, 1),
        baselines={
            **baseline_figures(joined(learned_from(data), data.pairs.train), data),
            **uncut_figure(trained, prepared.vectorizer, data.reviews.test),
        },
    )
    with staged_folder(target) as folder:
        examples = golden.choose(data.reviews.test.texts)
        export_network(trained, prepared.vectorizer, folder, examples)
        record.write(folder)
        card = evaluate(folder)
    teacher_file.unlink(missing_ok=True)
    return card


def shortened(data: Texts) -> Texts:
    """`QUICK_EXAMPLES` training texts of each kind."""

    def short(split: Split) -> Split:
        return replace(split, train=_spread(split.train))

    return replace(
        data,
        reviews=short(data.reviews),
        sentences=short(data.sentences),
        pairs=short(data.pairs),
        written=short(data.written),
    )


def _spread(reviews: Reviews) -> Reviews:
    """`QUICK_EXAMPLES` texts, spread over the whole file, since it is ordered by class."""
    step = max(1, len(reviews) // QUICK_EXAMPLES)
    return Reviews(reviews.texts[::step], reviews.labels[::step])


def _teacher(prepared: Prepared, recipe: Recipe, path: Path) -> SentimentNetwork:
    """A network that has learned from the labels alone: trained now, or by an interrupted run."""
    if path.exists():
        logger.info("The teacher of an interrupted training is in %s", path)
        teacher = SentimentNetwork(prepared.vocabulary, prepared.features)
        teacher.model.load_weights(path)
        return teacher
    teacher, _ = _fit(prepared, replace(recipe, seed=recipe.seed + 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"unfinished-{path.name}")
    teacher.model.save_weights(unfinished)
    unfinished.replace(path)
    return teacher


def _teacher_file(prepared: Prepared, recipe: Recipe) -> Path:
    """In the cache; another recipe or other texts have another file."""
    token_ids = np.concatenate([*prepared.reviews, *prepared.short])
    name = cache.hash_of(repr((recipe, HYPERPARAMETERS)).encode() + token_ids.tobytes())[:16]
    return cache.folder() / f"sentiment-teacher-{name}.weights.h5"


def _fit(
    prepared: Prepared, recipe: Recipe, teacher: SentimentNetwork | None = None
) -> tuple[SentimentNetwork, History]:
    keras.utils.set_random_seed(recipe.seed)
    network = SentimentNetwork(prepared.vocabulary, prepared.features)
    model = Distilled(network.model, teacher.model) if teacher else network.model
    examples = TrainingExamples(
        prepared.vocabulary, prepared.reviews, prepared.short, prepared.labels, recipe.seed
    )
    batching_ = batching(recipe, examples.counted)
    model.compile(
        optimizer(recipe, batching_),
        keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING),
        metrics=["accuracy"],
        # Compiling takes a minute; then each step is several times as fast.
        jit_compile=not recipe.quick,
    )
    validation = batches(prepared.validation, prepared.validation_labels, BATCH)
    return network, fit(model, examples.batches(batching_.size), recipe, batching_, validation)


def _calibrate(trained: TrainedNetwork, vectorizer: Vectorizer, data: Texts) -> LengthCalibration:
    """Calibrate the probabilities by texts that people wrote; the pairs are made by rules."""
    answer = tf.function(trained, reduce_retracing=True)

    def judged(reviews: Reviews) -> Judged:
        rows = cut(vectorizer.all_token_ids(reviews.texts))
        tokens = np.array([len(row) for row in rows])
        return Judged(judge(answer, rows), reviews.labels, tokens)

    parts = [data.reviews.validation, data.sentences.validation]
    found = calibration.fit([judged(part) for part in parts])
    trained.calibrate(found)
    return found
