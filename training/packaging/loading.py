"""Loads whatever a Keras user has: a file, a folder, or a model in memory."""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras

from training.errors import PackagingError
from training.packaging import keras_file, saved_model
from training.packaging.keras_model import from_keras
from training.packaging.loaded import LoadedModel, first_line

FILES = (".keras", ".h5", ".hdf5")


def load(source: Any) -> LoadedModel:
    """Load a `keras.Model`, a `.keras` or HDF5 file, or the folder of a SavedModel.

    Raises:
        PackagingError: it is none of these, or can't be loaded.
    """
    if isinstance(source, keras.Model):
        return from_keras(source, f"The model {source.name!r}")
    path = _path(source)
    if path.is_dir():
        return saved_model.read(path)
    if not path.exists():
        raise PackagingError(f"There is no {path}: check the path.")
    if path.name in ("saved_model.pb", "saved_model.pbtxt"):
        return saved_model.read(path.parent)
    if path.suffix not in FILES:
        raise PackagingError(
            f"{path} is neither a Keras file ({', '.join(FILES)}) nor a SavedModel's folder. Save "
            "the model by model.save('NAME.keras') or model.export(FOLDER)."
        )
    return from_keras(keras_file.read(path), str(path))


def _path(source: Any) -> Path:
    try:
        return Path(source)
    except TypeError as error:
        raise PackagingError(
            f"A {type(source).__name__} can't be packaged: give a keras.Model, or the path of a "
            "Keras file or of a SavedModel's folder."
        ) from error


def import_modules(names: Iterable[str]) -> None:
    """Import the user's modules, which register the classes that a file needs.

    Raises:
        PackagingError: there is no such module, or it fails.
    """
    for name in names:
        if "" not in sys.path:
            sys.path.insert(0, "")  # the current folder, as `python -m` has it
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a user's module raises
            raise PackagingError(
                f"The module {name} can't be imported: {first_line(error)} Give its name as an "
                "import statement has it, and run the command in the folder where it is."
            ) from error
