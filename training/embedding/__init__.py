"""The embedding: an autoencoder of digits whose code is 32 numbers.

Besides reconstruction (mean squared error), the encoder learns that the codes of a picture and of a
slightly warped copy should be nearer to each other than to those of other pictures. No label is
used. So neighbours in the code space look alike to people, at the price of a slightly higher
reconstruction error.
"""

from training.embedding.evaluation import evaluate
from training.embedding.learning import train

__all__ = ["evaluate", "train"]
