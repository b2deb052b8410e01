"""Contrast pairs, made by filling templates: "It's a great hotel." and "It isn't a great hotel."

Who judges by single words gets one of a pair wrong. Gardner et al., "Evaluating Models' Local
Decision Boundaries via Contrast Sets", 2020.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.imdb import Reviews, labelled
from training.sentiment.contrast_templates import TRAIN, Template

GOOD = (
    "good great excellent wonderful brilliant amazing fantastic enjoyable impressive lovely superb "
    "delightful memorable nice beautiful funny interesting pleasant satisfying special"
).split()
BAD = (
    "bad terrible awful boring horrible poor disappointing dull dreadful annoying mediocre useless "
    "stupid weak lousy unpleasant tedious pathetic ugly forgettable"
).split()
VERBS = [
    {"like": ["like", "love", "enjoy"], "liked": ["liked", "loved", "enjoyed"]},
    {"hate": ["hate", "dislike"], "hated": ["hated", "disliked"]},
]
VERY = ["", "", "very ", "really ", "so "]
SUBJECTS = [
    {
        "noun": "film movie show series documentary comedy sequel thriller".split(),
        "part": "acting plot story ending dialogue music script cast".split(),
        "get": ["watch", "see"],
        "again": ["watch it again", "see it again"],
    },
    {
        "noun": "book novel album game course".split(),
        "part": "story style ending beginning idea".split(),
        "get": ["buy", "get"],
        "again": ["buy it again", "pick it up again"],
    },
    {
        "noun": "phone laptop camera blender printer app toy jacket car".split(),
        "part": "battery screen sound design quality price keyboard manual".split(),
        "get": ["buy", "get", "order"],
        "again": ["buy it again", "order it again", "use it again"],
    },
    {
        "noun": "restaurant hotel bar cafe place shop".split(),
        "part": "food service staff room breakfast location waiter coffee".split(),
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
    pairs: dict[Template, None] = {}
    for _ in range(2 * count // len(templates)):
        for template in templates:
            pairs.setdefault(_filled(template, random, everything=templates is not TRAIN))
    chosen = list(pairs)[:count]
    return ContrastPairs([good for good, _ in chosen], [bad for _, bad in chosen])


def _filled(template: Template, random: np.random.Generator, *, everything: bool) -> Template:
    """The same words, ending and spelling in both texts."""
    words = _words(random, everything=everything)
    ending, apostrophe = random.choice(len(ENDINGS)), random.choice(len(APOSTROPHES))
    small = random.random() < LOWER_CASE

    def finished(text: str) -> str:
        text = _with_words(text, words)
        text = CONTRACTION.sub(lambda found: _spelled(found[1], APOSTROPHES[apostrophe]), text)
        if text.endswith("."):
            text = text.removesuffix(".") + ENDINGS[ending]
        return text if small else text[0].upper() + text[1:]

    return finished(template[0]), finished(template[1])


def _words(random: np.random.Generator, *, everything: bool) -> dict[str, list[str]]:
    """For each slot the words that its first, second, ... occurrence in a text gets."""
    subject = SUBJECTS[random.choice(len(SUBJECTS))]
    words = {slot: [str(random.choice(choices))] for slot, choices in subject.items()}
    words["very"] = [str(random.choice(VERY))]
    for slot, adjectives in {"good": GOOD, "bad": BAD}.items():
        known = [word for place, word in enumerate(adjectives) if everything or place % 4]
        words[slot] = random.permutation(known).tolist()
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


def _spelled(verb: str, apostrophe: str | None) -> str:
    if apostrophe is None:
        return f"{IN_FULL.get(verb, verb)} not"
    return f"{verb}n{apostrophe}t"
