"""Texts of any length are read as the model's own graph reads them, at a bounded cost."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.engine.folder.repository import read_models
from service.errors import UndecodableInputError
from service.runtime.card import ModelCard, TextPreprocessing
from service.runtime.saved_model import Array, SavedModel
from service.tasks.preprocessing.text_normalization import normalize
from service.tasks.preprocessing.vectorizing import LONG, LONGEST, SHORT, TextVectorizer, Tokens
from service.tasks.task import TaskLimits
from service.tasks.text_classification import TextClassification

PRAISE = "A wonderful film, I loved every minute of it. "
BLAME = "It was not good: a dull waste of time, don't go. "
PIECES = [
    *(PRAISE + BLAME).split(),
    *(
        "Isn't it GREAT?!",
        "Ada's",
        "1 < 2",
        "a > b",
        "<3",
        "<",
        ">",
        "<<",
        "</p>",
        "<br />",
        "...!",
    ),
    *(
        "<i>so</i>",
        '<a href="not good, not bad">',
        "<a bad",
        "'s",
        "''",
        "&amp;",
        "שלום",
        "é",
        "😀",
    ),
]
FILLINGS: list[Callable[[int], str]] = [
    lambda n: " " * n,
    lambda n: "!" * n,
    lambda n: "x" * n,
    lambda n: "<br />" * n,
    lambda n: f"<a {'very bad ' * (n // 5)}>",
    lambda n: f"<a {'very bad ' * (n // 5)}",
]

PATHOLOGICAL = {
    "one word": "a" * 1_000_000,
    "spaces, then words": " " * 1_000_000 + PRAISE,
    "words, then spaces": PRAISE + " " * 1_000_000,
    "words at both ends": PRAISE + "\n" * 1_000_000 + BLAME,
    "one-letter words": "a b " * 250_000,
    "marks": "!" * 1_000_000,
    "marks between words": PRAISE + "?! " * 300_000 + BLAME,
    "breaks": "<br />" * 160_000,
    "breaks between words": PRAISE + "<br />" * 160_000 + BLAME,
    "opened tags": "<a" * 500_000,
    "a picture in the page": "Look <img src='" + "iVBORw0KGgo" * 90_000 + "' /> how good it was",
    "a tag around it all": "<a " + "bad " * 250_000 + ">" + PRAISE,
    "brackets": "<>" * 500_000,
    "apostrophes": "'" * 1_000_000,
    "emoji": PRAISE + "😀" * 1_000_000,
    "combining marks": PRAISE + "\u0301\u0323" * 500_000,
    "right to left": "שלום עולם " * 100_000,
    "no spaces": "電影很好看" * 200_000,
}


class Recorder:
    """The model's own signature, and the sizes of what it was called with."""

    def __init__(self, signature: Any) -> None:
        self.signature = signature
        self.calls: list[list[int]] = []

    def __call__(self, texts: list[str]) -> dict[str, Array]:
        self.calls.append([len(text) for text in texts])
        answer: dict[str, Array] = self.signature(texts)
        return answer


@pytest.fixture(scope="module")
def card(shipped_models: Path) -> ModelCard:
    return next(a.card for a in read_models(shipped_models).artifacts if a.card.name == "sentiment")


@pytest.fixture(scope="module")
def model(shipped_models: Path) -> SavedModel:
    return SavedModel(shipped_models / "sentiment" / "1")


@pytest.fixture(scope="module")
def preprocessing(card: ModelCard) -> TextPreprocessing:
    assert isinstance(card.preprocessing, TextPreprocessing)
    return card.preprocessing


@pytest.fixture(scope="module")
def graph(card: ModelCard, model: SavedModel) -> Any:
    """The model's own signature, which takes texts of any length."""
    spec = card.signature("vectorize", "token_ids", "token_count")
    signature, (name,) = model.signature("vectorize", spec), spec.inputs
    return lambda texts: signature({name: texts})


@pytest.fixture
def recorder(graph: Any) -> Recorder:
    return Recorder(graph)


@pytest.fixture
def vectorizer(recorder: Recorder, preprocessing: TextPreprocessing) -> TextVectorizer:
    """One that takes texts as they are."""
    as_they_are = preprocessing.model_copy(update={"normalization": None})
    return TextVectorizer(recorder, as_they_are)


