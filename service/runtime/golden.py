"""Golden inputs and outputs: does a model answer on this machine as it did where it was made?

An artifact may have a file `golden.npz` with an array for each `SIGNATURE/inputs/NAME` and
`SIGNATURE/outputs/NAME`, the batch in front; strings as bytes.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from service.errors import CorruptModelError
from service.runtime.card import ModelCard
from service.runtime.saved_model import Array, SavedModel

FILE: Final = "golden.npz"

_TOLERANCE: Final = 0.02
"""How much a number may differ, as a part of the output's largest. Another processor or bfloat16
changes less than that; wrong weights or a missing operation change more."""


_MOST_BYTES: Final = 256 * 1024 * 1024  # of all arrays; `make package` writes a few MiB at most


def check_golden(model: SavedModel, card: ModelCard, folder: Path) -> None:
    """Run the golden inputs in `folder`, if it has any, and compare the answers.

    Raises:
        CorruptModelError: an answer differs, or the file can't be read or doesn't fit the model.
    """
    if FILE not in card.files:
        return
    tensors = _read(folder / FILE)
    for signature in sorted({name.partition("/")[0] for name in tensors}):
        inputs = _part(tensors, f"{signature}/inputs/")
        expected = _part(tensors, f"{signature}/outputs/")
        run = model.signature(signature, card.signature(signature), is_batched=False)
        try:
            found = run(inputs)
        except Exception as error:
            raise CorruptModelError(
                f"{card.name}/{card.version}: signature {signature!r} fails on its golden inputs: "
                f"{error}"
            ) from error
        for name, wanted in expected.items():
            if name not in found or not _is_close(found[name], wanted):
                raise CorruptModelError(
                    f"{card.name}/{card.version}: on this machine the output {name!r} of signature "
                    f"{signature!r} isn't what {FILE} says. The model may need another processor "
                    "or version of TensorFlow: compare `libraries` in its card, or export it again."
                )


def _read(file: Path) -> dict[str, Array]:
    try:
        _check_size(file)
        with np.load(file, allow_pickle=False) as content:
            return {name: _fed(content[name]) for name in content.files}
    except Exception as error:  # whatever zipfile and NumPy raise for a damaged file
        raise CorruptModelError(f"{file} can't be read: {error}.") from error


def _check_size(file: Path) -> None:
    """Raise ValueError if the arrays are far larger than examples are: zip can hide that."""
    with zipfile.ZipFile(file) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > _MOST_BYTES:
        raise ValueError(f"it has {size} bytes when it is unpacked, over {_MOST_BYTES}")


def _fed(array: Array) -> Array:
    return array.astype(object) if array.dtype.kind == "S" else array


def _part(tensors: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {n.removeprefix(prefix): array for n, array in tensors.items() if n.startswith(prefix)}


def _is_close(found: Array, wanted: Array) -> bool:
    if found.shape != wanted.shape or wanted.dtype.kind not in "fc":
        return np.array_equal(found, wanted)
    largest = float(np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted)))
    return np.allclose(found, wanted, rtol=0.0, atol=_TOLERANCE * largest, equal_nan=True)
