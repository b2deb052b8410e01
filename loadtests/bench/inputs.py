"""Real inputs: MNIST's test images as PNG files, sentences and whole reviews from IMDB."""

import random
import re
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from training.data import imdb, mnist

IMAGES = 1000
SENTENCES = 1000
REVIEWS = 400
SEED = 20
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_LINE_BREAK = re.compile(r"<br\s*/?>")
_WORD = re.compile(r"\w")

Input = bytes | str


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is sent: PNG files with their digits, sentences, and reviews with 1 for positive.

    A single sentence often doesn't show whether its review is positive. So the sentences are the
    load, and the reviews, whose labels are known, are used to check answers.
    """

    images: list[bytes]
    digits: list[int]
    sentences: list[str]
    reviews: list[str]
    positive: list[int]

    def load(self, endpoint: str) -> list[Input]:
        """Return the inputs for an endpoint."""
        return list(self.sentences if endpoint == "sentiment" else self.images)


def load_inputs() -> Inputs:
    """Draw the inputs from the test sets, the same ones every time. Raises TrainingError."""
    draw = random.Random(SEED)  # noqa: S311 - a sample, not a secret
    test = mnist.load().test
    chosen = draw.sample(range(len(test)), IMAGES)
    reviews = imdb.load().reviews.test
    judged = draw.sample(range(len(reviews)), REVIEWS)
    sentences = [sentence for text in reviews.texts for sentence in split_sentences(text)]
    return Inputs(
        images=[_encode_png(Image.fromarray(test.images[i, :, :, 0])) for i in chosen],
        digits=[int(test.labels[i]) for i in chosen],
        sentences=draw.sample(sentences, SENTENCES),
        reviews=[reviews.texts[i] for i in judged],
        positive=[int(reviews.labels[i]) for i in judged],
    )


def split_sentences(review: str) -> list[str]:
    """Return a review's sentences, of their natural lengths, without markup."""
    parts = _SENTENCE_END.split(_LINE_BREAK.sub(" ", review).strip())
    return [part for part in parts if _WORD.search(part)]


def _encode_png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
