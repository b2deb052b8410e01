"""CIFAR-10's archive, made here in the same form: its host isn't asked."""

import io
import json
import tarfile
import urllib.request
from pathlib import Path
from typing import NoReturn
from urllib.error import URLError

import numpy as np
import pytest
from click.testing import CliRunner

from tests.training import python2_pickle
from training.cli import main
from training.data import cache, cifar, download
from training.errors import DownloadError, UnsafePickleError, WrongHashError

PHOTOS = 20
"""In each of the six files."""
PIXELS = np.random.default_rng(0).integers(0, 256, (6, PHOTOS, 32, 32, 3), dtype=np.uint8)
LABELS = np.random.default_rng(1).integers(0, 10, (6, PHOTOS))
NAMES = [*cifar.TRAIN_FILES, cifar.TEST_FILE]


def archive(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def batch(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    """A file as Python 2 wrote it."""
    content = {
        b"batch_label": b"training batch",
        b"labels": labels.tolist(),
        b"data": pixels.transpose(0, 3, 1, 2).reshape(-1, 3072),
        b"filenames": [b"photo.png"] * len(pixels),
    }
    return python2_pickle.dumps(content)


FILES = {name: batch(PIXELS[i], LABELS[i]) for i, name in enumerate(NAMES)}
ARCHIVE = archive({"readme.html": b"", **FILES})


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> Path:
    monkeypatch.setattr(cifar, "SHA256", cache.hash_of(ARCHIVE))
    return cache_folder


def unreachable(*_: object, **__: object) -> NoReturn:
    raise URLError("no answer")


def test_the_archive_is_fetched_once_and_split(
    pinned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(ARCHIVE))
    cifar.load()
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    data = cifar.load()
    assert (len(data.train), len(data.validation), len(data.test)) == (90, 10, PHOTOS)
    joined = np.concatenate([data.train.images, data.validation.images])
    assert np.array_equal(joined, PIXELS[:5].reshape(-1, 32, 32, 3))
    assert data.train.labels.tolist() == LABELS[:5].ravel()[:90].tolist()
    assert np.array_equal(data.test.images, PIXELS[5])
    assert data.test.labels.tolist() == LABELS[5].tolist()
    assert data.described().splits == {"train": 90, "validation": 10, "test": PHOTOS}


def test_the_pinned_archive_is_the_one_that_keras_fetches() -> None:
    source = Path(__import__("keras").src.datasets.cifar10.__file__).read_text()
    assert cifar.SHA256 in source
    assert cifar.URL in source


def test_another_archive_is_refused(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(ARCHIVE))
    with pytest.raises(WrongHashError, match="cifar-10-python"):
        cifar.load()
    assert not cache_folder.exists()


def test_an_archive_that_is_in_the_cache_needs_no_network(
    pinned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    with pytest.raises(DownloadError, match="check the network") as raised:
        cifar.load()
    assert "no answer" in str(raised.value)
    assert str(pinned / "cifar-10-python.tar.gz") in str(raised.value)
    pinned.mkdir()
    (pinned / "cifar-10-python.tar.gz").write_bytes(ARCHIVE)
    assert len(cifar.load().test) == PHOTOS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        archive({}),
        archive({**FILES, "test_batch": b"no pickle"}),
        archive({**FILES, "test_batch": python2_pickle.dumps({b"data": np.zeros((1, 3072))})}),
        archive({**FILES, "test_batch": python2_pickle.dumps([1, 2])}),
        archive(
            {**FILES, "test_batch": batch(PIXELS[0], LABELS[0]).replace(b"ndarray", b"fromstr")}
        ),
    ],
    ids=["empty", "no archive", "no files", "no pickle", "too few", "a list", "another function"],
)
def test_an_archive_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(UnsafePickleError):
        cifar.decode(content)


def test_a_host_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    address = "https://127.0.0.1:9/file"
    with pytest.raises(DownloadError, match=f"{address} could not be downloaded .*refused"):
        download.download(address, tmp_path)


def test_without_the_host_the_command_ends_in_a_sentence(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    result = CliRunner().invoke(main, ["cifar", "--quick"])
    assert result.exit_code == 1
    (error,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert error.endswith(f"save the file as {cache_folder / cifar.FILE_NAME}.")


@pytest.mark.usefixtures("pinned", "unverified")
def test_a_quick_run_goes_all_the_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(ARCHIVE))
    result = CliRunner().invoke(main, ["cifar", "--quick", "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    card = json.loads((tmp_path / "cifar/1/model.json").read_text())
    assert card["hyperparameters"]["quick"] is True
    assert card["training_data"][0]["sha256"] == cifar.SHA256
    assert "golden.npz" in card["files"]
