"""Contrast pairs from the training reviews: short sentences of theirs, and their negations.

"It was a great cast." becomes "It wasn't a great cast." A sentence is taken if its words, as
VADER's lexicon rates them, agree with its review's label: then the label is the sentence's too.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from training.data.imdb import Reviews, labelled
from training.sentiment.contrast_pairs import APOSTROPHES, respelled

LONGEST = 14
"""Words: in a longer sentence the negated verb may not be what matters."""

CLEAR = 0.35
"""A sentence whose ratings add up to this, or minus this, is clear."""

SENTENCE_END = re.compile(r"(?<=[.!?])\s+|<br />")
LINKED = re.compile(r"\b(is|are|was|were|does|did|would|should|could)\b(?=\s+[a-z])", re.IGNORECASE)
SHORT_LINKED = re.compile(r"\b(it|that|he|she|there)'s\b(?=\s+[a-z])", re.IGNORECASE)
ANOTHER_TURN = re.compile(
    r"n't\b|\?|,|\b(not|no|never|nothing|nobody|none|hardly|but|yet|though|although|if|than|"
    r"without|too|only|what|when|where|who|how|why|which|so|because|should|could|would|or|nor)\b",
    re.IGNORECASE,
)
"""Where these are, it isn't clear what a negated verb would change."""


def negation_pairs(
    reviews: Reviews, ratings: Mapping[bytes, float], count: int, seed: int
) -> Reviews:
    """At most `count` different sentences of the reviews, and as many negations, with labels."""
    found = dict(_found(reviews, ratings))
    random = np.random.default_rng(seed)
    sentences = list(found.items())
    texts: tuple[list[str], list[str]] = ([], [])
    for place in random.permutation(len(sentences))[:count]:
        sentence, label = sentences[place]
        texts[label].append(sentence)
        texts[1 - label].append(respelled(negated(sentence), random.choice(len(APOSTROPHES))))
    return labelled(texts[1], texts[0])


def negated(sentence: str) -> str:
    """The sentence with its first linking verb negated; the same if it has none."""
    found, count = SHORT_LINKED.subn(r"\1 isn't", sentence, count=1)
    return found if count else LINKED.sub(r"\1n't", sentence, count=1)


def _found(reviews: Reviews, ratings: Mapping[bytes, float]) -> Iterator[tuple[str, int]]:
    for text, label in zip(reviews.texts, reviews.labels.tolist(), strict=True):
        for sentence in map(str.strip, SENTENCE_END.split(text)):
            words = sentence.lower().split()
            if 3 <= len(words) <= LONGEST and not ANOTHER_TURN.search(sentence):
                links = len(LINKED.findall(sentence)) + len(SHORT_LINKED.findall(sentence))
                said = sum(ratings.get(word.strip(".!\"'").encode(), 0.0) for word in words)
                if links == 1 and (said > 0) == bool(label) and abs(said) >= CLEAR:
                    yield sentence, label
