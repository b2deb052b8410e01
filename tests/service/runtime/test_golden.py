"""Golden inputs and outputs: a version that answers wrongly on this machine isn't served."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.engine.folder.artifact import Artifact
from service.engine.folder.repository import read_models
from service.errors import CorruptModelError
from service.runtime.golden import FILE, check_golden
from service.runtime.saved_model import SavedModel


def shipped(models: Path, name: str) -> Artifact:
    return next(a for a in read_models(models).artifacts if a.card.name == name)


@pytest.mark.parametrize("name", ["digits", "embedding", "sentiment"])
def test_the_shipped_models_answer_here_as_they_did_where_they_were_made(
    shipped_models: Path, name: str
) -> None:
    artifact = shipped(shipped_models, name)
    assert FILE in artifact.card.files
    with np.load(artifact.path / FILE) as content:
        assert {key.split("/")[0] for key in content.files} == artifact.card.signatures.keys()
    check_golden(SavedModel(artifact.path), artifact.card, artifact.path)


@pytest.fixture(scope="module")
def digits(shipped_models: Path) -> tuple[Artifact, SavedModel]:
    artifact = shipped(shipped_models, "digits")
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
