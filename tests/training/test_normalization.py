"""The model's training and test texts have the same form as in serving."""

import random
import unicodedata
from collections.abc import Iterator

import numpy as np
import pytest

from service.runtime.card import TextPreprocessing
from service.tasks.preprocessing import text_normalization as served
from tests.service.typed_forms import FORMS, SENTENCES
from training.data.imdb import Reviews, Split
from training.sentiment import normalization as learned

TYPED = [form(sentence) for form in FORMS.values() for sentence in SENTENCES]
PARTS = [
    *("a", "Z", "9", " ", "\n", "\r\n", "'", '"', "<", ">", "&", ";", "#", "-", ".", "`", "\0"),
    *("&#39;", "&#x2019", "&amp;", "&nbsp", "&eacute;", "&notin;", "&amp;lt;", "<br />", "good"),
    *("\u2019", "\xb4", "\xad", "\xad\n", "\xa0", "\x92", "\x85", "\u0301", "\u0323", "\ufb01"),
    *("\uff27", "\u200b", "\ufe0f", "\U0001f600", "\u2122", "\xbd", "\uff9e", "\ufdfa", "\ud800"),
]


def _every_character() -> Iterator[str]:
    """Yield texts that hold each character, apart from planes without one of interest."""
    for start in (*range(0, 0x20000, 64), *range(0xE0000, 0xE1000, 64)):
        characters = [chr(code) for code in range(start, start + 64)]
        yield "e".join(characters) + "".join(characters)


def _mixed(seed: int) -> Iterator[str]:
    draw = random.Random(seed)
    for _ in range(5000):
        yield "".join(draw.choices(PARTS, k=draw.randrange(40)))


@pytest.mark.parametrize(
    "texts", [TYPED, _every_character(), _mixed(0)], ids=("typed", "all", "mixed")
)
def test_the_service_and_the_training_have_the_same_rule(texts: Iterator[str]) -> None:
    different = [text for text in texts if served.normalize(text) != learned.normalize(text)]
    assert different == []


def test_the_service_knows_the_rule_by_the_name_that_the_card_gives() -> None:
    TextPreprocessing(
        type="text", max_tokens=1, length_buckets=(1,), normalization=learned.NORMALIZATION
    )


def test_all_reviews_are_normalized() -> None:
    typed = [unicodedata.normalize("NFD", f"It isn\u2019t {word}") for word in ("naïve", "déjà vu")]
    reviews = Reviews(typed, np.array([0, 1]))
    data = learned.normalized(Split(reviews, reviews, reviews))
    for part in (data.train, data.validation, data.test):
        assert part.texts == ["It isn't naïve", "It isn't déjà vu"]
        assert part.labels is reviews.labels
