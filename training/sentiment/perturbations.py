"""Texts as careless people, odd keyboards and old programs write them."""

from collections.abc import Callable, Sequence

import numpy as np

SHORTEST = 4
"""Letters: nobody's typos are in "it"."""

KEYBOARD = ["qwertyuiop", "asdfghjkl", "zxcvbnm"]
ACCENTED = dict(zip("aeiounc", "áéíóúñç", strict=True))
"""Letters as in other languages: 'é' is one key away on many keyboards."""

JOINED = "\0"
"""A word that ends with a zero byte is joined to the next one."""

Random = np.random.Generator


def perturbed(text: str, kind: str, share: float, random: Random) -> str:
    """The text with about this share of its words changed.

    Args:
        text: words between spaces.
        kind: a key of `KINDS`.
        share: 0..1.
        random: what decides.
    """
    change = KINDS[kind]
    words = text.split(" ")
    chosen = random.random(len(words)) < share
    changed = [
        change(word, random) if hit else word for word, hit in zip(words, chosen, strict=True)
    ]
    return " ".join(changed).replace(f"{JOINED} ", "").replace(JOINED, "")


def all_perturbed(texts: Sequence[str], kind: str, share: float, seed: int) -> list[str]:
    """`perturbed` for each of the texts; the same seed gives the same texts."""
    random = np.random.default_rng(seed)
    return [perturbed(text, kind, share, random) for text in texts]


def neighbours(letter: str) -> str:
    """The keys beside and below a letter's; none if it isn't on the keyboard."""
    for number, row in enumerate(KEYBOARD):
        place = row.find(letter)
        if place >= 0:
            rows = KEYBOARD[max(0, number - 1) : number + 2]
            near = "".join(each[max(0, place - 1) : place + 2] for each in rows)
            return near.replace(letter, "")
    return ""


def _typo(word: str, random: Random) -> str:
    """Two letters swapped, one left out, or a neighbouring key; never the first letter."""
    letters = [place for place, each in enumerate(word) if each.isalpha()]
    if len(letters) < SHORTEST:
        return word
    place = int(random.choice(letters[1:-1]))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    match random.integers(3):
        case 0:
            return before + after[:1] + letter + after[1:]
        case 1:
            return before + after
        case _:
            near = neighbours(letter.lower()) or letter
            return before + str(random.choice(list(near))) + after


def _upper(word: str, random: Random) -> str:
    """All capitals, or capitals here and there."""
    if random.random() < 1 / 2:
        return word.upper()
    return "".join(each.upper() if random.random() < 1 / 2 else each for each in word)


def _accented(word: str, random: Random) -> str:
    """Every letter that other languages have with an accent gets one, half of the time."""
    return "".join(
        ACCENTED[each] if each in ACCENTED and random.random() < 1 / 2 else each for each in word
    )


def _spaced(word: str, random: Random) -> str:
    """The word torn apart, or with a second space behind it, or joined to the next one."""
    if len(word) < SHORTEST:
        return word + " "
    match random.integers(3):
        case 0:
            place = int(random.integers(2, len(word) - 1))
            return f"{word[:place]} {word[place:]}"
        case 1:
            return word + " "
        case _:
            return word + JOINED


KINDS: dict[str, Callable[[str, Random], str]] = {
    "typos": _typo,
    "case": _upper,
    "spacing": _spaced,
    "accents": _accented,
}
SHARES = [0.05, 0.1, 0.2, 0.3, 0.5]
"""Five strengths: shares of the words that are changed."""
