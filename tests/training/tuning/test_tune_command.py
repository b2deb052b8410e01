from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.training.conftest import bars
from training.cli import main
from training.data import fashion
from training.data.images import ImageDataset


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tune", *arguments])


def test_it_goes_all_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (bars(300, seed=1), bars(100, seed=2), bars(100, seed=3))
    data = ImageDataset("Fashion-MNIST", "made up", "0" * 64, *parts)
    monkeypatch.setattr(fashion, "load", lambda: data)
    study = tmp_path / "new" / "fashion.journal"
    options = ["--examples", "128", "--passes", "1", "--minutes", "0.0001"]
    result = run("fashion", *options, "--study", str(study))
    assert result.exit_code == 0, result.output
    assert "trial 0: 0." in result.output
    assert "On the test part" in result.output
    assert "python -m training fashion --optimizer adam" in result.output
    with Image.open(study.with_suffix(".png")) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300
    again = run("fashion", "--examples", "200", "--study", str(study))
    assert again.exit_code == 1
    assert "--examples" in again.output


def test_models_that_cant_be_tuned_are_refused() -> None:
    assert run("sentiment").exit_code == 2
