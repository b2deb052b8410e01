"""A Keras model from a file: `.keras`, or HDF5 as Keras 2 and 3 write it."""

import re
import zipfile
from pathlib import Path

import h5py
import keras

from training.errors import PackagingError
from training.packaging.loaded import first_line

UNKNOWN = re.compile(r"(?:Could not locate (?:class|function)|Unknown [a-z ]+:) '?([\w.>]+)'?")
"""How Keras says that a class or function is missing: in `.keras` files, and in HDF5."""


def read(path: Path) -> keras.Model:
    """The model in a file, not compiled: no optimizer, loss or metrics are read.

    Raises:
        PackagingError: it is no such file, it holds no model, or needs something to be loaded.
    """
    _check_form(path)
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever Keras, HDF5 or a user's class raises
        raise _explained(path, error) from error
    if not isinstance(model, keras.Model):
        raise PackagingError(f"{path} holds a {type(model).__name__}, not a keras.Model.")
    return model


def _check_form(path: Path) -> None:
    if path.suffix == ".keras":
        if not zipfile.is_zipfile(path):
            raise PackagingError(
                f"{path} isn't a .keras file, or is cut off: save the model again by "
                "model.save('NAME.keras'), or copy the file again."
            )
        return
    try:
        with h5py.File(path) as file:
            has_model = "model_config" in file.attrs
    except OSError as error:
        raise PackagingError(
            f"{path} isn't an HDF5 file, or is cut off: save the model again, or copy the file "
            "again."
        ) from error
    if not has_model:
        raise PackagingError(
            f"{path} holds weights but no model: build the model in Python, load_weights() into "
            "it, and package what you get by model.save('NAME.keras')."
        )


def _explained(path: Path, error: Exception) -> PackagingError:
    said = str(error)
    if "Lambda" in said or "lambda" in said:
        return PackagingError(
            f"{path} has a Lambda layer: Python code inside the file, which would run when it is "
            "loaded. If you trust the file, load it in Python by keras.models.load_model(path, "
            "safe_mode=False) and call training.package(model, NAME); better, put a layer of a "
            "class of yours in its place."
        )
    unknown = UNKNOWN.search(said)
    if unknown is not None:
        name = unknown[1].rpartition(">")[2]
        return PackagingError(
            f"{path} needs {name}, a class or function that isn't part of Keras: decorate it with "
            "@keras.saving.register_keras_serializable() and name the module that defines it, "
            f"--import MODULE."
        )
    return PackagingError(
        f"{path} can't be loaded by Keras {keras.__version__}, which says: {first_line(error)}"
    )
