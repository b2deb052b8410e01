"""The digit classifier: the reference CNN, trained well.

The architecture is fixed and small. It is better than with the plain recipe because of its
training: augmentation, a cosine schedule with warm-up, averaged weights, and a temperature that is
fitted on the validation images and folded into the last layer.
"""

from functools import partial

from training import augmentation
from training.card import Framing, ImagePreprocessing
from training.data import mnist
from training.image_classifier import evaluation, learning, privacy, robustness
from training.image_classifier.classifier import ImageClassifier
from training.image_classifier.networks import private_cnn, reference_cnn

DIGITS = ImageClassifier(
    name="digits",
    description="Tells which digit, 0 to 9, a picture of a handwritten digit shows.",
    labels=[str(digit) for digit in range(10)],
    data=mnist,
    preprocessing=ImagePreprocessing(Framing("ink", box=20)),
    build_network=reference_cnn,
    augmentations={
        "warp": augmentation.warp,
        "restroke": augmentation.restroke,
        "refocus": augmentation.refocus,
        "erase": augmentation.erase,
    },
    build_private_network=private_cnn,
)
train = partial(learning.train, DIGITS)
evaluate = partial(evaluation.evaluate, DIGITS)
attack = partial(robustness.attack, DIGITS)
membership = partial(privacy.membership, DIGITS)
