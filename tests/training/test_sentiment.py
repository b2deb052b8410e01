import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import golden_signatures
from training import artifact, sentiment
from training.card import Card, TextPreprocessing
from training.data import imdb, lexicon, word_vectors
from training.data.imdb import ReviewDataset, Reviews, Split
from training.data.word_vectors import WordVectors
from training.recipes import Recipe
from training.sentiment import learning, robustness, written_pairs
from training.sentiment import texts as all_texts
from training.sentiment.calibration import LengthCalibration
from training.sentiment.examples import LENGTH_BUCKETS, MAX_TOKENS, TrainingExamples, cut, padded
from training.sentiment.model import SentimentNetwork, TrainedNetwork
from training.sentiment.perturbations import KINDS
from training.sentiment.pretraining import pretrained_vectors
from training.sentiment.vectorizer import Vectorizer, head_and_tail
from training.sentiment.vocabulary import UNKNOWN, Vocabulary, learn_vocabulary, phrase_keys
from training.sentiment.words import split_words

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=1e-2, quick=True)
PRAISE = ["a wonderful film", "not bad", "i loved it", "great acting"]
BLAME = ["an awful film", "not good", "i hated it", "poor acting"]
FILLER = ["it is about a dog", "we saw it on monday", "the music is by my aunt", "the end"]

ODD_TEXTS = [
    "",
    " \t\n",
    "<br /><br />",
    "😀😀😀",
    "!?!?...",
    "'''",
    "ÇA C'EST ÉPATANT",
    "これは素晴らしい映画です",
    "שלום",
    "e\u0301\u200d\u202e\ufeff",
    "great\x00film",
    "<" * 500,
    "a" * 5000,
    "1.5/10",
    "it\u2019s NOT GOOD!!!",
]


def reviews(count: int, seed: int, sentences: int = 6) -> Reviews:
    """Made-up reviews, some longer than what the model reads, that end with a verdict."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    texts = []
    for label in labels:
        verdicts = random.choice(PRAISE if label else BLAME, 3).tolist()
        filler = random.choice(FILLER, sentences * (20 if random.random() < 0.1 else 1)).tolist()
        texts.append(". ".join([*filler, *verdicts]) + ".")
    return Reviews(texts, labels)


@pytest.fixture(scope="module")
def dataset() -> ReviewDataset:
    return ReviewDataset(
        reviews=Split(reviews(400, seed=1), reviews(60, seed=2), reviews(80, seed=3)),
        sentences=Split(*(reviews(40, seed=seed, sentences=1) for seed in (4, 5, 6))),
    )


@pytest.fixture(scope="module")
def data(dataset: ReviewDataset) -> Split:
    return dataset.reviews


@pytest.fixture(scope="module")
def glove() -> WordVectors:
    """Vectors of some words of the reviews, and of one that they don't have."""
    words = [b"wonderful", b"awful", b"loved", b"hated", b"dog", b"music", b"delightful"]
    vectors = np.random.default_rng(0).normal(size=(len(words), 100)).astype(np.float32)
    vectors[-1] = vectors[0] + 0.1 * vectors[-1]
    return WordVectors(words, vectors)


RATINGS = {b"wonderful": 0.7, b"awful": -0.5, b"delightful": 0.7}


@pytest.fixture(scope="module")
def vocabulary(data: Split) -> Vocabulary:
    return learn_vocabulary(
        data.train.texts, data.train.labels, words=40, phrases=30, other_words=[b"delightful"]
    )


@pytest.fixture(scope="module")
def vectorizer(vocabulary: Vocabulary) -> Vectorizer:
    return Vectorizer(vocabulary)