def odd_texts(seed: int) -> Iterator[str]:
    """Long texts of words, marks, tags and halves of tags, some with large gaps between words."""
    draw = random.Random(seed)
    for _ in range(12):
        gaps = draw.choice((0.0, 0.005, 0.05))
        parts: list[str] = []
        for _ in range(draw.choice((1_800, 6_000, 40_000))):
            parts += draw.choice(PIECES), " " * draw.choice((0, 1, 1, 1, 3))
            if draw.random() < gaps:
                parts.append(draw.choice(FILLINGS)(draw.randrange(2_000)))
        yield "".join(parts)


def read_long(vectorizer: TextVectorizer, text: str) -> Tokens:
    tokens = vectorizer.read(text)
    assert isinstance(tokens, Tokens)
    return tokens


def is_read_whole(tokens: Tokens, vectors: dict[str, Array], max_tokens: int) -> bool:
    count = int(vectors["token_count"][0])
    expected = vectors["token_ids"][:, : min(count, max_tokens)]
    found = tokens.ids[:, : expected.shape[1]]
    return (
        np.array_equal(found, expected)
        and not tokens.ids[:, expected.shape[1] :].any()
        and tokens.truncated.tolist() == [count > max_tokens]
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_long_text_gives_the_tokens_that_the_whole_graph_gives(
    vectorizer: TextVectorizer, graph: Any, seed: int
) -> None:
    for text in odd_texts(seed):
        assert is_read_whole(read_long(vectorizer, text), graph([text]), 256), text[:80]


@pytest.mark.parametrize("seed", range(2))
def test_a_long_text_is_normalized_as_a_whole_one_is(
    recorder: Recorder, preprocessing: TextPreprocessing, graph: Any, seed: int
) -> None:
    vectorizer = TextVectorizer(recorder, preprocessing)
    typed = str.maketrans(
        {"'": "\u2019", "<": "&lt;", "e": "e\xad", "o": "o\u0308", "!": "\u2026", "d": "\uff44"}
    )
    for text in odd_texts(seed):
        text = text[: LONGEST // 6].translate(typed)
        assert is_read_whole(read_long(vectorizer, text), graph([normalize(text)]), 256), text[:80]


@pytest.mark.parametrize("length", [LONG + 1, LONGEST - 1, LONGEST, LONGEST + 1])
@pytest.mark.parametrize("unit", ["a ", PRAISE, "a b <br />", "!", "x", "<p>very</p> good "])
def test_nothing_changes_at_the_limits(
    vectorizer: TextVectorizer, graph: Any, unit: str, length: int
) -> None:
    text = (unit * length)[:length]
    tokens, vectors = read_long(vectorizer, text), graph([text])
    count = int(vectors["token_count"][0])
    assert np.array_equal(tokens.ids[0, : min(count, 256)], vectors["token_ids"][0])
    assert tokens.truncated[0] == (count > 256 or length > LONGEST)


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_an_odd_long_text_gives_the_tokens_that_the_whole_graph_gives(
    vectorizer: TextVectorizer, graph: Any, name: str
) -> None:
    text = PATHOLOGICAL[name]
    tokens, vectors = read_long(vectorizer, text), graph([text])
    expected = vectors["token_ids"][0]
    assert np.array_equal(tokens.ids[0, : len(expected)], expected)
    assert not tokens.ids[0, len(expected) :].any()
    assert tokens.truncated.tolist() == [True]


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_no_call_takes_much_of_a_long_text(
    vectorizer: TextVectorizer, recorder: Recorder, name: str
) -> None:
    read_long(vectorizer, PATHOLOGICAL[name])
    assert len(recorder.calls) <= 3
    assert sum(map(sum, recorder.calls)) <= LONG + 2 * LONGEST


def test_long_and_short_texts_share_no_call(
    vectorizer: TextVectorizer, recorder: Recorder, graph: Any
) -> None:
    texts = [PRAISE, "a b " * 2000, PRAISE * 20, "fine", PRAISE * 100_000, BLAME * 150, "so", "bad"]
    texts = [*texts, *["good"] * 56]
    rows = [vectorizer.read(text) for text in texts]
    recorder.calls.clear()
    tokens = vectorizer(rows)
    assert sorted(map(len, recorder.calls)) == [2, 61]
    assert all(max(call) <= SHORT or min(call) > SHORT for call in recorder.calls)
    for index, text in enumerate(texts):
        row = Tokens(
            *(part[index : index + 1] for part in (tokens.ids, tokens.counts, tokens.truncated))
        )
        assert is_read_whole(row, graph([text]), 256)


def test_of_a_model_that_does_not_say_what_it_reads_the_start_is_read(
    recorder: Recorder, graph: Any, preprocessing: TextPreprocessing
) -> None:
    silent = preprocessing.model_copy(update={"head_tokens": None})
    vectorizer = TextVectorizer(recorder, silent)
    for text, truncated in ((" " * LONGEST + BLAME, True), (" " * LONG + PRAISE, False)):
        recorder.calls.clear()
        tokens = read_long(vectorizer, text)
        assert np.array_equal(tokens.ids, graph([text[:LONGEST]])["token_ids"][:, :256])
        assert tokens.truncated.tolist() == [truncated]
        assert sum(map(sum, recorder.calls)) <= LONGEST


@pytest.mark.parametrize("head_tokens", [0, 3, 8])
def test_head_and_tail_are_as_the_card_says(head_tokens: int) -> None:
    def count_letters(texts: list[str]) -> dict[str, Array]:
        rows = [[ord(word) for word in text.split()] for text in texts]
        read = [
            r if len(r) <= 8 else [*r[:head_tokens], *r[len(r) - 8 + head_tokens :]] for r in rows
        ]
        ids = np.zeros((len(texts), 8), np.int32)
        for line, row in zip(ids, read, strict=True):
            line[: len(row)] = row
        return {"token_ids": ids, "token_count": np.array([len(row) for row in rows], np.int32)}

    preprocessing = TextPreprocessing(
        type="text", max_tokens=8, length_buckets=(8,), head_tokens=head_tokens
    )
    text = " ".join(chr(0x4E00 + index) for index in range(20_000))
    tokens = read_long(TextVectorizer(count_letters, preprocessing), text)
    assert np.array_equal(tokens.ids, count_letters([text])["token_ids"])


@pytest.fixture(scope="module")
def task(model: SavedModel, card: ModelCard) -> TextClassification:
    return TextClassification(model, card, TaskLimits(max_batch_size=64, max_pixels=1))


def test_a_long_text_is_vectorised_before_it_waits_with_others(task: TextClassification) -> None:
    assert not task.decodes_in_thread("good")
    assert not task.decodes_in_thread("a" * LONG)
    text = PRAISE * 1000
    assert task.decodes_in_thread(text)
    row = task.decode(text)
    assert isinstance(row, Tokens)
    assert not task.may_run_inline(row)
    assert sum(a.nbytes for a in (row.ids, row.counts, row.truncated)) <= task.row_bytes(text)


def test_the_memory_that_a_long_text_takes_does_not_grow_with_it(task: TextClassification) -> None:
    longest = task.decoding_bytes("a " * 16_000_000)
    assert longest == task.decoding_bytes("a " * LONGEST) <= 4 * 1024 * 1024
    assert task.decoding_bytes("a" * (LONG + 1)) < longest
    assert task.row_bytes("good") < 4096
    assert task.row_bytes("a" * LONG) == task.row_bytes("a" * 1_000_000)


def test_texts_of_a_model_whose_card_names_no_normalization_are_not_changed(
    vectorizer: TextVectorizer,
) -> None:
    for text in ("don\u2019t", "it&#39;s", "cafe\u0301", "\ufb01ne"):
        assert vectorizer.read(text) == text


@pytest.mark.parametrize("text", [" ", "\n\t" * 50_000, "\u3000" * 100_000], ids=len)
def test_a_text_of_nothing_but_spaces_is_empty_however_long(
    task: TextClassification, text: str
) -> None:
    with pytest.raises(UndecodableInputError, match="empty"):
        task.decode(text)


def test_a_batch_is_answered_as_each_of_its_texts_alone(task: TextClassification) -> None:
    texts = [PRAISE, "a b " * 300_000, BLAME * 90, "<br />" * 20_000 + "Awful!", "x" * 70_000, "so"]
    rows = [task.decode(text) for text in texts]
    together = task.predict(rows)
    for row, answer in zip(rows, together, strict=True):
        (alone,) = task.predict([row])
        assert alone.label == answer.label
        assert alone.score == pytest.approx(answer.score, abs=1e-5)
        assert alone.truncated == answer.truncated
    assert [answer.truncated for answer in together] == [False, True, True, True, True, False]
