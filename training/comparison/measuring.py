"""Carries the changes out, and measures them on the test pictures."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from training import metrics
from training.comparison.changes import BASE, Change
from training.trials.classifiers import ClassifierTrials, answers
from training.trials.settings import Length, Settings


@dataclass(frozen=True)
class Row:
    """What a change brought: the accuracy on the test pictures for each seed."""

    change: str
    accuracies: list[float]
    seconds: float
    """Of processor time, of one training, on average over the seeds."""


@dataclass(frozen=True)
class _Run:
    model: keras.Model
    probabilities: np.ndarray
    seconds: float


class Comparison:
    """Trains a classifier once for each change and each seed."""

    def __init__(self, trials: ClassifierTrials, length: Length, seeds: Sequence[int]) -> None:
        self.trials = trials
        self.length = length
        self.seeds = seeds
        self._seconds_per_example: dict[Settings, float] = {}

    def rows(self, changes: Sequence[Change], *, votes: bool) -> Iterator[Row]:
        """Measure the changes, of which the first is `BASE`.

        Args:
            changes: what to measure.
            votes: whether to measure, too, what several answers of the plain models bring.
        """
        for change in changes:
            runs = [self._run(change, seed) for seed in self.seeds]
            yield self._row(change.description, [run.probabilities for run in runs], runs)
            if change is BASE and votes:
                yield from self._votes(runs)

    def _run(self, change: Change, seed: int) -> _Run:
        started = time.process_time()
        length = self._length(change)
        model = self.trials.fit(change.settings, length, seed)
        seconds = time.process_time() - started
        self._seconds_per_example.setdefault(change.settings, seconds / length.seen)
        return _Run(model, self.trials.probabilities(model), seconds)

    def _length(self, change: Change) -> Length:
        seen = self.length.seen * change.times_the_training
        if change.as_long_as_plain:
            rates = self._seconds_per_example
            seen *= rates[BASE.settings] / rates[change.settings]
        return Length(round(self.length.examples * change.times_the_examples), round(seen))

    def _votes(self, runs: Sequence[_Run]) -> Iterator[Row]:
        """Several answers of the plain models together: of mirrored pictures, of all models."""
        mirrored = self.trials.data.test.images[:, :, ::-1]
        both = [run.probabilities + answers(run.model, mirrored) for run in runs]
        yield self._row("asked twice: the picture, and mirrored", both, runs)
        together = np.sum([run.probabilities for run in runs], axis=0)
        yield Row(
            f"{len(runs)} models asked, with other random numbers",
            [self._accuracy(together)],
            sum(run.seconds for run in runs),
        )

    def _row(self, change: str, judged: Sequence[np.ndarray], runs: Sequence[_Run]) -> Row:
        seconds = float(np.mean([run.seconds for run in runs]))
        return Row(change, [self._accuracy(each) for each in judged], round(seconds, 1))

    def _accuracy(self, probabilities: np.ndarray) -> float:
        return round(metrics.accuracy(probabilities, self.trials.data.test.labels), 4)
