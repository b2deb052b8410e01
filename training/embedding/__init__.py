"""The embedding: an autoencoder of digits whose code is 32 numbers.

Besides reconstructing (mean squared error), the encoder learns that a picture and a slightly
warped copy of it should have codes nearer to each other than to anyone else's. No label is used;
it makes neighbours in the code space look alike to people, and costs little reconstruction.
"""

from training.embedding.evaluation import evaluate
from training.embedding.learning import train

__all__ = ["evaluate", "train"]
