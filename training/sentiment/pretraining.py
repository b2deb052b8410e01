"""Word vectors from the training reviews alone: words with similar contexts are similar.

They factorise the positive pointwise mutual information of words that occur near each other. Levy
and Goldberg ("Neural Word Embedding as Implicit Matrix Factorization", 2014) show that skip-gram
with negative sampling does the same; this method takes half a minute and has no learning rate.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
from sklearn.utils.extmath import randomized_svd

from training.sentiment.vocabulary import FIRST_WORD, PADDING, UNKNOWN, Vocabulary

WINDOW = 6
"""Words up to this distance count as context; nearer ones have more weight."""

SMOOTHING = 0.75
"""Power of the context's frequency: keeps rare words from looking strongly associated."""

SPREAD = 0.5
"""Standard deviation of the vectors' entries."""

STRONGEST_RATIO = 3.0


def pretrained_vectors(
    vocabulary: Vocabulary, token_ids: Sequence[np.ndarray], dimensions: int, seed: int
) -> np.ndarray:
    """A vector for every word that the texts have, from its contexts there.

    Args:
        vocabulary: of the words.
        token_ids: int [tokens] for each review.
        dimensions: of the vectors.
        seed: of the factorisation.

    Returns:
        float32 [learned words, dimensions], rows as word ids.
    """
    size = FIRST_WORD + vocabulary.learned
    last = np.where(vocabulary.last_words < size, vocabulary.last_words, UNKNOWN)
    association = _mutual_information(_company([last[review] for review in token_ids], size))
    left, strength, _ = randomized_svd(association, dimensions, n_iter=3, random_state=seed)
    vectors = left * np.sqrt(strength)
    vectors *= SPREAD / vectors.std()
    return np.asarray(vectors, np.float32)


def clipped_ratios(vocabulary: Vocabulary) -> np.ndarray:
    """The log-count ratios, float32 [tokens], limited to a range."""
    return vocabulary.log_count_ratios.clip(-STRONGEST_RATIO, STRONGEST_RATIO)


def _company(reviews: Sequence[np.ndarray], size: int) -> scipy.sparse.csr_matrix:
    """How often words occur near each other, weighted by nearness: [size, size], symmetric."""
    border = np.full(WINDOW, PADDING)
    flat = np.concatenate([part for review in reviews for part in (review, border)])
    counts = scipy.sparse.csr_matrix((size, size), dtype=np.float32)
    for apart in range(1, WINDOW + 1):
        left, right = flat[:-apart], flat[apart:]
        known = (left >= FIRST_WORD) & (right >= FIRST_WORD)
        weight = np.full(known.sum(), 1 - (apart - 1) / WINDOW, np.float32)
        near = scipy.sparse.coo_matrix((weight, (left[known], right[known])), (size, size))
        counts += near.tocsr()
    return counts + counts.T


def _mutual_information(company: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """Ln p(word, context) / (p(word) p(context)), where positive; 0 elsewhere."""
    counts = company.tocoo()
    words = np.asarray(company.sum(axis=1)).ravel()
    contexts = words**SMOOTHING
    expected = words[counts.row] * contexts[counts.col] / contexts.sum()
    information = np.maximum(np.log(counts.data / expected), 0)
    association = scipy.sparse.coo_matrix((information, (counts.row, counts.col)), counts.shape)
    association = association.tocsr()
    association.eliminate_zeros()
    return association
