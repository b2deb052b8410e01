"""Real inputs with their labels: the images and sentences in tests/data."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"

TASKS: Final = ("classify", "sentiment", "embed")


@dataclass(frozen=True, slots=True)
class Sample:
    """An image file or a text, its name, and its true label."""

    name: str
    data: bytes | str
    label: str


@cache
def read_samples(task: str) -> list[Sample]:
    """Return the samples for one of `TASKS`."""
    return _read_sentences() if task == "sentiment" else _read_digits()


@cache
def _read_digits() -> list[Sample]:
    """Read the images. A file's name is its digit and its number in MNIST's test set."""
    files = sorted((DATA / "digits").glob("*.png"))
    return [Sample(file.stem, file.read_bytes(), file.stem.partition("_")[0]) for file in files]


def _read_sentences() -> list[Sample]:
    sentences = json.loads((DATA / "sentences.json").read_text())
    return [Sample(str(at), one["text"], one["label"]) for at, one in enumerate(sentences)]
