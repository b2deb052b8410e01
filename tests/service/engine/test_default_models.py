"""Which model answers where the caller names none."""

from pathlib import Path

import pytest

from service.engine.default_models import read_defaults
from service.errors import CorruptModelError

MODELS = {"digits": "classify", "aaa": "classify", "reviews": "judge", "damaged": None}


def _file(folder: Path, content: str) -> Path:
    file = folder / "defaults.json"
    file.write_text(content)
    return file


def test_the_file_says_it_whatever_the_names(tmp_path: Path) -> None:
    file = _file(tmp_path, '{"classify": "digits"}')
    assert read_defaults(file, MODELS) == {"classify": "digits", "judge": "reviews"}


def test_among_several_none_is_guessed(tmp_path: Path) -> None:
    assert read_defaults(tmp_path / "defaults.json", MODELS) == {"judge": "reviews"}


def test_a_damaged_model_stays_the_default(tmp_path: Path) -> None:
    file = _file(tmp_path, '{"classify": "damaged"}')
    assert read_defaults(file, MODELS)["classify"] == "damaged"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"classify": "letters"}', "no such model for that task"),
        ('{"classify": "reviews"}', "no such model for that task"),
        ('{"classify": 1}', "must be a JSON object.*classify"),
        ('["digits"]', "must be a JSON object"),
        ("{", "must be a JSON object"),
        ("", "must be a JSON object"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(CorruptModelError, match=sentence) as caught:
        read_defaults(_file(tmp_path, content), MODELS)
    assert str(tmp_path / "defaults.json") in str(caught.value)
