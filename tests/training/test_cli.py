import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from training import cli
from training.card import TrainingRecord
from training.data import cifar, fashion, imdb, lexicon, mnist, word_vectors
from training.data.images import ImageDataset
from training.errors import DownloadError
from training.recipes import FULL_BATCH, RECIPES, SHIPPED, Recipe, ShippedModel

MODELS = Path(__file__).parents[2] / "models"
COMMANDS = [
    "fetch",
    *RECIPES,
    "all",
    "evaluate",
    "package",
    "tune",
    "compare",
    "attack",
    "membership",
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, list(arguments))


@dataclass
class NotedTrainer:
    """Stands for a model's module and records its calls."""

    trained: list[tuple[Recipe, Path]] = field(default_factory=list)
    evaluated: list[Path] = field(default_factory=list)

    def train(self, recipe: Recipe, target: Path) -> Any:
        self.trained.append((recipe, target))

    def evaluate(self, folder: Path) -> Any:
        self.evaluated.append(folder)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> NotedTrainer:
    noted = NotedTrainer()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "trainer", lambda name: noted)
    monkeypatch.setattr(cli, "show", lambda *_: None)
    return noted


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert command in run("--help").output
    result = run(command, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


@pytest.mark.parametrize("command", ["", "package", "attack", "membership"])
def test_the_commands_to_type_stand_on_lines_of_their_own(command: str) -> None:
    lines = [line.strip() for line in run(*command.split(), "--help").output.splitlines()]
    assert not [line for line in lines if "\\b" in line or "\b" in line]
    typed = [line for line in lines if line.startswith("python -m training")]
    assert len(typed) >= 2
    assert all(line.count("python -m training") == 1 for line in typed)


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_default_is_the_models_own_recipe(name: str, noted: NotedTrainer) -> None:
    assert run(name).exit_code == 0
    assert noted.trained == [(RECIPES[name], Path("models") / name / "1")]


def test_every_option_reaches_the_recipe(noted: NotedTrainer, tmp_path: Path) -> None:
    options = (
        "--epochs 3 --batch-size 1 --learning-rate 0.5 --optimizer sgd --adversarial 0.2 --seed 9 "
        "--version 4"
    )
    result = run("digits", *options.split(), "--output", str(tmp_path))
    assert result.exit_code == 0, result.output
    recipe = Recipe(3, batch_size=1, learning_rate=0.5, optimizer="sgd", seed=9, adversarial=0.2)
    assert noted.trained == [(recipe, tmp_path / "digits" / "4")]


@pytest.mark.parametrize(
    ("command", "elsewhere"),
    [("digits", ["--version", "2"]), ("digits", ["--output", "new"]), ("all", ["--output", "new"])],
)
def test_a_version_is_replaced_only_on_a_clear_wish(
    noted: NotedTrainer, command: str, elsewhere: list[str]
) -> None:
    Path("models/digits/1").mkdir(parents=True)
    for options in ([], ["--quick", "--output", "models"]):
        refused = run(command, *options)
        assert refused.exit_code == 1
        assert "models/digits/1 already exists" in refused.output
        assert "--replace" in refused.output
    assert noted.trained == []
    for options in (elsewhere, ["--replace"]):
        assert run(command, *options).exit_code == 0
    assert Path("models/digits/1") in [target for _, target in noted.trained]


def test_a_later_model_that_is_there_stops_all_before_the_first_is_trained(
    noted: NotedTrainer,
) -> None:
    Path("models/embedding/1").mkdir(parents=True)
    assert run("all").exit_code == 1
    assert noted.trained == []


def test_a_smoke_run_never_writes_to_the_models_that_are_served(noted: NotedTrainer) -> None:
    for _ in range(2):
        assert run("digits", "--quick").exit_code == 0
        Path("build/quick-models/digits/1").mkdir(parents=True, exist_ok=True)
    assert {target for _, target in noted.trained} == {Path("build/quick-models/digits/1")}


@pytest.mark.parametrize("word", ["full", "0"])
def test_full_batch_descent_has_a_word(noted: NotedTrainer, word: str) -> None:
    assert run("digits", "--batch-size", word).exit_code == 0
    assert noted.trained[0][0].batch_size == FULL_BATCH


@pytest.mark.parametrize(
    "options",
    [
        ["--batch-size", "-1"],
        ["--batch-size", "all"],
        ["--epochs", "0"],
        ["--learning-rate", "0"],
        ["--optimizer", "magic"],
        ["--version", "0"],
        ["--adversarial", "1.5"],
        ["--private", "0"],
        ["--private", "11"],
    ],
)
def test_senseless_options_are_refused(noted: NotedTrainer, options: list[str]) -> None:
    result = run("digits", *options)
    assert result.exit_code == 2
    assert options[0] in result.output
    assert not noted.trained


def test_all_trains_the_repositorys_models_quickly_if_asked(
    noted: NotedTrainer, tmp_path: Path
) -> None:
    result = run("all", "--quick", "--output", str(tmp_path), "--seed", "2")
    assert result.exit_code == 0, result.output
    assert [target.relative_to(tmp_path) for _, target in noted.trained] == [
        Path(model.name, str(model.version)) for model in SHIPPED
    ]
    assert all(recipe.quick for recipe, _ in noted.trained)
    assert {(recipe.epochs, recipe.seed) for recipe, _ in noted.trained} == {(1, 2)}


def test_all_makes_each_version_by_its_own_recipe(
    noted: NotedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = ShippedModel("digits", 2, 7, 5, {"optimizer": "sgd", "learning_rate": 0.1})
    monkeypatch.setattr(cli, "SHIPPED", [*SHIPPED, changed])
    assert run("all", "digits").exit_code == 0
    recipe = replace(RECIPES["digits"], optimizer="sgd", learning_rate=0.1)
    assert (recipe, Path("models/digits/2")) in noted.trained
    assert (RECIPES["digits"], Path("models/digits/1")) in noted.trained
    assert {target.parent.name for _, target in noted.trained} == {"digits"}


def test_all_says_first_how_long_it_takes(
    noted: NotedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [
        ShippedModel("digits", 1, 11, 6),
        ShippedModel("digits", 2, 7, 5, {"optimizer": "sgd"}),
        ShippedModel("embedding", 1, 30, 21),
    ]
    monkeypatch.setattr(cli, "SHIPPED", models)
    monkeypatch.setattr(noted, "train", lambda recipe, target: click.echo("The training starts."))
    for options, durations in (
        ([], ["11 min", "7 min", "30 min", "48 min"]),
        (["--quick"], ["6 s", "5 s", "21 s", "32 s"]),
        (["digits"], ["11 min", "7 min", "18 min"]),
    ):
        plan = run("all", *options, "--replace").output.split("The training starts.")[0]
        rows = [line for line in plan.splitlines() if "min" in line or " s " in line]
        assert all(duration in row for duration, row in zip(durations, rows, strict=True))
        assert "sgd" in rows[1]


def test_the_list_of_the_repositorys_models_is_complete() -> None:
    folders = {path.parent.relative_to(MODELS) for path in MODELS.glob("*/*/training.json")}
    assert folders == {Path(model.name, str(model.version)) for model in SHIPPED}


@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: f"{model.name} {model.version}")
def test_the_repositorys_models_are_made_by_the_recipes_in_the_list(model: ShippedModel) -> None:
    made_by = TrainingRecord.read(MODELS / model.name / str(model.version)).hyperparameters
    recipe = asdict(model.recipe)
    shared = recipe.keys() & made_by.keys()
    assert {"epochs", "batch_size", "learning_rate"} <= shared
    assert {name: made_by[name] for name in shared} == {name: recipe[name] for name in shared}


def test_evaluate_takes_every_version_that_is_there(noted: NotedTrainer, tmp_path: Path) -> None:
    for name, version in (("digits", 1), ("digits", 2), ("embedding", 1)):
        TrainingRecord(name, version, {}, {}, 1.0).write(tmp_path / name / str(version))
    (tmp_path / "notes").mkdir()
    assert run("evaluate", "--output", str(tmp_path)).exit_code == 0
    assert [path.relative_to(tmp_path).as_posix() for path in noted.evaluated] == [
        "digits/1",
        "digits/2",
        "embedding/1",
    ]


def test_what_is_no_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    result = run("evaluate", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "not a model that was trained here" in result.output


def test_no_model_to_evaluate_is_said(tmp_path: Path) -> None:
    result = run("evaluate", "--output", str(tmp_path))
    assert result.exit_code == 1
    assert "no model" in result.output


def test_no_network_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*, quick: bool = False) -> None:
        raise DownloadError("Check the network.")

    monkeypatch.setattr(mnist, "load", unreachable)
    for command in (["fetch"], ["digits", "--quick"]):
        result = run(*command)
        assert result.exit_code == 1
        assert result.output.endswith("Error: Check the network.\n")


def test_fetch_says_what_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> None:
        raise DownloadError("Neither here nor there.")

    for module in (mnist, imdb, word_vectors, lexicon, fashion):
        monkeypatch.setattr(module, "load", lambda: None)
    monkeypatch.setattr(cifar, "load", unreachable)
    result = run("fetch")
    assert result.exit_code == 0
    assert "Fashion-MNIST: in " in result.output
    assert "CIFAR-10: skipped. Neither here nor there." in result.output


def test_a_quick_run_goes_all_the_way(tmp_path: Path, small_mnist: ImageDataset) -> None:
    output = ["--output", str(tmp_path)]
    result = run("digits", "--quick", *output)
    assert result.exit_code == 0, result.output
    assert "saved_model.pb" in result.output
    assert "accuracy" in result.output
    folder = tmp_path / "digits" / "1"
    trained = json.loads((folder / "model.json").read_text())
    assert trained["hyperparameters"]["quick"] is True
    result = run("evaluate", str(folder))
    assert result.exit_code == 0, result.output
    assert json.loads((folder / "model.json").read_text()) == trained
