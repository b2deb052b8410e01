import numpy as np
import pytest

from training.sentiment.misspellings import misspellings, typos
from training.sentiment.perturbations import KINDS, all_perturbed, neighbours
from training.sentiment.vectorizer import Vectorizer
from training.sentiment.vocabulary import Vocabulary

TEXTS = ["The acting isn't superb and the story kept me guessing until the end."] * 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_of_the_words_is_changed(kind: str) -> None:
    assert all_perturbed(TEXTS, kind, 0, seed=0) == TEXTS
    few, many = (all_perturbed(TEXTS, kind, share, seed=0) for share in (0.1, 1))
    assert 0 < sum(text != TEXTS[0] for text in few) < sum(text != TEXTS[0] for text in many)
    assert many == all_perturbed(TEXTS, kind, 1, seed=0)
    assert many != all_perturbed(TEXTS, kind, 1, seed=1)


def test_case_spacing_and_accents_leave_the_letters() -> None:
    plain = str.maketrans("áéíóúñç", "aeiounc")
    for kind in ("case", "spacing", "accents"):
        for text in all_perturbed(TEXTS, kind, 1, seed=0):
            letters = text.lower().translate(plain).replace(" ", "")
            assert letters == TEXTS[0].lower().replace(" ", "")


def test_a_typo_changes_a_letter_or_two_but_not_the_first() -> None:
    for text in all_perturbed(["superb"] * 200, "typos", 1, seed=0):
        assert text[0] == "s"
        assert len(text) in (5, 6)
        if len(text) == 6:
            assert sum(a != b for a, b in zip(text, "superb", strict=True)) <= 2


def test_neighbours_are_beside_their_key() -> None:
    assert set(neighbours("g")) == set("rtyfhvbn")
    assert neighbours("1") == ""


def test_typos_are_swaps_and_drops() -> None:
    assert typos(b"good") == {b"god", b"goo", b"godo"}


def test_misspellings_of_words_that_say_something_are_read_as_these() -> None:
    words = [b"superb", b"surely", b"supreb", b"table", b"tabel", b"superbly"]
    ratios = np.array([0, 0, 2, 2, 0, 0, 0, 1], np.float32)
    phrases = np.array([3 * 8 + 2], np.int64)  # "surely superb"
    vocabulary = Vocabulary(words, phrases, np.append(ratios, np.float32(0)), learned=6)
    found = misspellings(vocabulary)
    assert found[b"suprb"] == 2
    assert b"supreb" not in found, "that is a word itself"
    assert b"tabl" not in found, "tables say nothing about sentiment"
    vectorizer = Vectorizer(vocabulary)
    assert [row.tolist() for row in vectorizer.all_token_ids(["surely suprb tabl", "supreb"])] == [
        [3, 8, 1], [4],
    ]  # fmt: skip


def test_a_misspelling_of_two_words_is_unknown() -> None:
    words = [b"battle", b"bottle"]
    vocabulary = Vocabulary(words, np.array([], np.int64), np.array([0, 0, 1, 1.0]), learned=2)
    assert b"bttle" not in misspellings(vocabulary)
