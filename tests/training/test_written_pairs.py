"""The written pairs: what measures is no part of what is trained on, not even nearly."""

import re

import pytest

from training.data.imdb import Reviews, Split
from training.sentiment import texts, typed_sentences, written_pairs
from training.sentiment.contrast_pairs import contrast_pairs
from training.sentiment.contrast_templates import HELD_OUT

NEARLY = 0.6
"""Two texts that share this part of their words are nearly the same."""


@pytest.fixture(scope="module")
def pairs() -> Split:
    return written_pairs.load()


def plain(reviews: Reviews) -> set[str]:
    return {re.sub(r"\W+", " ", text.lower()).strip() for text in reviews.texts}


def test_the_second_half_of_a_part_are_the_counterparts_of_the_first(pairs: Split) -> None:
    for part in (pairs.train, pairs.validation, pairs.test):
        half = len(part) // 2
        assert part.labels.tolist() == [1] * half + [0] * half
        assert not any(map(str.__eq__, part.texts[:half], part.texts[half:]))


def test_there_are_many_and_each_is_there_once(pairs: Split) -> None:
    assert len(pairs.train) > 4000
    assert len(pairs.validation) > 500
    assert len(pairs.test) == 400
    for part in (pairs.train, pairs.validation, pairs.test):
        assert len(set(part.texts)) == len(part)


def test_nothing_that_measures_is_trained_on_or_validates(pairs: Split) -> None:
    made = contrast_pairs(HELD_OUT, texts.TEST_PAIRS, seed=2).reviews()
    measured = plain(pairs.test) | plain(typed_sentences.load()) | plain(made)
    assert not plain(pairs.train) & plain(pairs.validation)
    known = [set(text.split()) for text in plain(pairs.train) | plain(pairs.validation)]
    for text in measured:
        words = set(text.split())
        nearest = max(len(words & other) / len(words | other) for other in known)
        assert nearest < NEARLY, text
