"""Contrast pairs that were written one by one, without templates.

Templates repeat themselves, and people don't: they use idioms and slang, compare, or only tell what
they did ("I want my money back."). A file has a pair in each line: the positive text, a tab, the
negative one. All are made up for this purpose. Those that measure were written without knowledge of
those that are trained on.
"""

from pathlib import Path

from training.data.imdb import Reviews, Split, labelled

TRAINED = Path(__file__).with_name("written_pairs.tsv")
HELD_OUT = Path(__file__).with_name("written_pairs_held_out.tsv")
VALIDATED = 8
"""Every eighth pair of `TRAINED` isn't trained on: ways to train are compared by these."""


def load() -> Split:
    """All pairs; of each part, all positive texts come first, in the order of the negative ones."""
    pairs = read(TRAINED)
    return Split(
        train=_texts([pair for place, pair in enumerate(pairs) if place % VALIDATED]),
        validation=_texts(pairs[::VALIDATED]),
        test=_texts(read(HELD_OUT)),
    )


def read(path: Path) -> list[tuple[str, str]]:
    """The pairs of a file."""
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [(positive, negative) for positive, negative in rows]


def _texts(pairs: list[tuple[str, str]]) -> Reviews:
    return labelled([positive for positive, _ in pairs], [negative for _, negative in pairs])
