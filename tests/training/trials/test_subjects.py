"""Trials of the real networks, on made data."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import bars
from training.data import mnist
from training.data.images import ImageDataset, Images
from training.fashion import CLOTHES
from training.trials import descent
from training.trials.autoencoder import AutoencoderTrials
from training.trials.classifiers import ClassifierTrials
from training.trials.settings import Length, Settings
from training.trials.subject import Subject
from training.trials.subjects import subject

LENGTH = Length(examples=200, seen=800)


class LookedError(Exception):
    """The test part was looked at."""


class Guarded(ImageDataset):
    """Made data whose test part says when it is touched."""

    def __getattribute__(self, name: str) -> Any:
        if name == "test":
            raise LookedError
        return super().__getattribute__(name)


def guarded() -> Guarded:
    nothing = Images(np.zeros((0, 28, 28, 1), np.uint8), np.zeros(0, np.int64))
    return Guarded("bars", "made up", "0" * 64, bars(600, seed=1), bars(300, seed=2), nothing)


@pytest.fixture(params=["classifier", "autoencoder"])
def tried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Subject:
    monkeypatch.setattr(descent, "SMALL_BATCH", 0)  # compiling takes seconds
    if request.param == "autoencoder":
        return AutoencoderTrials(guarded())
    return ClassifierTrials(CLOTHES, guarded())


def test_a_trial_learns_and_never_looks_at_the_test_part(tried: Subject) -> None:
    told: list[float] = []
    settings = Settings(learning_rate=5e-4, batch_size=16, activation="tanh")
    model, value = tried.train(settings, LENGTH, 0, lambda _, value: told.append(value))
    better = value > told[0] if tried.direction == "maximize" else value < told[0]
    assert better, (told, value)
    with pytest.raises(LookedError):
        tried.test(model)


def test_the_settings_of_a_classifier_reach_its_training() -> None:
    trials = ClassifierTrials(CLOTHES, guarded())
    settings, length = Settings(optimizer="sgd", learning_rate=0.1), Length(examples=64, seen=64)
    plain = trials.fit(settings, length, seed=0).get_weights()
    again = trials.fit(settings, length, seed=0).get_weights()
    np.testing.assert_allclose(plain[0], again[0], atol=1e-6)
    for changes in ({"dropout": 0.5}, {"label_smoothing": 0.2}, {"augmentation": 1.0}):
        other = trials.fit(replace(settings, **changes), length, seed=0).get_weights()  # type: ignore[arg-type]
        assert not np.allclose(plain[0], other[0], atol=1e-5), changes


def test_a_model_is_found_by_its_name(small_mnist: ImageDataset) -> None:
    assert mnist.load() is small_mnist
    assert [subject(name).name for name in ("digits", "embedding")] == ["digits", "embedding"]
