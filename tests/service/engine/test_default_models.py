"""Which model answers where the caller names none."""

from pathlib import Path

import pytest

from service.engine.folder.default_models import choose_defaults, read_defaults, undecided_defaults
from service.errors import CorruptModelError

MODELS = {"digits": "classify", "aaa": "classify", "reviews": "judge", "damaged": None}


def _file(folder: Path, content: str) -> Path:
    file = folder / "defaults.json"
    file.write_text(content)
    return file


def test_the_file_says_it_whatever_the_names(tmp_path: Path) -> None:
    configured = read_defaults(_file(tmp_path, '{"classify": "digits"}'), MODELS)
    chosen = choose_defaults(configured, MODELS, before={})
    assert chosen == {"classify": "digits", "judge": "reviews"}


def test_without_a_file_nothing_is_configured(tmp_path: Path) -> None:
    assert read_defaults(tmp_path / "defaults.json", MODELS) == {}


def test_among_several_none_is_guessed() -> None:
    assert choose_defaults({}, MODELS, before={}) == {"judge": "reviews"}


def test_a_model_that_is_added_takes_no_default_away() -> None:
    before = choose_defaults({}, {"digits": "classify"}, before={})
    after = choose_defaults({}, MODELS, before)
    assert after == {"classify": "digits", "judge": "reviews"}
    (sentence,) = undecided_defaults(Path("defaults.json"), {}, MODELS, after)
    assert "aaa and digits have the task classify" in sentence
    assert "digits is the default until the service starts again" in sentence


def test_what_the_file_says_needs_no_sentence() -> None:
    configured = {"classify": "aaa"}
    after = choose_defaults(configured, MODELS, before={"classify": "digits"})
    assert after["classify"] == "aaa"
    assert not undecided_defaults(Path("defaults.json"), configured, MODELS, after)


def test_a_default_stays_while_its_card_cannot_be_read() -> None:
    before = {"classify": "damaged"}
    assert choose_defaults({}, {"damaged": None}, before) == before


@pytest.mark.parametrize("models", [{}, {"digits": "judge"}])
def test_a_default_goes_with_its_model(models: dict[str, str | None]) -> None:
    assert "classify" not in choose_defaults({}, models, before={"classify": "digits"})


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
