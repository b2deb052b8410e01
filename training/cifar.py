"""The classifier of colour photos: a small residual network, trained on CIFAR-10."""

from functools import partial

from training import augmentation
from training.card import Framing, ImagePreprocessing
from training.data import cifar
from training.image_classifier import evaluation, learning, privacy, robustness
from training.image_classifier.classifier import ImageClassifier
from training.image_classifier.networks import residual_cnn

PHOTOS = ImageClassifier(
    name="cifar",
    description="Tells which of ten kinds of animals and vehicles a small photo shows.",
    labels=[
        "airplane", "automobile", "bird", "cat", "deer",
        "dog", "frog", "horse", "ship", "truck",
    ],
    data=cifar,
    preprocessing=ImagePreprocessing(Framing("resize"), height=32, width=32, channels=3),
    build_network=residual_cnn,
    augmentations={
        "flip": augmentation.flip,
        "shift by 4 pixels": partial(augmentation.shift, pixels=4),
    },
)  # fmt: skip
train = partial(learning.train, PHOTOS)
evaluate = partial(evaluation.evaluate, PHOTOS)
attack = partial(robustness.attack, PHOTOS)
membership = partial(privacy.membership, PHOTOS)
