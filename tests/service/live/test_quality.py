"""The shipped models answer committed samples well: not perfectly, but far better than chance."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.service.live_server import ROOT

DATA = ROOT / "tests" / "data"
MIN_DIGITS_RIGHT = 38  # of 40
MIN_SENTENCES_RIGHT = 0.85
ERROR_MARGIN = 1.5  # 40 samples against the test set's mean
NEIGHBOURS = 3
MIN_NEIGHBOURS_ALIKE = 0.45  # of 3 in 39 each: 0.08 by chance, 0.37 by a random projection


@pytest.fixture(scope="module")
def digits() -> list[Path]:
    """The sample images, named LABEL_INDEX.png."""
    return sorted((DATA / "digits").glob("*.png"))


def _post_image(http: httpx.Client, path: str, image: Path) -> Any:
    answer = http.post(path, content=image.read_bytes(), headers={"content-type": "image/png"})
    return answer.raise_for_status().json()


def _label(image: Path) -> str:
    return image.stem.partition("_")[0]


def test_the_samples_are_balanced(digits: list[Path]) -> None:
    assert sorted(map(_label, digits)) == sorted("0123456789" * 4)
    sentences = json.loads((DATA / "sentences.json").read_text())
    labels = [sentence["label"] for sentence in sentences]
    assert (labels.count("positive"), labels.count("negative")) == (15, 15)


def test_digits_are_read(http: httpx.Client, digits: list[Path]) -> None:
    answers = {image: _post_image(http, "/classify", image) for image in digits}
    wrong = [image.name for image, answer in answers.items() if answer["label"] != _label(image)]
    assert len(digits) - len(wrong) >= MIN_DIGITS_RIGHT, wrong
    assert {answer["model"] for answer in answers.values()} == {"digits"}


def test_sentences_are_judged(http: httpx.Client) -> None:
    sentences = json.loads((DATA / "sentences.json").read_text())
    wrong = []
    for sentence in sentences:
        answer = http.post("/sentiment", json={"text": sentence["text"]}).raise_for_status().json()
        if answer["label"] != sentence["label"]:
            wrong.append((sentence["text"], answer["score"]))
    assert 1 - len(wrong) / len(sentences) >= MIN_SENTENCES_RIGHT, wrong


@pytest.fixture(scope="module")
def embeddings(http: httpx.Client, digits: list[Path]) -> list[Any]:
    """What /embed answers to each of the sample images."""
    return [_post_image(http, "/embed", image) for image in digits]


def test_images_are_rebuilt_from_their_embeddings(
    embeddings: list[Any], shipped_models: Path
) -> None:
    card = json.loads((shipped_models / "embedding" / "1" / "model.json").read_text())
    (expected,) = (
        metric["value"]
        for metric in card["metrics"]
        if "reconstruction" in metric["name"] and metric["dataset"] == "MNIST test"
    )
    errors = [answer["reconstruction_error"] for answer in embeddings]
    assert 0 < np.mean(errors) < ERROR_MARGIN * expected


def test_embeddings_of_the_same_digit_are_near_each_other(
    embeddings: list[Any], digits: list[Path]
) -> None:
    vectors = np.array([answer["embedding"] for answer in embeddings])
    assert vectors.shape == (40, 32)
    distances = np.linalg.norm(vectors[:, None] - vectors, axis=-1)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argsort(axis=1)[:, :NEIGHBOURS]
    labels = np.array([_label(image) for image in digits])
    assert (labels[nearest] == labels[:, None]).mean() >= MIN_NEIGHBOURS_ALIKE


def test_a_picture_of_no_digit_is_rebuilt_worse(
    http: httpx.Client, embeddings: list[Any], tmp_path: Path
) -> None:
    checks = np.kron(np.indices((4, 4)).sum(axis=0) % 2, np.ones((5, 5)))
    pixels = np.pad(checks * 255, 4).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "checks.png")
    odd = _post_image(http, "/embed", tmp_path / "checks.png")["reconstruction_error"]
    assert odd > 2 * max(answer["reconstruction_error"] for answer in embeddings)


def test_the_cards_report_their_metrics_beside_a_baseline(shipped_models: Path) -> None:
    for name in ("digits", "sentiment", "embedding"):
        card = json.loads((shipped_models / name / "1" / "model.json").read_text())
        assert card["metrics"], name
        assert any(metric["baseline"] for metric in card["metrics"]), name
