"""One form for a text, wherever it was typed: on a phone, in a PDF or web page, on a keyboard.

The card names the rule, and the service applies it. The service has the same rule in its own
module, since the two packages never import each other; a test checks that both are equal.
"""

import html
import re
import unicodedata
from dataclasses import replace
from functools import lru_cache
from typing import Final

from training.data.imdb import Reviews, Split

NORMALIZATION: Final = "plain-text-1"
"""The rule's name in the card. Another rule gets another name."""

_ENTITY: Final = re.compile(
    r"&(?:#[0-9]{1,7}(?![0-9]);?|#[xX][0-9a-fA-F]{1,6}(?![0-9a-fA-F]);?|[A-Za-z][A-Za-z0-9]{1,31};"
    r"|(?:amp|apos|gt|lt|nbsp|quot)\b)"
)
# A line that ends with a soft hyphen continues in the middle of a word. The class is there twice
# because a `+` takes twice as long.
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f][^\x00-\x7f]*(?:(?<=\xad)[ \t]*\r?\n[ \t]*)?")
# Nobody sends these control characters: Windows-1252 has other characters at their codes, and
# browsers show those.
_CONTROL: Final = re.compile("[\x80-\x9f]")
_APOSTROPHE: Final = re.compile(
    "[\u00b4\u02b9\u02bb-\u02be\u02c8\u02ca\u02cb\u0384\u055a\u05f3\u1fbd\u1fbf\u1fef"
    "\u1ffd\u1ffe\u2018\u2019\u201b\u2032\u2035\ua78c\uff07\uff40]"
)
_OTHERS: Final = {
    "\u0149": "'n",
    **dict.fromkeys("\u3002\uff61", "."),
    **dict.fromkeys("\u2753\u2754", "?"),
    **dict.fromkeys("\u2755\u2757", "!"),
}
# Halves of characters, and signs that NFKC would turn into letters or whole sentences.
_NO_PART_OF_A_WORD: Final = re.compile("[\ud800-\udfff\u2120\u2122\ufdfa\ufdfb]")
# NFKC would turn "9\xbd" into "91/2", and add a footnote's number to its word.
_NUMBER_APART: Final = re.compile(
    "([\xb2\xb3\xb9\xbc-\xbe\u2070\u2074-\u2079\u2150-\u215f\u2189]+)"
)
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
# No letter has more than a few accents. NFKC sorts them, and thousands on one letter would take
# seconds.
_MANY_ACCENTS: Final = re.compile(r"([\W\uff9e\uff9f][\W\uff9e\uff9f]{29})[\W\uff9e\uff9f]+")
# Accents without a letter: NFKC has already combined the others with theirs.
_LONE_ACCENT: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_SHORT_RUN: Final = 4  # characters


def normalized(split: Split) -> Split:
    """The same texts in plain form: the model is trained and measured on these."""
    return Split(plain(split.train), plain(split.validation), plain(split.test))


def plain(reviews: Reviews) -> Reviews:
    """The same reviews in plain form."""
    return replace(reviews, texts=[normalize(text) for text in reviews.texts])


def normalize(text: str) -> str:
    """A text in its plain form.

    HTML entities become the characters that they stand for. All apostrophes become the same one.
    NFKC replaces separate accents, ligatures, full-width letters, odd spaces and ellipses with the
    usual characters. Invisible characters, such as soft hyphens, and accents without a letter are
    removed.
    """
    if "&" in text:
        # Twice, because many pages encode twice by mistake.
        text = _ENTITY.sub(_characters, _ENTITY.sub(_characters, text))
    text = text.replace("`", "'").replace("\0", " ")
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", _NOT_ASCII.sub(_plain, text))
    return text if text.isascii() else _LONE_ACCENT.sub("", text)


def _characters(entity: re.Match[str]) -> str:
    return _unescaped(entity[0])


@lru_cache(1024)
def _unescaped(entity: str) -> str:
    return html.unescape(entity if entity.endswith(";") else f"{entity};")


def _plain(run: re.Match[str]) -> str:
    return _plain_short(run[0]) if len(run[0]) <= _SHORT_RUN else _plain_run(run[0])


@lru_cache(1024)
def _plain_short(run: str) -> str:
    return _plain_run(run)


def _plain_run(run: str) -> str:
    """A run of non-ASCII characters without those that NFKC doesn't handle."""
    run = _CONTROL.sub(_windows_character, run.rstrip(" \t\r\n"))
    run = _APOSTROPHE.sub("'", run)
    for character, plain in _OTHERS.items():
        run = run.replace(character, plain)
    run = _NUMBER_APART.sub(r" \1", _NO_PART_OF_A_WORD.sub(" ", run))
    run = _INVISIBLE.sub("", run)
    return _MANY_ACCENTS.sub(r"\1", run)


def _windows_character(control: re.Match[str]) -> str:
    return control[0].encode("latin-1").decode("windows-1252", "replace")
