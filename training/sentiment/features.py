"""What is known about each word before the training: four kinds of features.

- GloVe's vector, from billions of words of other texts;
- its company in the reviews: see `pretraining`;
- its log-count ratio: whether positive or negative texts have it more often;
- how positive people rate it: VADER's lexicon.

What one source doesn't know is estimated from the others. So a word that no review has ("waiter",
"refund") gets what similar words have.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from training.data.word_vectors import WordVectors
from training.sentiment.pretraining import clipped_ratios, pretrained_vectors
from training.sentiment.vocabulary import FIRST_WORD, Vocabulary

COMPANY = 63
"""Dimensions of the vectors from the reviews."""

SPREAD = 0.5
"""Standard deviation of the vectors' entries."""

RIDGE = 10.0


def word_features(
    vocabulary: Vocabulary,
    token_ids: Sequence[np.ndarray],
    glove: WordVectors,
    lexicon: Mapping[bytes, float],
    seed: int,
) -> np.ndarray:
    """All features of all words: float32 [words, features], rows as word ids.

    The log-count ratio is the last but one, the rating the last.

    Args:
        vocabulary: of the words.
        token_ids: int [tokens] for each review.
        glove: word vectors.
        lexicon: ratings from -1 to 1.
        seed: of the factorisation of the company.
    """
    places = {word: place for place, word in enumerate(glove.words)}
    found = [places.get(word, -1) for word in vocabulary.words]
    place = np.array([-1] * FIRST_WORD + found)
    general = glove.vectors[place] * (SPREAD / glove.vectors.std())
    ratings = np.array([0.0] * FIRST_WORD + [lexicon.get(word, 0.0) for word in vocabulary.words])
    learned = np.arange(vocabulary.base) < FIRST_WORD + vocabulary.learned
    near = pretrained_vectors(vocabulary, token_ids, COMPANY, seed)
    company = np.zeros((vocabulary.base, COMPANY), np.float32)
    company[learned, : near.shape[1]] = near
    ratios = clipped_ratios(vocabulary)[: vocabulary.base, np.newaxis]
    own = np.column_stack([company, ratios])
    rated = np.column_stack([general, ratings])
    both = learned & (place >= 0)
    rest = ~learned
    own[rest] = _estimated(rated[both], own[both], rated[rest])
    unknown = place < 0
    general[unknown] = _estimated(own[both], general[both], own[unknown])
    features = np.column_stack([general, own, ratings])
    features[:FIRST_WORD] = 0
    return features.astype(np.float32)


def _estimated(given: np.ndarray, wanted: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Ridge regression from `given` to `wanted` [words, ...], applied to `others`."""
    mean, target = given.mean(axis=0), wanted.mean(axis=0)
    centred = given - mean
    gram = centred.T @ centred + RIDGE * np.eye(given.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (wanted - target))
    estimated: np.ndarray = (others - mean) @ weights + target
    return estimated


def principal_directions(features: np.ndarray, dimensions: int) -> np.ndarray:
    """A projection of the features that keeps most of them: float32 [features, dimensions].

    The last two features, which say most about sentiment, are added up in the last dimension.
    """
    words = features[:, :-2]
    _, directions = np.linalg.eigh(words.T @ words)
    projection = np.zeros((features.shape[1], dimensions), np.float32)
    projection[:-2, :-1] = directions[:, ::-1][:, : dimensions - 1]
    projection[-2:, -1] = 1
    return projection
