"""The classifier of clothes: as that of digits, with Fashion-MNIST's pictures.

A picture is the photo of one piece, which fills it, on a plain ground: light on dark as in the data
set, or on a light ground as in a shop.
"""

from functools import partial

from training import augmentation
from training.card import Framing, ImagePreprocessing
from training.data import fashion
from training.image_classifier import evaluation, learning, privacy, robustness
from training.image_classifier.classifier import ImageClassifier
from training.image_classifier.networks import clothes_cnn, private_clothes_cnn

CLOTHES = ImageClassifier(
    name="fashion",
    description="Tells which of ten kinds of clothes, shoes and bags a picture shows.",
    labels=[
        "T-shirt/top", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ],
    data=fashion,
    preprocessing=ImagePreprocessing(Framing("resize")),
    build_network=clothes_cnn,
    augmentations={
        "flip": augmentation.flip,
        "shift by 2 pixels": partial(augmentation.shift, pixels=2),
    },
    build_private_network=private_clothes_cnn,
)  # fmt: skip
train = partial(learning.train, CLOTHES)
evaluate = partial(evaluation.evaluate, CLOTHES)
attack = partial(robustness.attack, CLOTHES)
membership = partial(privacy.membership, CLOTHES)
