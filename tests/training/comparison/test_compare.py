import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.training.conftest import bars
from training.cli import main
from training.comparison import changes, document
from training.comparison.changes import BASE, DESCENT, QUALITY, Change
from training.comparison.measuring import Comparison
from training.data import fashion
from training.data.images import ImageDataset
from training.fashion import CLOTHES
from training.trials.classifiers import ClassifierTrials
from training.trials.settings import Length


@pytest.fixture
def bar_pictures(monkeypatch: pytest.MonkeyPatch) -> ImageDataset:
    parts = (bars(300, seed=1), bars(100, seed=2), bars(100, seed=3))
    data = ImageDataset("Fashion-MNIST", "made up", "0" * 64, *parts)
    monkeypatch.setattr(fashion, "load", lambda: data)
    return data


def test_each_row_changes_something() -> None:
    for table in (QUALITY, DESCENT):
        assert table[0] is BASE
        assert len({replace(change, description="") for change in table}) == len(table)


def test_a_change_is_measured_with_each_seed(bar_pictures: ImageDataset) -> None:
    trials = ClassifierTrials(CLOTHES, bar_pictures)
    comparison = Comparison(trials, Length(examples=100, seen=200), seeds=range(2))
    slower = Change("twice", times_the_training=2)
    rows = list(comparison.rows([BASE, slower], votes=True))
    assert [row.change for row in rows] == [
        BASE.description,
        "asked twice: the picture, and mirrored",
        "2 models asked, with other random numbers",
        "twice",
    ]
    assert [len(row.accuracies) for row in rows] == [2, 2, 1, 2]


def test_the_command_keeps_the_other_table(
    tmp_path: Path, bar_pictures: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(changes.TABLES, "quality", QUALITY[:1])
    path = tmp_path / document.MEASURED
    path.write_text(json.dumps({"tables": {"descent": []}}))
    result = CliRunner().invoke(main, ["compare", "quality", "--quick", "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert json.loads(path.read_text())["tables"].keys() == {"descent", "quality"}
    assert "| change | accuracy |" in result.output


def test_a_gain_beyond_the_noise_stands_out() -> None:
    rows = [
        {"change": "none", "accuracies": [0.80, 0.81, 0.82], "seconds": 9.6},
        {"change": "small", "accuracies": [0.81, 0.82, 0.83], "seconds": 9.6},
        {"change": "large", "accuracies": [0.84, 0.85, 0.86], "seconds": 20.2},
        {"change": "one", "accuracies": [0.75], "seconds": 20.2},
    ]
    assert document.comparison(rows).splitlines()[2:] == [
        "| none | 81.0% ± 1.0 |  | 10 |",
        "| small | 82.0% ± 1.0 | +1.0 | 10 |",
        "| large | 85.0% ± 1.0 | **+4.0** | 20 |",
        "| one | 75.0% | **-6.0** | 20 |",
        "",
        "Noise of a gain: 0.8 points.",
    ]


def test_a_table_is_put_in_its_place_only() -> None:
    page = "a\n<!-- models -->\nold\n<!-- end -->\nb\n<!-- descent -->\n<!-- end -->\n"
    assert document.written(page, {"models": "new\n", "descent": "x\n"}) == (
        "a\n<!-- models -->\nnew\n<!-- end -->\nb\n<!-- descent -->\nx\n<!-- end -->\n"
    )
