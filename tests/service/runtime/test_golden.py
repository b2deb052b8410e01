"""Golden inputs and outputs: a version that answers wrongly on this machine isn't served."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from service.engine.folder.artifact import Artifact
from service.engine.folder.repository import read_models
from service.errors import CorruptModelError
from service.runtime.golden import FILE, check_golden
from service.runtime.saved_model import SavedModel
from tests.service.conftest import MODELS

VERSIONS = sorted(path.parent.relative_to(MODELS) for path in MODELS.glob("*/*/model.json"))


def shipped(models: Path, version: Path) -> Artifact:
    return next(a for a in read_models(models).artifacts if a.path == models / version)


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_the_shipped_models_answer_here_as_they_did_where_they_were_made(
    shipped_models: Path, version: Path
) -> None:
    artifact = shipped(shipped_models, version)
    assert FILE in artifact.card.files
    with np.load(artifact.path / FILE) as content:
        assert {key.split("/")[0] for key in content.files} == artifact.card.signatures.keys()
    check_golden(SavedModel(artifact.path), artifact.card, artifact.path)


@pytest.fixture(scope="module")
def digits(shipped_models: Path) -> tuple[Artifact, SavedModel]:
    artifact = shipped(shipped_models, Path("digits/1"))
    return artifact, SavedModel(artifact.path)


def check(digits: tuple[Artifact, SavedModel], folder: Path, **changes: Any) -> None:
    """Check the golden file with some of its arrays changed."""
    artifact, model = digits
    with np.load(artifact.path / FILE) as content:
        arrays = {name.replace("/", "__"): content[name] for name in content.files}
    arrays |= changes
    kept = {name.replace("__", "/"): a for name, a in arrays.items() if a is not None}
    np.savez(folder / FILE, allow_pickle=False, **kept)
    check_golden(model, artifact.card, folder)


OUTPUT = "serving_default__outputs__probabilities"
INPUT = "serving_default__inputs__image"


def test_a_small_difference_is_that_of_another_processor(
    digits: tuple[Artifact, SavedModel], tmp_path: Path
) -> None:
    with np.load(digits[0].path / FILE) as content:
        outputs = content[OUTPUT.replace("__", "/")]
    check(digits, tmp_path, **{OUTPUT: outputs + np.float32(0.005)})
    with pytest.raises(CorruptModelError, match="'probabilities' of signature 'serving_default'"):
        check(digits, tmp_path, **{OUTPUT: outputs + np.float32(0.05)})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({OUTPUT: np.zeros((32, 10), np.float32)}, "isn't what golden.npz says"),
        ({OUTPUT: np.zeros((31, 10), np.float32)}, "isn't what golden.npz says"),
        ({OUTPUT: np.full((32, 10), np.nan, np.float32)}, "isn't what golden.npz says"),
        ({"serving_default__outputs__label": np.zeros(32)}, "the output 'label'"),
        ({INPUT: np.zeros((32, 5, 5, 1), np.uint8)}, "fails on its golden inputs"),
        ({INPUT: None}, "fails on its golden inputs"),
        ({"other__inputs__x": np.zeros(1)}, "signature 'other'"),
    ],
)
def test_a_golden_file_that_does_not_fit_the_model_is_a_reason_to_reject_it(
    digits: tuple[Artifact, SavedModel], tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CorruptModelError, match=sentence):
        check(digits, tmp_path, **changes)


def test_a_golden_file_that_cannot_be_read_is_one_too(
    digits: tuple[Artifact, SavedModel], tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes(b"PK not a zip")
    with pytest.raises(CorruptModelError, match="can't be read"):
        check_golden(digits[1], digits[0].card, tmp_path)


def test_a_version_without_a_golden_file_is_not_asked(
    digits: tuple[Artifact, SavedModel], tmp_path: Path
) -> None:
    artifact, model = digits
    files = {name: h for name, h in artifact.card.files.items() if name != FILE}
    check_golden(model, artifact.card.model_copy(update={"files": files}), tmp_path)


def write_array(archive: zipfile.ZipFile, count: int, content: bytes) -> None:
    """Write an array whose header says that it has so many bytes."""
    with archive.open("serving_default/inputs/image.npy", "w") as member:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count,)}
        np.lib.format.write_array_header_1_0(member, header)
        member.write(content)


def bomb(file: Path) -> None:
    """An array of zeros that is small as a file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        write_array(archive, 2**28, bytes(2**28))


def claimed(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        write_array(archive, 2**52, b"")


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


class Code:
    def __reduce__(self) -> Any:
        return print, ("this code must not run",)


FORGED: dict[str, Callable[[Path], Any]] = {
    "a bomb": bomb,
    "a size that isn't there": claimed,
    "Python objects": lambda file: np.savez(file, allow_pickle=True, x=np.array([Code()])),
    "a pickle": lambda file: file.write_bytes(pickle.dumps(Code())),
    "an array without a zip": lambda file: file.write_bytes(npy(np.zeros(3))),
    "nothing": lambda file: file.write_bytes(b""),
    "a zip of nothing known": lambda file: zipfile.ZipFile(file, "w").writestr("a", b"x"),
    "a name out of the folder": lambda file: np.savez(
        file, allow_pickle=False, **{"../../x": np.zeros(1)}
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_is_refused(
    digits: tuple[Artifact, SavedModel],
    tmp_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    FORGED[name](tmp_path / FILE)
    before = psutil.Process().memory_info().rss
    with pytest.raises(CorruptModelError):
        check_golden(digits[1], digits[0].card, tmp_path)
    assert psutil.Process().memory_info().rss - before < 100e6
    assert "must not run" not in capsys.readouterr().out
