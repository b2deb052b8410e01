"""Misspelled words that are read as what was meant.

Most typos are two letters swapped or one left out. For words that say something, all of these are
known, unless they are words themselves, or could be two words.
"""

from collections import Counter

import numpy as np

from training.sentiment.vocabulary import FIRST_WORD, Vocabulary

SHORTEST = 5
"""Letters: a short word is soon another one."""

STRONG = 0.25
"""Words say something if their log-count ratio is at least this far from 0."""

WORDS = 4000
"""At most so many words, the most frequent ones."""


def misspellings(vocabulary: Vocabulary) -> dict[bytes, int]:
    """The misspelled words, and the ids of what was meant."""
    known = set(vocabulary.words)
    strength = np.abs(vocabulary.log_count_ratios[FIRST_WORD:])
    chosen = [
        (place, word)
        for place, word in enumerate(vocabulary.words[: vocabulary.learned])
        if strength[place] >= STRONG and len(word) >= SHORTEST and word.isalpha()
    ][:WORDS]
    meant = [
        (typo, FIRST_WORD + place) for place, word in chosen for typo in sorted(typos(word) - known)
    ]
    found = Counter(typo for typo, _ in meant)
    return {typo: word for typo, word in meant if found[typo] == 1}


def typos(word: bytes) -> set[bytes]:
    """The word with two neighbouring letters swapped, or one left out; its first letter stays."""
    places = range(1, len(word))
    dropped = {word[:place] + word[place + 1 :] for place in places}
    swapped = {
        word[:place] + word[place + 1 : place + 2] + word[place : place + 1] + word[place + 2 :]
        for place in places[:-1]
    }
    return (dropped | swapped) - {word}
