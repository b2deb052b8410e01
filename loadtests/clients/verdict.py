"""Whether a run has passed: its speed, its failures, and how often the labels were wrong.

A model makes mistakes, so a single wrong label isn't a failure. A model gives the same answer to
the same input, so wrong samples are counted, not wrong requests: a sample that it gets wrong is
wrong in every request. A sample counts as wrong if at least one answer to it was wrong, so answers
to the wrong caller are noticed, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import comb
from typing import Final

ERROR_RATES: Final[Mapping[str, float]] = {"classify": 0.0054, "sentiment": 0.1961}
"""The known error rates of the shipped models, 1 - accuracy: MNIST's test images for `digits`,
single sentences (Rotten Tomatoes) for `sentiment`. From models/NAME/1/model.json."""

SIGNIFICANCE: Final = 0.01
"""A run fails if so many wrong samples are less probable than this, at the known error rate."""

Report = Mapping[str, Mapping[str, list[str]]]


@dataclass(slots=True)
class Tally:
    """The names of the samples that were asked about and of those ever answered wrongly."""

    asked: dict[str, set[str]] = field(default_factory=dict)
    wrong: dict[str, set[str]] = field(default_factory=dict)

    def record(self, task: str, name: str, *, right: bool) -> None:
        """Record an answer to a sample."""
        self.asked.setdefault(task, set()).add(name)
        if not right:
            self.wrong.setdefault(task, set()).add(name)

    def report(self) -> Report:
        """Return the records, in types that a message can contain."""
        parts = {"asked": self.asked, "wrong": self.wrong}
        return {
            part: {task: sorted(names) for task, names in noted.items()}
            for part, noted in parts.items()
        }

    def absorb(self, report: Report) -> None:
        """Add another process's records. The same report may arrive again."""
        for part, noted in ((self.asked, report["asked"]), (self.wrong, report["wrong"])):
            for task, names in noted.items():
                part.setdefault(task, set()).update(names)

    def clear(self) -> None:
        """Forget everything."""
        self.asked.clear()
        self.wrong.clear()


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of a run: counts, and the 95th percentile of all response times in ms."""

    requests: int
    failures: int
    p95: float


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for a run's figures."""

    p95: float
    error_rate: float


def complaints(run: Run, limits: Limits, tally: Tally) -> list[str]:
    """Return why the run has failed, one sentence per reason; empty if it has passed."""
    if run.requests == 0:
        return ["No request was made."]
    found = []
    if run.p95 > limits.p95:
        found.append(f"The p95 is {run.p95:.0f} ms, over the limit of {limits.p95:.0f} ms.")
    error_rate = run.failures / run.requests
    if error_rate > limits.error_rate:
        found.append(
            f"{run.failures} of {run.requests} requests failed ({error_rate:.2%}), "
            f"over the limit of {limits.error_rate:.2%}."
        )
    return found + _wrong_labels(tally)


def binomial_tail(successes: int, trials: int, probability: float) -> float:
    """Return the probability of at least this many successes in independent trials."""
    return sum(
        comb(trials, k) * probability**k * (1 - probability) ** (trials - k)
        for k in range(successes, trials + 1)
    )


def _wrong_labels(tally: Tally) -> list[str]:
    found = []
    for task, rate in ERROR_RATES.items():
        wrong, asked = len(tally.wrong.get(task, ())), len(tally.asked.get(task, ()))
        if binomial_tail(wrong, asked, rate) < SIGNIFICANCE:
            found.append(
                f"{wrong} of {asked} samples of {task} were answered wrongly. "
                f"The model's known error rate is {rate:.2%}."
            )
    return found
