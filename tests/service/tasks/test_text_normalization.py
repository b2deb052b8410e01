"""A text is read in the same way however it was typed."""

import unicodedata

import pytest

from service.tasks.preprocessing.text_normalization import normalize
from tests.service.typed_forms import FORMS, SENTENCES

NORMALIZED = {
    "Don\u2019t": "Don't",
    "\u2018Don\u00b4t\u2019": "'Don't'",
    "it&#39;s &quot;good&quot;": 'it\'s "good"',
    "it&#39s": "it's",
    "AT&T, R&D, Q&A; &c.": "AT&T, R&D, Q&A; &c.",
    "a &notable film &unknown; &;": "a &notable film &unknown; &;",
    "&#99999999999999999999;": "&#99999999999999999999;",
    f"&#{'9' * 5000};": f"&#{'9' * 5000};",
    "&lt;br /&gt;": "<br />",
    "&amp;lt;": "<",
    "cafe\u0301": "caf\u00e9",
    "\ufb01ne, e\ufb03cient": "fine, efficient",
    "\uff27\uff4f\uff4f\uff44\uff01": "Good!",
    "won\u00ad\nderful, won\u00ad \r\n derful, won\u00adderful": "wonderful, wonderful, wonderful",
    "\u00ad\n": "",
    "wait\u2026": "wait...",
    "wait\x85": "wait...",
    "a\u00a0b\u3000c\u2009d": "a b c d",
    "A\u200b\u200c\u200d\u2060\ufeffB": "AB",
    "g\u0336o\u0336o\u0336d\u0336": "good",
    "Oscar\u2122 winner": "Oscar  winner",
    "9\u00bd weeks": "9 1\u20442 weeks",
    "film\u00b9": "film 1",
    "good\0film": "good film",
    "half of one \ud83d": "half of one  ",
    "great\u2757 really\u2753": "great! really?",
    "\u5f88\u597d\u3002": "\u5f88\u597d.",
    "\u05e9\u05dc\u05d5\u05dd": "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f600 \u2764\ufe0f": "\U0001f600 \u2764",
    "": "",
}


@pytest.mark.parametrize("typed", NORMALIZED)
def test_a_text_gets_its_plain_form(typed: str) -> None:
    assert normalize(typed) == NORMALIZED[typed]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_plain_sentences_stay_as_they_are(sentence: str) -> None:
    assert normalize(sentence) == sentence


def test_every_form_changes_some_sentence() -> None:
    for name, form in FORMS.items():
        assert any(form(sentence) != sentence for sentence in SENTENCES), name


@pytest.mark.parametrize("form", FORMS)
def test_the_plain_form_is_reached_at_once(form: str) -> None:
    for sentence in SENTENCES:
        plain = normalize(FORMS[form](sentence))
        assert normalize(plain) == plain


@pytest.mark.parametrize(
    "text",
    [
        "e" + "\u0301\u0323" * 500_000,
        "\uff9e\u0301" * 500_000,
        "e" + "\u0301\uff9e\u0323" * 300_000,
        "\u05b0\u0591\u05bd" * 300_000,
        "\ufdfa" * 100_000,
        "&" * 1_000_000,
        "&#" * 500_000,
        "&amp;" * 200_000,
        "\u00ad" * 1_000_000,
        "\u00ad \t" * 300_000,
        "\u2019" * 1_000_000,
    ],
    ids=lambda text: ascii(text[:3]),
)
def test_it_takes_no_longer_for_odd_texts(text: str) -> None:
    """Some of these would take hours if all accents were sorted."""
    assert len(normalize(text)) <= 4 * len(text)


def test_no_character_grows_into_many() -> None:
    for character in map(chr, range(0x110000)):
        if len(unicodedata.normalize("NFKC", character)) > 6:
            assert len(normalize(character)) == 1
