"""`--private` and `python -m training membership`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from training import cli, study_command
from training.recipes import PRIVATE, RECIPES, Recipe


class Notes:
    """Stands for a model's module, and notes what it is asked for."""

    def __init__(self) -> None:
        self.recipes: list[Recipe] = []
        self.studied: list[Path] = []

    def train(self, recipe: Recipe, target: Path) -> None:
        self.recipes.append(recipe)

    def membership(self, folder: Path) -> None:
        self.studied.append(folder)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Notes:
    noted = Notes()
    monkeypatch.chdir(tmp_path)
    for module in (cli, study_command):
        monkeypatch.setattr(module, "trainer", lambda name: noted)
        monkeypatch.setattr(module, "show", lambda *_: None)
    return noted


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, list(arguments))


@pytest.mark.parametrize("name", ["digits", "fashion"])
def test_private_training_has_a_recipe_of_its_own(notes: Notes, name: str) -> None:
    assert run(name, "--private", "2.5").exit_code == 0
    changes: dict[str, Any] = dict(PRIVATE)
    assert notes.recipes == [replace(RECIPES[name], private=2.5, **changes)]


def test_what_is_asked_for_comes_before_it(notes: Notes) -> None:
    assert run("digits", "--private", "1", "--epochs", "3", "--optimizer", "sgd").exit_code == 0
    (recipe,) = notes.recipes
    assert (recipe.epochs, recipe.optimizer) == (3, "sgd")
    assert recipe.batch_size == PRIVATE["batch_size"]


def test_its_smoke_test_is_short(notes: Notes) -> None:
    assert run("digits", "--private", "1", "--quick").exit_code == 0
    assert [(recipe.epochs, recipe.quick) for recipe in notes.recipes] == [(1, True)]


@pytest.mark.parametrize("name", ["sentiment", "embedding", "cifar"])
def test_only_those_that_have_a_private_network_offer_it(notes: Notes, name: str) -> None:
    assert run(name, "--private", "1").exit_code == 2


def test_a_version_is_studied(notes: Notes) -> None:
    assert run("membership", "digits").exit_code == 0
    assert run("membership", "digits", "elsewhere/7").exit_code == 0
    assert notes.studied == [Path("models/digits/1"), Path("elsewhere/7")]


def test_what_is_no_classifier_of_pictures_is_not() -> None:
    result = run("membership", "embedding")
    assert result.exit_code == 2
    assert "no such study of embedding" in result.output
