import re

import pytest

from training.sentiment import texts, typed_sentences
from training.sentiment.contrast_pairs import (
    ALL,
    TRAINED,
    ContrastPairs,
    composed_pairs,
    contrast_pairs,
)
from training.sentiment.contrast_templates import HELD_OUT, TRAIN, VALIDATION, Template

PAIRS = 500


@pytest.fixture(scope="module")
def trained() -> list[ContrastPairs]:
    return [contrast_pairs(TRAIN, 1000, seed=0), composed_pairs(1000, seed=0)]


@pytest.fixture(scope="module")
def held_out() -> ContrastPairs:
    return contrast_pairs(HELD_OUT, texts.TEST_PAIRS, seed=2)


def words(pairs: ContrastPairs) -> set[str]:
    return set(re.findall(r"\w+", " ".join([*pairs.positive, *pairs.negative]).lower()))


def templates_without_slots(templates: list[Template]) -> set[str]:
    return {re.sub(r"\W+", " ", text).lower() for pair in templates for text in pair}


def test_there_are_many_different_held_out_pairs(held_out: ContrastPairs) -> None:
    assert len(held_out) >= PAIRS
    pairs = set(zip(held_out.positive, held_out.negative, strict=True))
    assert len(pairs) == len(held_out)
    assert not any(one == other for one, other in pairs)


def test_held_out_templates_are_no_training_templates() -> None:
    trained = templates_without_slots(TRAIN)
    assert not trained & templates_without_slots(HELD_OUT)
    assert not trained & templates_without_slots(VALIDATION)
    assert not templates_without_slots(VALIDATION) & templates_without_slots(HELD_OUT)


def test_no_held_out_text_is_trained_on(
    trained: list[ContrastPairs], held_out: ContrastPairs
) -> None:
    known = {text for pairs in trained for text in (*pairs.positive, *pairs.negative)}
    assert not known & {*held_out.positive, *held_out.negative}


def test_some_adjectives_are_only_in_held_out_pairs(
    trained: list[ContrastPairs], held_out: ContrastPairs
) -> None:
    unseen = {word for slot, known in ALL.items() for word in known if word not in TRAINED[slot]}
    assert len(unseen) == 10
    assert not any(unseen & words(pairs) for pairs in trained)
    assert unseen <= words(held_out)


def test_all_slots_are_filled_and_contractions_are_spelled_in_several_ways(
    trained: list[ContrastPairs], held_out: ContrastPairs
) -> None:
    for pairs in (*trained, held_out):
        everything = " ".join([*pairs.positive, *pairs.negative])
        assert not set("{}") & set(everything)
        assert all(
            f" {form}" in everything for form in ("didn't", "didn\u2019t", "didnt", "did not")
        )


def test_the_same_seed_makes_the_same_pairs() -> None:
    assert contrast_pairs(TRAIN, 200, seed=3) == contrast_pairs(TRAIN, 200, seed=3)
    assert composed_pairs(200, seed=3) == composed_pairs(200, seed=3)
    assert composed_pairs(200, seed=3) != composed_pairs(200, seed=4)


def test_the_labels_belong_to_the_texts(held_out: ContrastPairs) -> None:
    reviews = held_out.reviews()
    half = len(held_out)
    assert reviews.labels[:half].all()
    assert not reviews.labels[half:].any()
    assert reviews.texts == [*held_out.positive, *held_out.negative]


def test_newcomers_sentences_are_balanced_and_different() -> None:
    assert len(set(typed_sentences.POSITIVE)) == len(set(typed_sentences.NEGATIVE)) == 25
