"""All texts that the model is trained on and measured with, in plain form."""

from dataclasses import dataclass

from training.data import cache, imdb, lexicon
from training.data.imdb import Reviews, Split, joined
from training.sentiment import contrast_templates, typed_sentences
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
    """Of `pairs.test`, the first half are positive, and the second half their counterparts."""

    reviews: Split
    sentences: Split
    pairs: Split
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
        plain(typed_sentences.load()),
    )


def pairs_hash(texts: Texts) -> str:
    """SHA-256 of all texts of the pairs, which are made and not fetched."""
    parts = (texts.pairs.train, texts.pairs.validation, texts.pairs.test)
    lines = [text for part in parts for text in part.texts]
    return cache.hash_of("\n".join(lines).encode())