@pytest.fixture(scope="module")
def sources(
    dataset: ReviewDataset, glove: WordVectors, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The made-up texts instead of all real ones, and the folder of a cache of its own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRIDENT_CACHE", str(folder))
        patch.setattr(imdb, "load", lambda: dataset)
        patch.setattr(word_vectors, "load", lambda: glove)
        patch.setattr(lexicon, "load", lambda: RATINGS)
        for kind in ("PLAIN", "COMPOSED", "VALIDATION", "TEST"):
            patch.setattr(all_texts, f"{kind}_PAIRS", 60)
        written = written_pairs.read
        patch.setattr(written_pairs, "read", lambda path: written(path)[:60])
        yield folder


@pytest.fixture(scope="module")
def trained(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    """A model trained quickly, through every step of the real training."""
    folder = tmp_path_factory.mktemp("models") / "sentiment" / "2"
    card = sentiment.train(RECIPE, folder)
    assert not list(sources.iterdir()), "what the training needed is gone"
    return folder, card


@pytest.fixture(scope="module")
def loaded(trained: tuple[Path, Card]) -> Any:
    return artifact.load(trained[0])


def serve(loaded: Any, texts: list[str]) -> np.ndarray:
    answer = loaded.signatures["serving_default"](text=tf.constant(texts))
    probabilities: np.ndarray = answer["probabilities"].numpy()
    return probabilities


def vectorize(loaded: Any, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    answer = loaded.signatures["vectorize"](text=tf.constant(texts))
    return answer["token_ids"].numpy(), answer["token_count"].numpy()


def read(loaded: Any, token_ids: np.ndarray) -> np.ndarray:
    answer = loaded.signatures["tokens"](token_ids=tf.constant(token_ids))
    probabilities: np.ndarray = answer["probabilities"].numpy()
    return probabilities


def spelled(vocabulary: Vocabulary, token: int) -> str:
    if token < vocabulary.base:
        return vocabulary.words[token - 2].decode() if token > UNKNOWN else "?"
    words, key = [], int(vocabulary.phrases[token - vocabulary.base])
    while key:
        key, word = divmod(key, vocabulary.base)
        words.append(spelled(vocabulary, word))
    return " ".join(reversed(words))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Isn't it GREAT?!<br />Ada's film", ["isn't", "it", "great", "?", "ada", "film"]),
        ("it\u2019s 'so-so' ... 7/10", ["it", "so", "so", ".", "7", "10"]),
        ("I <3 É\u00c7A < > 5", ["i", "3", "eca", "5"]),
        (
            "Isnt, wont, CANT: a caf\u00e9 giant",
            ["isn't", "won't", "can't", ":", "a", "cafe", "giant"],
        ),
        ("the dogs' end.", ["the", "dogs", "end", "."]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [word.decode() for word in split_words([text]).to_list()[0]] == words


def test_a_phrase_is_numbered_by_its_words() -> None:
    words = np.array([0, 4, 5, 1, 6, 7, 8], np.int64)
    assert phrase_keys(words, 10, 2).tolist() == [0, 0, 45, 0, 0, 67, 78]
    assert phrase_keys(words, 10, 3).tolist() == [0, 0, 0, 0, 0, 0, 678]


def test_phrases_that_turn_a_word_round_are_learned(vocabulary: Vocabulary) -> None:
    phrases = {spelled(vocabulary, token) for token in range(vocabulary.base, vocabulary.size)}
    assert {"great acting", "poor acting"} <= phrases
    assert not any(mark in phrase for phrase in phrases for mark in ".!?")
    ratio = {
        spelled(vocabulary, token): vocabulary.log_count_ratios[token]
        for token in range(2, vocabulary.size)
    }
    assert ratio["great"] > 1 > ratio["dog"] > -1 > ratio["awful"]


def test_a_token_is_the_longest_phrase_that_ends_there() -> None:
    words = [b"not", b"good", b"so"]
    phrases = np.array([2 * 5 + 3, (2 * 5 + 4) * 5 + 3], np.int64)  # "not good", "not so good"
    vectorizer = Vectorizer(Vocabulary(words, phrases, np.zeros(7, np.float32), learned=3))
    texts = ["Not good", "so not so good", "good not", "not very good", ""]
    assert [row.tolist() for row in vectorizer.all_token_ids(texts)] == [
        [2, 5], [4, 2, 4, 6], [3, 2], [2, 1, 3], [],
    ]  # fmt: skip


@pytest.mark.parametrize("max_tokens", [4, 8, 16, 32])
def test_cutting_keeps_head_and_tail(max_tokens: int) -> None:
    rows = [np.arange(1, 21, dtype=np.int32), np.arange(1, 9, dtype=np.int32)]
    matrix = np.zeros((3, 25), np.int32)
    matrix[0, :20], matrix[1, :8] = rows
    expected = [[*row[: max_tokens // 4], *row[max_tokens // 4 - max_tokens :]] for row in rows]
    expected = [
        row.tolist() if len(row) <= max_tokens else kept
        for row, kept in zip(rows, expected, strict=True)
    ]
    assert [row.tolist() for row in cut(rows, max_tokens)] == expected
    found = head_and_tail(tf.constant(matrix), tf.constant([20, 8, 0]), max_tokens).numpy()
    assert [row[row > 0].tolist() for row in found] == [*expected, []]
    assert found.shape[1] == min(max_tokens, 20)


def test_what_was_cut_can_be_cut_again() -> None:
    rows = [np.arange(100)]
    assert cut(cut(rows, 32), 8)[0].tolist() == cut(rows, 8)[0].tolist()


def test_a_batch_of_empty_texts_has_a_column() -> None:
    empty = head_and_tail(tf.zeros([2, 0], tf.int32), tf.zeros([2], tf.int32), 8)
    assert empty.numpy().tolist() == [[0], [0]]


def test_words_in_like_company_have_like_vectors(
    vocabulary: Vocabulary, vectorizer: Vectorizer, data: Split
) -> None:
    company = pretrained_vectors(vocabulary, vectorizer.all_token_ids(data.train.texts), 8, seed=0)

    def likeness(one: bytes, other: bytes) -> float:
        a, b = (company[2 + vocabulary.words.index(word)] for word in (one, other))
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert company.shape == (2 + vocabulary.learned, 8)
    assert likeness(b"loved", b"hated") > likeness(b"loved", b"dog")


def test_pieces_are_parts_of_their_review(
    vocabulary: Vocabulary, vectorizer: Vectorizer, data: Split
) -> None:
    token_ids = vectorizer.all_token_ids(data.train.texts)
    examples = TrainingExamples(vocabulary, token_ids, [], data.train.labels, seed=0)
    for index in list(range(len(token_ids))) * 3:
        piece, whole = examples.piece(index), token_ids[index]
        assert 0 < len(piece) <= MAX_TOKENS
        text = f" {' '.join(map(str, whole))} "
        assert f" {' '.join(map(str, piece))} " in text or len(whole) > MAX_TOKENS


def test_training_batches_hold_one_length_bucket_each(
    vocabulary: Vocabulary, vectorizer: Vectorizer, data: Split
) -> None:
    token_ids = vectorizer.all_token_ids(data.train.texts)
    examples = TrainingExamples(vocabulary, token_ids, [], data.train.labels, seed=0)
    seen = set()
    for ids, labels in examples.batches(8).take(100):
        width, lengths = ids.shape[1], np.count_nonzero(ids, axis=1)
        assert len(ids) == len(labels) == (16 if width <= 32 else 8)
        assert all(width == min(b for b in LENGTH_BUCKETS if b >= length) for length in lengths)
        seen.add(width)
    assert seen <= set(LENGTH_BUCKETS)
    assert len(seen) > 1


def test_cooling_changes_no_decision(vocabulary: Vocabulary) -> None:
    network = SentimentNetwork(vocabulary, np.ones((vocabulary.base, 165), np.float32))
    trained = TrainedNetwork(network)
    token_ids = np.random.default_rng(0).integers(2, vocabulary.size, (20, 12)).astype(np.int32)
    before = trained(token_ids).numpy()
    trained.calibrate(LengthCalibration(sharpness=-1.0, by_length=0.1))
    after = trained(token_ids).numpy()
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    assert (after.max(axis=1) < before.max(axis=1)).all()


def test_training_makes_a_model_a_card_and_pictures(trained: tuple[Path, Card]) -> None:
    folder, card = trained
    accuracies = [metric for metric in card.metrics if metric.name == "accuracy"]
    assert [metric.dataset for metric in accuracies] == [
        "IMDB reviews of other films", "Rotten Tomatoes sentences", "sentences that newcomers type",
    ]  # fmt: skip
    assert "pairs_both_right" in {metric.name for metric in card.metrics}
    assert accuracies[0].value > 0.9
    assert accuracies[0].baseline is not None
    assert card.labels == ["negative", "positive"]
    assert isinstance(card.preprocessing, TextPreprocessing)
    assert card.preprocessing.max_tokens == card.preprocessing.length_buckets[-1] == 256
    assert {name: list(each.inputs) for name, each in card.signatures.items()} == {
        "serving_default": ["text"], "tokens": ["token_ids"], "vectorize": ["text"],
    }  # fmt: skip
    assert {path.name for path in folder.glob("*.png")} == {
        "training_curves.png", "confusion_matrix.png", "calibration_curve.png",
    }  # fmt: skip
    assert golden_signatures(folder) == card.signatures.keys()
    assert "golden.npz" in card.files


def test_an_interrupted_training_goes_on_after_its_teacher(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []

    def counted(model: Any, *_: object, **__: object) -> dict[str, list[float]]:
        fits.append(type(model).__name__)
        return {}

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(learning, "fit", counted)
    monkeypatch.setattr(learning, "TrainedNetwork", interrupt)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            sentiment.train(RECIPE, tmp_path / "sentiment" / "1")
    assert fits == ["Functional", "Distilled", "Distilled"]
    for teacher in sources.iterdir():
        teacher.unlink()


def test_an_attack_shows_what_typos_and_the_like_cost(
    trained: tuple[Path, Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "SHARES", [0.2, 0.5])
    folder = tmp_path / "sentiment" / "2"
    shutil.copytree(trained[0], folder)
    card = sentiment.attack(folder)
    studied = [metric for metric in card.metrics if metric.name.startswith("accuracy_with_")]
    assert len(studied) == 2 * len(KINDS) * 2
    unchanged = {
        metric.dataset: metric.value for metric in card.metrics if metric.name == "accuracy"
    }
    for metric in studied:
        assert metric.baseline is not None
        assert metric.baseline.value == unchanged[metric.dataset]
        if "_case_" in metric.name:
            assert metric.value == unchanged[metric.dataset], "the model reads small letters"
    assert (folder / "robustness.png").exists()
    assert sentiment.evaluate(folder) == card


def test_evaluating_again_writes_the_same_card(trained: tuple[Path, Card]) -> None:
    folder, _ = trained
    written = (folder / "model.json").read_text()
    (folder / "model.json").unlink()
    sentiment.evaluate(folder)
    assert (folder / "model.json").read_text() == written


def test_the_card_says_what_serving_default_reaches(
    trained: tuple[Path, Card], loaded: Any, data: Split
) -> None:
    right = serve(loaded, data.test.texts).argmax(axis=1) == data.test.labels
    assert right.mean() == pytest.approx(trained[1].metrics[0].value)


def test_serving_default_is_tokens_of_vectorize(loaded: Any, data: Split) -> None:
    texts = [*data.test.texts[:20], *ODD_TEXTS]
    token_ids, _ = vectorize(loaded, texts)
    assert read(loaded, token_ids) == pytest.approx(serve(loaded, texts), abs=1e-6)


def test_padding_to_any_bucket_changes_nothing(loaded: Any, data: Split) -> None:
    for text in data.test.texts[:10]:
        token_ids, _ = vectorize(loaded, [text])
        expected = read(loaded, token_ids)
        for bucket in LENGTH_BUCKETS:
            wider = np.pad(token_ids, [(0, 0), (0, max(0, bucket - token_ids.shape[1]))])
            assert read(loaded, wider) == pytest.approx(expected, abs=1e-6)


def test_batch_mates_change_nothing(loaded: Any, data: Split) -> None:
    texts = [*data.test.texts[:20], *ODD_TEXTS]
    alone = np.concatenate([serve(loaded, [text]) for text in texts])
    assert serve(loaded, texts) == pytest.approx(alone, abs=1e-6)


def test_compiling_changes_nothing(loaded: Any, data: Split) -> None:
    token_ids = padded([row[row > 0] for row in vectorize(loaded, data.test.texts[:4])[0]])
    compiled = tf.function(loaded.signatures["tokens"], jit_compile=True)
    answer = compiled(token_ids=tf.constant(token_ids))["probabilities"].numpy()
    assert answer == pytest.approx(read(loaded, token_ids), abs=1e-5)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_get_probabilities(loaded: Any, text: str) -> None:
    probabilities = serve(loaded, [text])
    assert np.isfinite(probabilities).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    token_ids, _ = vectorize(loaded, [text])
    assert 1 <= token_ids.shape[1] <= MAX_TOKENS


def test_bytes_that_are_no_text_do_no_harm(loaded: Any) -> None:
    answer = loaded.signatures["serving_default"](text=tf.constant([b"\xff\xfe good \xc3"]))
    assert np.isfinite(answer["probabilities"].numpy()).all()


def test_a_long_text_is_cut_and_counted_whole(loaded: Any) -> None:
    words = ["dog"] * 10_000
    token_ids, counts = vectorize(loaded, [" ".join(words), "a dog"])
    assert token_ids.shape == (2, MAX_TOKENS)
    assert counts.tolist() == [10_000, 2]
    assert (token_ids[0] > 0).all()
    assert (token_ids[1, 2:] == 0).all()


def test_the_middle_of_a_long_text_is_not_read(loaded: Any) -> None:
    def review(middle: str) -> str:
        return " ".join(["dog"] * 300 + [middle] + ["film"] * 300)

    expected = serve(loaded, [review("awful")])
    assert serve(loaded, [review("great")]) == pytest.approx(expected, abs=1e-7)
