"""Studies are kept beside the model."""

from pathlib import Path

import pytest

from training import studies
from training.card import Baseline, Metric
from training.errors import ArtifactError

ROBUST = Metric("accuracy_under_noise", "MNIST test", 0.9, baseline=Baseline("plain", 0.8))
PRIVATE = Metric("membership_advantage", "MNIST", 0.01, higher_is_better=False, note="loss")


def test_a_model_without_studies_has_no_figures(tmp_path: Path) -> None:
    assert studies.read(tmp_path) == []


def test_figures_are_kept_as_they_were(tmp_path: Path) -> None:
    studies.write(tmp_path, "robustness", [ROBUST])
    studies.write(tmp_path, "membership", [PRIVATE])
    assert studies.read(tmp_path) == [ROBUST, PRIVATE]


def test_a_repeated_study_replaces_its_figures_only(tmp_path: Path) -> None:
    studies.write(tmp_path, "robustness", [PRIVATE, PRIVATE])
    studies.write(tmp_path, "membership", [PRIVATE])
    studies.write(tmp_path, "robustness", [ROBUST])
    assert studies.read(tmp_path) == [ROBUST, PRIVATE]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / studies.FILE_NAME).write_text("{")
    with pytest.raises(ArtifactError, match=r"studies\.json is damaged"):
        studies.read(tmp_path)
