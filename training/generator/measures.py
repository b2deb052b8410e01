"""How alike two sets of pictures are: by their codes, and by their pixels."""

from collections.abc import Iterator

import numpy as np

BLOCK = 500
"""Distances are computed for so many rows at a time, which limits the memory."""


def frechet_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Squared distance of the two normal distributions that fit two sets of codes best.

    |m - n|^2 + tr(C + D - 2 (C D)^(1/2)), of means m, n and covariances C, D. Heusel et al., "GANs
    Trained by a Two Time-Scale Update Rule", 2017, equation 6; there of Inception's codes.

    Args:
        left: float [n, dimensions].
        right: float [m, dimensions].
    """
    means = left.mean(axis=0, dtype=np.float64) - right.mean(axis=0, dtype=np.float64)
    one, other = (np.cov(codes, rowvar=False, dtype=np.float64) for codes in (left, right))
    root = _root(one)
    # (C D)^(1/2) has the trace of (C^(1/2) D C^(1/2))^(1/2), which is symmetric.
    crossed = np.linalg.eigvalsh(root @ other @ root)
    shared = 2 * np.sqrt(np.maximum(crossed, 0)).sum()
    return float(means @ means + np.trace(one) + np.trace(other) - shared)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    root: np.ndarray = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return root


def precision_and_recall(
    real: np.ndarray, made: np.ndarray, neighbours: int = 3
) -> tuple[float, float]:
    """Share of the made codes that lie among the real ones, and the other way round.

    A code lies among others if it is no farther from one of them than that one's third-nearest
    neighbour is. Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing
    Generative Models", 2019, section 2.

    Args:
        real: float [n, dimensions].
        made: float [m, dimensions].
        neighbours: which neighbour's distance is the radius around a code.
    """
    return _among(real, made, neighbours), _among(made, real, neighbours)


def _among(references: np.ndarray, codes: np.ndarray, neighbours: int) -> float:
    radii = [
        np.partition(distances, neighbours, axis=1)[:, neighbours]  # the nearest is itself
        for distances in _squared_distances(references, references)
    ]
    squared = np.concatenate(radii)
    inside = [
        (distances <= squared).any(axis=1) for distances in _squared_distances(codes, references)
    ]
    return float(np.concatenate(inside).mean())


def nearest(rows: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest reference [m, d] of each row [n, d]: its index [n] and its distance [n]."""
    blocks = [
        (distances.argmin(axis=1), distances.min(axis=1))
        for distances in _squared_distances(rows, references)
    ]
    indexes, squared = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return indexes, np.sqrt(np.maximum(squared, 0))


def _squared_distances(rows: np.ndarray, references: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances [at most 500, m] of a block of the rows after another."""
    lengths = np.square(references).sum(axis=1)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        yield np.square(block).sum(axis=1)[:, np.newaxis] + lengths - 2 * block @ references.T


def spreads(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each class, lowest first, the mean squared distance of its codes from their mean.

    Half the mean squared distance between two of them, so it is 0 if all are the same.
    """
    return np.array([codes[labels == label].var(axis=0).sum() for label in np.unique(labels)])
