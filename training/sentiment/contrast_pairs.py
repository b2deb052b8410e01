"""Contrast pairs from templates: "It's a great hotel" beside "It isn't a great hotel".

Who judges by single words gets one of a pair wrong. Gardner et al., "Evaluating Models' Local
Decision Boundaries via Contrast Sets", 2020.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.data.imdb import Reviews, labelled
from training.sentiment.contrast_templates import FRAMES, TRAIN, TURNS, Template

GOOD = [
    "good",
    "great",
    "excellent",
    "wonderful",
    "brilliant",
    "amazing",
    "fantastic",
    "enjoyable",
    "impressive",
    "lovely",
    "superb",
    "delightful",
    "memorable",
    "nice",
    "beautiful",
    "funny",
    "interesting",
    "pleasant",
    "satisfying",
    "special",
]
BAD = [
    "bad",
    "terrible",
    "awful",
    "boring",
    "horrible",
    "poor",
    "disappointing",
    "dull",
    "dreadful",
    "annoying",
    "mediocre",
    "useless",
    "stupid",
    "weak",
    "lousy",
    "unpleasant",
    "tedious",
    "pathetic",
    "ugly",
    "forgettable",
]
Adjectives = dict[str, list[str]]
ALL: Adjectives = {"good": GOOD, "bad": BAD}
TRAINED: Adjectives = {
    slot: [word for place, word in enumerate(words) if place % 4] for slot, words in ALL.items()
}
"""Every fourth adjective is only in pairs that aren't trained on."""

VERBS = [
    {"like": ["like", "love", "enjoy"], "liked": ["liked", "loved", "enjoyed"]},
    {"hate": ["hate", "dislike"], "hated": ["hated", "disliked"]},
]
VERY = ["", "", "very ", "really ", "so "]
SUBJECTS = [
    {
        "noun": ["film", "movie", "show", "series", "documentary", "comedy", "sequel", "thriller"],
        "part": ["acting", "plot", "story", "ending", "dialogue", "music", "script", "cast"],
        "get": ["watch", "see"],
        "again": ["watch it again", "see it again"],
    },
    {
        "noun": ["book", "novel", "album", "game", "course"],
        "part": ["story", "style", "ending", "beginning", "idea"],
        "get": ["buy", "get"],
        "again": ["buy it again", "pick it up again"],
    },
    {
        "noun": ["phone", "laptop", "camera", "blender", "printer", "app", "toy", "jacket", "car"],
        "part": ["battery", "screen", "sound", "design", "quality", "price", "keyboard", "manual"],
        "get": ["buy", "get", "order"],
        "again": ["buy it again", "order it again", "use it again"],
    },
    {
        "noun": ["restaurant", "hotel", "bar", "cafe", "place", "shop"],
        "part": ["food", "service", "staff", "room", "breakfast", "location", "waiter", "coffee"],
        "get": ["try", "visit"],
        "again": ["go there again", "go back", "come back", "visit it again"],
    },
]
ENDINGS = [".", ".", ".", "!", ""]
SLOT = re.compile(r"\{(a )?(\w+)\}")
CONTRACTION = re.compile(r"\b(\w+)n't\b")
APOSTROPHES = ["'", "'", "\u2019", "", None]
"""How people type "isn't": with an apostrophe, that of phones, or none; None is "is not"."""

IN_FULL = {"ca": "can", "wo": "will"}
FRAMED = 0.5
"""Share of the composed pairs that have a frame; the others have a turn."""

LOWER_CASE = 0.25
"""Share of the pairs that start with a small letter."""


@dataclass(frozen=True)
class ContrastPairs:
    """`positive[i]` and `negative[i]` are a pair."""

    positive: list[str]
    negative: list[str]

    def __len__(self) -> int:
        return len(self.positive)

    def reviews(self) -> Reviews:
        """All positive texts, then all negative ones."""
        return labelled(self.positive, self.negative)


