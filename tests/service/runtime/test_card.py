"""The model card: what it takes, and what it refuses."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from service.runtime.card import ImagePreprocessing, InkFraming, ModelCard, TextPreprocessing

CARD: dict[str, Any] = {
    "name": "digits",
    "version": 1,
    "task": "image_classification",
    "labels": ["a", "b"],
    "signatures": {
        "serving_default": {
            "inputs": {"image": {"dtype": "uint8", "shape": [None, 28, 28, 1]}},
            "outputs": {"probabilities": {"dtype": "float32", "shape": [None, 2]}},
        }
    },
    "preprocessing": {
        "type": "image",
        "height": 28,
        "width": 28,
        "channels": 1,
        "framing": {"type": "ink", "box": 20},
    },
    "files": {"saved_model.pb": "00"},
}


def _changed(path: str, value: Any) -> dict[str, Any]:
    """Return the card with one field changed; "a.b" is field b of field a."""
    card = copy.deepcopy(CARD)
    *parents, last = path.split(".")
    part = card
    for parent in parents:
        part = part[parent]
    part[last] = value
    return card


def test_an_image_models_card_is_read() -> None:
    card = ModelCard.model_validate(CARD)
    assert isinstance(card.preprocessing, ImagePreprocessing)
    assert card.preprocessing.framing == InkFraming(type="ink", box=20)
    assert (card.preprocessing.scale, card.preprocessing.offset) == (1.0, 0.0)
    assert card.signatures["serving_default"].inputs["image"].shape == (None, 28, 28, 1)


def test_a_text_models_card_is_read() -> None:
    preprocessing = {"type": "text", "max_tokens": 256, "length_buckets": [16, 256]}
    card = ModelCard.model_validate(_changed("preprocessing", preprocessing))
    assert card.preprocessing == TextPreprocessing(
        type="text", max_tokens=256, length_buckets=(16, 256)
    )
    assert card.preprocessing.head_tokens is None
    assert card.preprocessing.normalization is None


def test_a_card_with_a_normalization_that_the_service_does_not_know_is_refused() -> None:
    preprocessing = {"type": "text", "max_tokens": 256, "length_buckets": [16, 256]}
    changed = _changed("preprocessing", preprocessing | {"normalization": "plain-text-2"})
    with pytest.raises(ValidationError, match="normalization"):
        ModelCard.model_validate(changed)


@pytest.mark.parametrize("head_tokens", [-1, 257])
def test_a_text_model_cannot_read_more_of_the_start_than_it_reads(head_tokens: int) -> None:
    preprocessing = {"type": "text", "max_tokens": 256, "length_buckets": [16, 256]}
    changed = _changed("preprocessing", preprocessing | {"head_tokens": head_tokens})
    with pytest.raises(ValidationError, match="head_tokens"):
        ModelCard.model_validate(changed)


def test_what_the_service_does_not_know_is_ignored() -> None:
    card = CARD | {"hyperparameters": {"epochs": 5}}
    assert ModelCard.model_validate(card) == ModelCard.model_validate(CARD)


def test_what_was_measured_is_kept_as_it_is() -> None:
    figures = {"name": "accuracy", "value": 0.99, "baseline": None}
    assert ModelCard.model_validate(CARD | {"metrics": [figures]}).metrics == (figures,)


@pytest.mark.parametrize("field", ["name", "version", "task", "signatures", "files"])
def test_a_card_without_a_field_is_refused(field: str) -> None:
    card = {name: value for name, value in CARD.items() if name != field}
    with pytest.raises(ValidationError, match=field):
        ModelCard.model_validate(card)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "../digits"),
        ("name", ""),
        ("name", "a" * 65),
        ("version", 0),
        ("version", "first"),
        ("labels", "ab"),
        ("preprocessing", None),
        ("preprocessing.type", "sound"),
        ("preprocessing.height", 0),
        ("preprocessing.channels", 4),
        ("preprocessing.framing", {"type": "crop"}),
        ("preprocessing.framing.box", 0),
        ("files", ["saved_model.pb"]),
        ("signatures.serving_default.inputs", None),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_by_its_name(path: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=path.split(".")[0]):
        ModelCard.model_validate(_changed(path, value))
