"""Which words and phrases the model knows, counted in the training reviews.

Besides single words there are phrases of two and three words, such as "not good" or "waste of
time". A phrase has its own token if it means something different from its last word.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.sentiment.words import split_words

PADDING = 0
UNKNOWN = 1
FIRST_WORD = 2
"""The first token ids; the words follow, then the phrases."""

SENTENCE_ENDS = [b".", b"!", b"?", b";", b":"]
RAREST_PHRASE = 8
"""A phrase must occur in at least this many reviews."""

BATCH = 1000


@dataclass(frozen=True)
class Vocabulary:
    """Words, the most frequent first, and phrases.

    A phrase is stored as one number, with its words' ids as digits: see `phrase_keys`.
    """

    words: list[bytes]
    phrases: np.ndarray
    """int64 [phrases]."""
    log_count_ratios: np.ndarray
    """float32 [tokens]: ln of the ratio of positive to negative reviews with the token."""
    learned: int
    """How many of the words, the first ones, the model is trained with."""

    @property
    def size(self) -> int:
        """Number of token ids, padding and the unknown word included."""
        return len(self.log_count_ratios)

    @property
    def base(self) -> int:
        """One more than the largest word id."""
        return FIRST_WORD + len(self.words)

    @property
    def sentence_ends(self) -> list[int]:
        """The ids of the marks that end sentences."""
        return _ids(SENTENCE_ENDS, self.words)

    @property
    def last_words(self) -> np.ndarray:
        """int32 [tokens]: the id of each token's last word; for a word, its own id."""
        return np.concatenate([np.arange(self.base), self.phrases % self.base]).astype(np.int32)


def phrase_keys(words: np.ndarray, base: int, length: int) -> np.ndarray:
    """For each position the phrase of `length` words that ends there, as a number in that base.

    Args:
        words: int64 [n], ids below `base`.
        base: one more than the largest word id.
        length: 1 or more.

    Returns:
        int64 [n]; 0 where the phrase would have an id below `FIRST_WORD` or start before the text.
    """
    keys, whole = np.zeros_like(words), np.ones(len(words), bool)
    for back in range(length):
        earlier = np.concatenate([np.zeros(back, words.dtype), words[: len(words) - back]])
        keys += earlier * base**back
        whole &= earlier >= FIRST_WORD
    return np.where(whole, keys, 0)


def learn_vocabulary(
    texts: Sequence[str],
    labels: np.ndarray,
    words: int,
    phrases: int,
    other_words: Sequence[bytes] = (),
) -> Vocabulary:
    """The most frequent words, and the phrases that mean more than their last word.

    Args:
        texts: n reviews.
        labels: int64 [n], 1 is positive.
        words: the maximum number of words that are learned from the texts.
        phrases: the maximum number of phrases.
        other_words: more words to know; those that the texts have not are known as well.
    """
    found, lengths = _all_words(texts)
    learned = [word for word, _ in Counter(found).most_common(words)]
    known = list(dict.fromkeys([*learned, *other_words]))
    ids = {word: FIRST_WORD + rank for rank, word in enumerate(known)}
    flat = np.array([ids.get(word, UNKNOWN) for word in found], np.int64)
    # Padding before each review keeps phrases from crossing its border.
    flat = np.insert(flat, np.cumsum(lengths) - lengths, PADDING)
    review_of = np.repeat(np.arange(len(texts)), lengths + 1)
    return _with_phrases(known, len(learned), flat, review_of, labels, phrases)


def _ids(wanted: list[bytes], words: list[bytes]) -> list[int]:
    """The ids of the wanted words that are known."""
    return [FIRST_WORD + words.index(word) for word in wanted if word in words]


def _all_words(texts: Sequence[str]) -> tuple[list[bytes], np.ndarray]:
    """The words of all texts in a row, and how many of them each text has."""
    parts = [split_words(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    words = [word for part in parts for word in part.values.numpy().tolist()]
    return words, np.concatenate([part.row_lengths().numpy() for part in parts])


def _with_phrases(
    words: list[bytes],
    learned: int,
    flat: np.ndarray,
    review_of: np.ndarray,
    labels: np.ndarray,
    phrases: int,
) -> Vocabulary:
    base = FIRST_WORD + len(words)
    inside = np.where(np.isin(flat, _ids(SENTENCE_ENDS, words)), UNKNOWN, flat)
    single = _count(flat, review_of, labels)
    pairs = _count(phrase_keys(inside, base, 2), review_of, labels)
    triples = _count(phrase_keys(inside, base, 3), review_of, labels)
    keys = np.concatenate([pairs.terms, triples.terms])
    surprise = np.concatenate([_surprise(pairs, single, base), _surprise(triples, pairs, base**2)])
    ratios = np.concatenate([pairs.log_ratios, triples.log_ratios])
    chosen = np.argsort(-surprise, kind="stable")[:phrases]
    chosen = chosen[surprise[chosen] > 0]
    word_ratios = np.zeros(base)
    word_ratios[single.terms] = single.log_ratios
    word_ratios[:FIRST_WORD] = 0
    log_count_ratios = np.concatenate([word_ratios, ratios[chosen]])
    return Vocabulary(words, keys[chosen], log_count_ratios.astype(np.float32), learned)


def _surprise(phrases: "_Counts", shorter: "_Counts", ending: int) -> np.ndarray:
    """How many standard errors each phrase's sentiment is from that without its first word.

    Args:
        phrases: n of them.
        shorter: the phrases that are one word shorter.
        ending: a phrase modulo this is the shorter one.

    Returns:
        float64 [n]; negative for phrases that are too rare.
    """
    without_first = np.searchsorted(shorter.terms, phrases.terms % ending)
    distance = np.abs(phrases.log_ratios - shorter.log_ratios[without_first])
    usable = (phrases.terms > 0) & (phrases.reviews >= RAREST_PHRASE)
    return np.where(usable, distance / phrases.standard_errors, -1.0)


@dataclass(frozen=True)
class _Counts:
    """For each term (int64 [n], ascending): the reviews with it, by their labels."""

    terms: np.ndarray
    reviews: np.ndarray
    log_ratios: np.ndarray
    standard_errors: np.ndarray


def _count(terms: np.ndarray, review_of: np.ndarray, labels: np.ndarray) -> _Counts:
    """Count reviews, not occurrences, plus one of each class for every term."""
    different, index = np.unique(terms, return_inverse=True)
    term, review = np.divmod(np.unique(index * len(labels) + review_of), len(labels))
    reviews = np.bincount(term, minlength=len(different))
    positive = np.bincount(term, labels[review], len(different))
    negative = reviews - positive
    prior = np.log(labels.mean() / (1 - labels.mean()))
    return _Counts(
        different,
        reviews,
        np.log((positive + 1) / (negative + 1)) - prior,
        np.sqrt(1 / (positive + 1) + 1 / (negative + 1)),
    )