def contrast_pairs(templates: Sequence[Template], count: int, seed: int) -> ContrastPairs:
    """At most `count` different pairs, about as many of each template as it can give.

    Every fourth adjective is in no pair of `TRAIN`.
    """
    random = np.random.default_rng(seed)
    known = TRAINED if templates is TRAIN else ALL
    filled = (
        _finished(_filled(each, known, random), random) for each in itertools.cycle(templates)
    )
    return _different(filled, count, tries=2 * count)


def composed_pairs(count: int, seed: int) -> ContrastPairs:
    """At most `count` pairs of `TRAIN`, within a frame or joined to a second one by a turn."""
    random = np.random.default_rng(seed)

    def composed() -> Iterator[Template]:
        while True:
            first, second = (TRAIN[place] for place in random.choice(len(TRAIN), 2, replace=False))
            this = _inner(_filled(first, TRAINED, random))
            if random.random() < FRAMED:
                frame = str(random.choice(FRAMES))
                pair = frame.replace("{this}", this[0]), frame.replace("{this}", this[1])
            else:
                turn, other = str(random.choice(TURNS)), _inner(_filled(second, TRAINED, random))
                pair = (
                    turn.replace("{this}", this[0]).replace("{other}", other[1]),
                    turn.replace("{this}", this[1]).replace("{other}", other[0]),
                )
            yield _finished(pair, random)

    return _different(composed(), count, tries=2 * count)


def _different(pairs: Iterator[Template], count: int, tries: int) -> ContrastPairs:
    chosen = list(dict.fromkeys(itertools.islice(pairs, tries)))[:count]
    return ContrastPairs([good for good, _ in chosen], [bad for _, bad in chosen])


def _inner(pair: Template) -> Template:
    """The texts as parts of a longer one."""
    return _inside(pair[0]), _inside(pair[1])


def _inside(text: str) -> str:
    text = text.rstrip(".")
    return text if text.startswith(("I ", "I'")) else text[0].lower() + text[1:]


def _finished(pair: Template, random: np.random.Generator) -> Template:
    """Both texts with the same ending and spelling."""
    ending, apostrophe = random.choice(len(ENDINGS)), random.choice(len(APOSTROPHES))
    small = random.random() < LOWER_CASE

    def finished(text: str) -> str:
        text = respelled(text, apostrophe)
        if text[-1] not in "!?":
            text = text.removesuffix(".") + ENDINGS[ending]
        return text if small else text[0].upper() + text[1:]

    return finished(pair[0]), finished(pair[1])


def _filled(template: Template, known: Adjectives, random: np.random.Generator) -> Template:
    words = _words(known, random)
    return _with_words(template[0], words), _with_words(template[1], words)


def _words(adjectives: Adjectives, random: np.random.Generator) -> dict[str, list[str]]:
    """For each slot the words that its first, second, ... occurrence in a text gets."""
    subject = SUBJECTS[random.choice(len(SUBJECTS))]
    words = {slot: [str(random.choice(choices))] for slot, choices in subject.items()}
    words["very"] = [str(random.choice(VERY))]
    words |= {slot: random.permutation(known).tolist() for slot, known in adjectives.items()}
    for forms in VERBS:
        number = random.choice(len(next(iter(forms.values()))))
        words |= {slot: [verbs[number]] for slot, verbs in forms.items()}
    return words


def _with_words(text: str, words: dict[str, list[str]]) -> str:
    left = {slot: iter(chosen * 2) for slot, chosen in words.items()}

    def word(slot: re.Match[str]) -> str:
        chosen = next(left[slot[2]])
        article = ("an " if chosen[0] in "aeiou" else "a ") if slot[1] else ""
        return article + chosen

    return SLOT.sub(word, text)


def respelled(text: str, form: int) -> str:
    """The text with "isn't" and the like spelled with another one of `APOSTROPHES`."""
    apostrophe = APOSTROPHES[form]

    def spelled(found: re.Match[str]) -> str:
        if apostrophe is None:
            return f"{IN_FULL.get(found[1], found[1])} not"
        return f"{found[1]}n{apostrophe}t"

    return CONTRACTION.sub(spelled, text)
