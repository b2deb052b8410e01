"""Classifiers of raw strings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.packaging.conftest import Package
from training.errors import PackagingError


def test_texts_go_into_the_graph_as_they_are(package: Package, text_model: Any) -> None:
    packaged = package(text_model, labels=["bad", "good"])
    texts = [b"A good film!", b"", "a bäd book".encode()]
    positive = text_model(np.array(texts, object)[:, None]).numpy()[:, 0]
    found = packaged.answer(text=texts)["probabilities"]
    np.testing.assert_allclose(found, np.stack([1 - positive, positive], 1), rtol=1e-4)
    card = packaged.card
    assert card["task"] == "text_classification"
    assert card["preprocessing"] == {"type": "raw_text"}
    assert card["signatures"]["serving_default"]["inputs"] == {
        "text": {"dtype": "string", "shape": [None]}
    }


def test_samples_are_the_lines_of_a_file(package: Package, text_model: Any, tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("A good film.\n\nA bäd one.\n", "utf-8")
    golden = package(text_model, samples=[file]).golden
    texts = golden["serving_default/inputs/text"]
    assert texts.dtype.kind == "S"
    assert texts.tolist() == [b"A good film.", "A bäd one.".encode()]
    file.write_bytes(b"\xff")
    with pytest.raises(PackagingError, match="UTF-8"):
        package(text_model, samples=[file])
    file.write_text("\n")
    with pytest.raises(PackagingError, match="no samples"):
        package(text_model, samples=[file])
