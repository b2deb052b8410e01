"""`python -m training package`: from a file to a version that a fresh process can use."""

import json
import shlex
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import training
from training import cli, export
from training.errors import ExportError, PackagingError


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["package", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path, plain: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plain.save("plain.keras")
    return Path("plain.keras")


def versions() -> list[str]:
    return sorted(path.name for path in Path("models/mine").iterdir())


def test_a_fresh_process_answers_as_the_model_does(file: Path) -> None:
    result = run(file, "--name", "mine", "--labels", "a,b,c")
    assert result.exit_code == 0, result.output
    assert "A fresh process gave the same answers" in result.output
    assert "make serve" in result.output
    assert versions() == ["1"]


def test_strings_come_out_of_a_fresh_process_too(tmp_path: Path) -> None:
    words = keras.Input((2,), dtype="string", name="words")
    model = keras.Model(words, keras.layers.Identity(name="same")(words))
    folder = training.package(model, "mine", output=tmp_path, say=lambda _: None)
    sample = json.loads((folder / "sample.json").read_text())
    assert len(sample["inputs"]["words"]) == 1


def test_the_next_command_sends_the_first_golden_input(file: Path, unverified: None) -> None:
    output = run(file, "--name", "mine").output
    (line,) = (line for line in output.splitlines() if "curl" in line)
    *_, data, url = shlex.split(line)
    assert url == "localhost:3000/models/mine"
    with np.load("models/mine/1/golden.npz") as golden:
        first = golden["serving_default/inputs/image"][0]
    np.testing.assert_array_equal(np.asarray(Image.open(data.removeprefix("@"))), first)
    output = run(file, "--name", "mine", "--output", "else where").output
    assert f"TRIDENT_MODELS='{Path.cwd()}/else where' make serve" in output


def test_a_version_is_replaced_only_on_a_clear_wish(file: Path, unverified: None) -> None:
    for _ in range(2):
        assert run(file, "--name", "mine").exit_code == 0
    assert versions() == ["1", "2"]
    refused = run(file, "--name", "mine", "--version", "2")
    assert refused.exit_code == 1
    assert "models/mine/2 is there already" in refused.output
    before = Path("models/mine/1/model.json").read_text()
    assert run(file, "--name", "mine", "--replace", "--labels", "a,b,c").exit_code == 0
    assert versions() == ["1", "2"]
    assert json.loads(Path("models/mine/2/model.json").read_text())["labels"] == ["a", "b", "c"]
    assert Path("models/mine/1/model.json").read_text() == before


def test_a_failure_leaves_nothing_behind(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ExportError("It answers something else.")

    monkeypatch.setattr(export, "verify", fail)
    result = run(file, "--name", "mine")
    assert result.exit_code == 1
    assert result.output.endswith("Error: It answers something else.\n")
    assert versions() == []


def test_labels_may_stand_in_a_file(file: Path, unverified: None) -> None:
    Path("labels.txt").write_text("a\nb\n\nçà\n", "utf-8")
    assert run(file, "--name", "mine", "--labels-file", "labels.txt").exit_code == 0
    assert json.loads(Path("models/mine/1/model.json").read_text())["labels"] == ["a", "b", "çà"]
    refused = run(file, "--name", "mine", "--labels-file", "nowhere.txt")
    assert "nowhere.txt isn't a text file" in refused.output
    both = run(file, "--name", "mine", "--labels", "a", "--labels-file", "labels.txt")
    assert both.exit_code == 2


@pytest.mark.parametrize("name", ["../mine", "", ".mine", "a" * 65, "reload"])
def test_a_name_that_cannot_be_one_is_refused(file: Path, name: str) -> None:
    result = run(file, "--name", name)
    assert result.exit_code == 1
    assert "can't be a model's name" in result.output


@pytest.mark.parametrize(
    "options", [["--size", "28"], ["--range", "0..2"], ["--task", "magic"], ["--version", "0"]]
)
def test_senseless_options_are_refused(file: Path, options: list[str]) -> None:
    result = run(file, "--name", "mine", *options)
    assert result.exit_code == 2
    assert options[0] in result.output


def test_an_expected_failure_is_a_sentence() -> None:
    result = run("nowhere.keras", "--name", "mine")
    assert result.exit_code == 1
    assert result.output == "Error: There is no nowhere.keras: check the path.\n"
    with pytest.raises(PackagingError, match="There is no nowhere"):
        training.package("nowhere.keras", "mine")
