"""Golden inputs: what is kept with a model, and what the repository's own models have."""

import json
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from tests.service.live_server import ROOT
from training import artifact, export, golden
from training.card import file_hashes
from training.errors import ExportError

SHIPPED = sorted(path.parent for path in (ROOT / "models").glob("*/*/model.json"))
ROW = np.array([[1.0, 2.0]], np.float32)
EXAMPLE = export.Example("serving_default", {"x": ROW}, {"y": 2 * ROW})


def tensors(folder: Path, signature: str, side: str) -> dict[str, np.ndarray]:
    """The arrays of one side of a signature, by the names of its tensors."""
    start = f"{signature}/{side}/"
    with np.load(folder / "golden.npz") as file:
        return {key[len(start) :]: file[key] for key in file.files if key.startswith(start)}


@pytest.mark.usefixtures("unverified")
def test_each_signatures_inputs_and_outputs_are_kept(tmp_path: Path) -> None:
    words = np.array([b"good", b"bad film"])
    counted = export.Example("count", {"text": words}, {"letters": np.array([4, 8], np.int32)})
    golden.write(tmp_path, [EXAMPLE, counted])
    assert tensors(tmp_path, "serving_default", "inputs")["x"].tolist() == [[1, 2]]
    assert tensors(tmp_path, "serving_default", "outputs")["y"].tolist() == [[2, 4]]
    assert tensors(tmp_path, "count", "inputs")["text"].tolist() == [b"good", b"bad film"]
    assert tensors(tmp_path, "count", "outputs")["letters"].dtype == np.int32


def test_wrong_answers_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differ(*_: object) -> NoReturn:
        raise ExportError("answers something else")

    monkeypatch.setattr(export, "verify", differ)
    with pytest.raises(ExportError):
        golden.write(tmp_path, [EXAMPLE])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [0, 1, 5, 32, 33, 100, 5000])
def test_rows_are_chosen_from_all_of_a_data_set(count: int) -> None:
    chosen = golden.choose(np.arange(count))
    assert min(count, golden.ROWS // 2) <= len(chosen) <= golden.ROWS
    assert golden.choose([str(number) for number in range(count)]) == chosen.astype(str).tolist()
    assert count < 100 or chosen[-1] >= 0.9 * count


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.parent.name)
def test_the_repositorys_models_answer_their_golden_inputs(folder: Path) -> None:
    card = json.loads((folder / "model.json").read_text())
    assert card["files"] == file_hashes(folder)
    assert (folder / "golden.npz").stat().st_size < 200_000
    loaded = artifact.load(folder)
    for name, signature in card["signatures"].items():
        inputs = tensors(folder, name, "inputs")
        assert inputs.keys() == signature["inputs"].keys()
        assert {len(rows) for rows in inputs.values()} == {golden.ROWS}
        answers = artifact.call(loaded, name, inputs)
        outputs = tensors(folder, name, "outputs")
        assert answers.keys() == outputs.keys() == signature["outputs"].keys()
        for output, expected in outputs.items():
            np.testing.assert_allclose(answers[output], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["digits", "sentiment"])
def test_the_golden_inputs_of_a_classifier_are_of_most_labels(name: str) -> None:
    folder = ROOT / "models" / name / "1"
    probabilities = tensors(folder, "serving_default", "outputs")["probabilities"]
    labels = probabilities.shape[1]
    assert len(set(probabilities.argmax(axis=1))) >= 0.8 * labels
