"""Tiny models, and a way to package them without the check in a fresh process."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import training
from training import artifact


@dataclass
class Packaged:
    """A version that was packaged, and what was said meanwhile."""

    folder: Path = Path()
    said: list[str] = field(default_factory=list)

    @property
    def card(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "model.json").read_text())
        return content

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    @property
    def golden(self) -> dict[str, np.ndarray]:
        with np.load(self.folder / "golden.npz") as file:
            return dict(file)

    def answer(self, **inputs: Any) -> dict[str, np.ndarray]:
        """What the artifact answers, loaded without anything of the model's own."""
        arrays = {name: np.asarray(rows) for name, rows in inputs.items()}
        return artifact.call(artifact.load(self.folder), "serving_default", arrays)


Package = Callable[..., Packaged]


@pytest.fixture
def package(tmp_path: Path, unverified: None) -> Package:
    """Package a source under the name "mine" into a folder of its own."""

    def make(source: Any, **options: Any) -> Packaged:
        packaged = Packaged()
        output = options.pop("output", tmp_path / "models")
        packaged.folder = training.package(
            source, "mine", output=output, say=packaged.said.append, **options
        )
        return packaged

    return make


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def classifier(*first: Any, shape: tuple[int | None, ...] = (32, 32, 3), **last: Any) -> Any:
    """A model of pictures with three outputs."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(4, 3, strides=2, activation="relu")]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, **last)]
    return keras.Sequential([keras.Input(shape), *first, *layers])


@pytest.fixture(scope="session")
def plain() -> Any:
    """Takes 0..1, ends with a softmax."""
    return classifier(activation="softmax")


@pytest.fixture(scope="session")
def text_model() -> Any:
    """Takes strings, ends with a sigmoid."""
    keras.utils.set_random_seed(2)
    splitting = keras.layers.TextVectorization(max_tokens=50, output_sequence_length=6)
    splitting.adapt(["a good film", "a bad book"])
    layers = [splitting, keras.layers.Embedding(50, 4), keras.layers.GlobalAveragePooling1D()]
    layers += [keras.layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((1,), dtype="string"), *layers])


@pytest.fixture(scope="session")
def two_by_two() -> Any:
    """Two inputs of any length, two outputs."""
    keras.utils.set_random_seed(3)
    ids = keras.Input((None,), dtype="int32", name="ids")
    weights = keras.Input((None, 4), name="weights")
    joined = keras.layers.Embedding(10, 4)(ids) + weights
    total = keras.layers.GlobalMaxPooling1D(name="total")(joined)
    return keras.Model([ids, weights], [total, keras.layers.Dense(1, name="score")(total)])
