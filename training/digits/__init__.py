"""The digit classifier: the reference CNN, trained well.

The architecture is fixed and small. What the plain recipe leaves on the table is gained by the
training alone: augmentation, a warmed-up cosine schedule, averaged weights, and a temperature
fitted on the validation images, which is folded into the last layer.
"""

from training.digits.evaluation import evaluate
from training.digits.learning import train

__all__ = ["evaluate", "train"]
