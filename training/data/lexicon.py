"""VADER's lexicon (Hutto and Gilbert, 2014): how positive words are, as ten people rated them."""

from training.data import cache
from training.data.wheels import WheelFile, read

WHEEL = WheelFile(
    package="vaderSentiment",
    version="3.3.2",
    path="vaderSentiment/vader_lexicon.txt",
    sha256="1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5",
)
WORDS = 7_506
STRONGEST = 4.0


def load() -> dict[bytes, float]:
    """The rating of each word, from -1 to 1; the lexicon is fetched first if necessary.

    Raises:
        TrainingError: it can't be fetched or cached; the message says what to do.
    """
    return parse(cache.file("vader-lexicon.txt", WHEEL.sha256, lambda: read(WHEEL)))


def parse(content: bytes) -> dict[bytes, float]:
    """Of each line the word and its mean rating, which are followed by more columns."""
    lines = [line.split(b"\t") for line in content.splitlines()]
    return {line[0]: float(line[1]) / STRONGEST for line in lines if len(line) > 1}
