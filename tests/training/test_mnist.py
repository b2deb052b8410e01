import gzip
import socket
from collections.abc import Mapping
from typing import NoReturn

import keras
import numpy as np
import pytest

from tests.training import python2_pickle
from training.data import cache, keras_loader, mnist
from training.data.images import split_like_mnist
from training.errors import DownloadError, UnsafePickleError, WrongHashError


def made_up(train: int = 12_000, test: int = 30) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (train, 28, 28), dtype=np.uint8),
        "y_train": random.integers(0, 10, train, dtype=np.uint8),
        "x_test": random.integers(0, 256, (test, 28, 28), dtype=np.uint8),
        "y_test": random.integers(0, 10, test, dtype=np.uint8),
    }


def as_in_the_wheel(arrays: Mapping[str, np.ndarray], validation: int) -> bytes:
    def pair(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shares = images.reshape(len(images), -1).astype(np.float32) / np.float32(256)
        return shares, labels.astype(np.int64)

    train = arrays["x_train"], arrays["y_train"]
    parts = (
        pair(train[0][:-validation], train[1][:-validation]),
        pair(train[0][-validation:], train[1][-validation:]),
        pair(arrays["x_test"], arrays["y_test"]),
    )
    return gzip.compress(python2_pickle.dumps(parts), 1)


def test_the_parts_share_no_image() -> None:
    arrays = made_up()
    data = split_like_mnist(arrays, name="MNIST", source="made up", sha256="")
    assert (len(data.train), len(data.validation), len(data.test)) == (2_000, 10_000, 30)
    joined = np.concatenate([data.train.images, data.validation.images])
    assert np.array_equal(joined[..., 0], arrays["x_train"])
    assert data.train.images.shape[1:] == (28, 28, 1)
    assert data.test.labels.tolist() == arrays["y_test"].tolist()


def test_a_quick_load_learns_from_little_and_reports_on_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "arrays", lambda *_: made_up(13_000))
    data = mnist.load(quick=True)
    assert (len(data.train), len(data.validation), len(data.test)) == (2_000, 2_000, 30)


def test_the_wheels_file_is_decoded_exactly() -> None:
    arrays = made_up(200)
    decoded = mnist.decode(as_in_the_wheel(arrays, validation=50))
    assert {name: array.dtype for name, array in decoded.items()} == dict.fromkeys(
        arrays, np.dtype(np.uint8)
    )
    assert all(np.array_equal(decoded[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize(
    "content",
    [b"no archive", gzip.compress(python2_pickle.dumps([1, 2])), gzip.compress(b"")],
    ids=["no archive", "a list", "empty"],
)
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(UnsafePickleError):
        mnist.decode(content)


def test_the_wheel_is_used_where_kerass_host_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, cache_folder: object
) -> None:
    arrays = made_up()
    monkeypatch.setattr(keras_loader, "load", unreachable)
    monkeypatch.setattr(mnist, "read", lambda _: as_in_the_wheel(arrays, 10_000))
    monkeypatch.setattr(
        mnist, "SHA256", {name: cache.hash_of(array) for name, array in arrays.items()}
    )
    assert np.array_equal(mnist.load().test.images[..., 0], arrays["x_test"])


def test_kerass_arrays_are_checked_as_well(
    monkeypatch: pytest.MonkeyPatch, cache_folder: object
) -> None:
    monkeypatch.setattr(keras_loader, "load", lambda _: made_up(20))
    with pytest.raises(WrongHashError):
        mnist.load()


def unreachable(_: str) -> NoReturn:
    raise DownloadError("no answer")


def test_kerass_host_gets_a_short_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float | None] = []

    def load_data() -> NoReturn:
        seen.append(socket.getdefaulttimeout())
        raise Exception("URL fetch failure")  # noqa: TRY002 - as Keras does

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    before = socket.getdefaulttimeout()
    with pytest.raises(DownloadError, match="check the network"):
        keras_loader.load("mnist")
    assert seen == [keras_loader.TIMEOUT]
    assert socket.getdefaulttimeout() == before


def test_the_real_mnist_is_the_canonical_one() -> None:
    try:
        data = mnist.load()
    except DownloadError as error:
        pytest.skip(f"MNIST is neither cached nor to be had: {error}")
    assert data.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(data.train.labels).tolist() == [
        4932, 5678, 4968, 5101, 4859, 4506, 4951, 5175, 4842, 4988
    ]  # fmt: skip
