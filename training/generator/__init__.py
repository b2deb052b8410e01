"""The generator: digits that nobody wrote, made from a label and noise by a conditional GAN.

The classifier and the embedding of the repository judge its pictures. Neither takes part in its
training.
"""

from training.generator.evaluation import evaluate
from training.generator.learning import train

__all__ = ["evaluate", "train"]
