"""All texts that the model is trained on and measured with, in plain form."""

from dataclasses import dataclass

from training.data import cache, imdb, lexicon
from training.data.imdb import Reviews, Split, joined
from training.sentiment import contrast_templates, typed_sentences, written_pairs
from training.sentiment.contrast_pairs import composed_pairs, contrast_pairs
from training.sentiment.negations import negation_pairs
from training.sentiment.normalization import normalized, plain

PLAIN_PAIRS = 3000
COMPOSED_PAIRS = 5000
NEGATED_SENTENCES = 5000
VALIDATION_PAIRS = 300
TEST_PAIRS = 600


@dataclass(frozen=True)
class Texts:
    """Of `pairs.test` and `written.test`, the second half are the counterparts of the first one."""

    reviews: Split
    sentences: Split
    pairs: Split
    """Made by rules."""
    written: Split
    """More contrast pairs, written one by one."""
    typed: Reviews
    """Only for the report."""


def load() -> Texts:
    """The reviews and sentences, from the cache or fetched; the pairs are made.

    Raises:
        TrainingError: they can't be fetched or cached; the message says what to do.
    """
    data = imdb.load()
    reviews = normalized(data.reviews)
    pairs = Split(
        train=joined(
            contrast_pairs(contrast_templates.TRAIN, PLAIN_PAIRS, seed=0).reviews(),
            composed_pairs(COMPOSED_PAIRS, seed=0).reviews(),
            negation_pairs(reviews.train, lexicon.load(), NEGATED_SENTENCES, seed=0),
        ),
        validation=contrast_pairs(contrast_templates.VALIDATION, VALIDATION_PAIRS, 1).reviews(),
        test=contrast_pairs(contrast_templates.HELD_OUT, TEST_PAIRS, seed=2).reviews(),
    )
    return Texts(
        reviews,
        normalized(data.sentences),
        normalized(pairs),
        normalized(written_pairs.load()),
        plain(typed_sentences.load()),
    )


def hash_of(split: Split) -> str:
    """SHA-256 of all texts of the parts, for those that aren't fetched."""
    lines = [text for part in (split.train, split.validation, split.test) for text in part.texts]
    return cache.hash_of("\n".join(lines).encode())
