"""Keras files: `.keras` and HDF5, of Keras 3 and of Keras 2."""

import json
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from tests.training.packaging.conftest import Package, classifier
from training.errors import PackagingError

MODULE = """
import keras

@keras.saving.register_keras_serializable("mine")
class Halving(keras.layers.Layer):
    def call(self, x):
        return x / 2
"""


@pytest.mark.parametrize("suffix", ["keras", "h5", "hdf5"])
def test_a_file_answers_as_its_model_does(
    package: Package, plain: Any, pictures: np.ndarray, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"model.{suffix}"
    plain.save(path)
    packaged = package(path)
    found = packaged.answer(image=pictures)["probabilities"]
    wanted = plain.predict(pictures / np.float32(255), verbose=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert packaged.card["description"].startswith(f"{path.name}, packaged by Keras")


def test_an_optimizer_in_the_file_is_left_out(package: Package, tmp_path: Path) -> None:
    model = classifier(activation="softmax")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.zeros((2, 32, 32, 3)), np.zeros(2), verbose=0)
    model.save(tmp_path / "trained.keras")
    plain_size = package(classifier(activation="softmax"), output=tmp_path / "plain").folder
    size = package(tmp_path / "trained.keras").folder
    name = "variables/variables.data-00000-of-00001"
    assert (size / name).stat().st_size < 1.2 * (plain_size / name).stat().st_size


def test_a_file_of_keras_2_is_read(package: Package, tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    kernel = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    write_keras_2(path, kernel)
    images = np.random.default_rng(1).integers(0, 256, (2, 2, 2, 3), dtype=np.uint8)
    scores = np.exp(images.reshape(2, 12) / np.float32(255) @ kernel)
    found = package(path).answer(image=images)["probabilities"]
    np.testing.assert_allclose(found, scores / scores.sum(1, keepdims=True), rtol=1e-4)


def write_keras_2(path: Path, kernel: np.ndarray, *middle: dict[str, Any]) -> None:
    """An HDF5 file in the form that Keras 2 wrote it: Flatten, then Dense with a softmax."""
    dense = {"name": "scores", "dtype": "float32", "units": 3, "activation": "softmax"}
    dense |= {"trainable": True, "use_bias": False}
    flatten = {"name": "flat", "trainable": True, "dtype": "float32"}
    given = {"batch_input_shape": [None, 2, 2, 3], "dtype": "float32", "sparse": False}
    given |= {"ragged": False, "name": "flat_input"}
    layers = [
        {"class_name": "InputLayer", "config": given},
        {
            "class_name": "Flatten",
            "config": {
                **flatten, "batch_input_shape": [None, 2, 2, 3], "data_format": "channels_last"
            },
        },
        *middle,
        {"class_name": "Dense", "config": dense},
    ]  # fmt: skip
    config = {"class_name": "Sequential", "config": {"name": "old", "layers": layers}}
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.4.0"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"flat", b"scores"]
        weights.create_group("flat").attrs["weight_names"] = np.array([], "S")
        group = weights.create_group("scores")
        group.attrs["weight_names"] = [b"scores/kernel:0"]
        group.create_dataset("scores/kernel:0", data=kernel)


def lambda_of_keras_2() -> dict[str, Any]:
    """A Lambda layer as Keras 2 wrote it."""
    code = ["4wEAAAAAAAAAAAAAAAEAAAABAAAAQwAAAA==", None, None]
    config = {"name": "double", "function": code, "function_type": "lambda", "arguments": {}}
    return {"class_name": "Lambda", "config": config}


def test_code_in_a_file_is_not_run(package: Package, tmp_path: Path) -> None:
    path = tmp_path / "code.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: 2 * x)]).save(path)
    with pytest.raises(PackagingError, match=r"Lambda layer.*training\.package"):
        package(path)
    old = tmp_path / "code.h5"
    write_keras_2(old, np.zeros((12, 3), np.float32), lambda_of_keras_2())
    with pytest.raises(PackagingError, match=r"Lambda layer.*training\.package"):
        package(old)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_class_of_the_users_is_asked_for_and_imported(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    name = f"layers_for_{suffix}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = __import__(name)
    path = tmp_path / f"custom.{suffix}"
    keras.Sequential([keras.Input((2,)), module.Halving(name="half")]).save(path)
    forget(name)
    with pytest.raises(PackagingError, match=r"needs Halving.*--import MODULE"):
        package(path)
    packaged = package(path, modules=[name])
    forget(name)
    assert packaged.answer(input=np.array([[4, 6]], np.float32))["half"].tolist() == [[2, 3]]


def forget(module: str) -> None:
    """As a process that never imported the module."""
    sys.modules.pop(module)
    keras.saving.get_custom_objects().clear()


def test_a_module_that_cannot_be_imported_is_explained(package: Package, plain: Any) -> None:
    with pytest.raises(PackagingError, match="no_such_module can't be imported"):
        package(plain, modules=["no_such_module"])


def test_what_is_no_model_is_explained(package: Package, tmp_path: Path) -> None:
    (tmp_path / "damaged.keras").write_bytes(b"PK\3\4 cut off")
    (tmp_path / "damaged.h5").write_bytes(b"\x89HDF cut off")
    (tmp_path / "model.onnx").write_bytes(b"")
    with h5py.File(tmp_path / "some.weights.h5", "w"):
        pass
    for name, sentence in {
        "damaged.keras": "isn't a .keras file",
        "damaged.h5": "isn't an HDF5 file",
        "some.weights.h5": "holds weights but no model",
        "model.onnx": "is neither a Keras file",
        "nowhere.keras": "There is no",
    }.items():
        with pytest.raises(PackagingError, match=sentence):
            package(tmp_path / name)
    with pytest.raises(PackagingError, match=r"A dict can't be packaged"):
        package({})


def test_a_file_that_is_small_only_until_it_is_unpacked_is_refused(
    package: Package, plain: Any, tmp_path: Path
) -> None:
    plain.save(tmp_path / "good.keras")
    zeros = bytes(2**20)
    with (
        zipfile.ZipFile(tmp_path / "good.keras") as good,
        zipfile.ZipFile(
            tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED, compresslevel=1
        ) as bomb,
    ):
        for name in ("metadata.json", "config.json"):
            bomb.writestr(name, good.read(name))
        with bomb.open("model.weights.h5", "w") as weights:
            for _ in range(300):
                weights.write(zeros)
    with pytest.raises(PackagingError, match="can't be loaded by Keras"):
        package(tmp_path / "bomb.keras")


def test_a_file_writes_nothing_outside_of_its_own_folder(
    package: Package, plain: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    plain.save(path)
    names = ("../escaped", "../../../escaped", f"{tmp_path}/escaped", "assets/../../escaped")
    with zipfile.ZipFile(path, "a") as archive:
        for name in names:
            archive.writestr(name, b"x")
    with suppress(PackagingError):
        package(path)
    places = [tmp_path, tmp_path.parent, Path(tempfile.gettempdir()), Path("/"), Path.cwd()]
    assert not [place for place in places if (place / "escaped").exists()]


def test_a_configuration_names_no_function_of_pythons(package: Package, tmp_path: Path) -> None:
    """Keras once called whatever a file named (CVE-2025-1550)."""
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    config["config"]["layers"].append(
        {
            "module": "pathlib",
            "class_name": "function",
            "config": "Path.touch",
            "registered_name": "function",
            "name": "made",
            "inbound_nodes": [{"args": [str(tmp_path / "made")], "kwargs": {}}],
        }
    )
    content["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(PackagingError):
        package(path)
    assert not (tmp_path / "made").exists()
