"""The models on disk: found, ordered, verified; and what is said of a damaged one."""

import errno
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.engine.folder.repository import read_models
from service.errors import CorruptModelError
from tests.service.live_server import ROOT, free_port


@pytest.fixture
def models(demo_models: Path, tmp_path: Path) -> Path:
    """A copy of the demo models, to be damaged."""
    return shutil.copytree(demo_models, tmp_path / "models")


def _edit_card(models: Path, **changes: Any) -> None:
    path = models / "tint" / "1" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _alter_byte(models: Path) -> None:
    path = models / "tint" / "1" / "saved_model.pb"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(models: Path) -> None:
    path = models / "tint" / "1" / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:-1])


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "an altered byte": (_alter_byte, "isn't the file that its card describes"),
    "a cut file": (_cut, "isn't the file that its card describes"),
    "a missing file": (
        lambda models: (models / "tint" / "1" / "saved_model.pb").unlink(),
        "can't be read",
    ),
    "a missing card": (
        lambda models: (models / "tint" / "1" / "model.json").unlink(),
        "can't be read",
    ),
    "another version's card": (
        lambda models: _edit_card(models, version=7),
        "the folders must be named",
    ),
    "another model's card": (
        lambda models: _edit_card(models, name="hue"),
        "the folders must be named",
    ),
    "a card that isn't JSON": (
        lambda models: (models / "tint" / "1" / "model.json").write_text("{"),
        "isn't a model card",
    ),
    "a card without a task": (lambda models: _edit_card(models, task=None), "task"),
    "a card that vouches for no file": (
        lambda models: _edit_card(models, files={}),
        r"saved_model\.pb",
    ),
    "an empty folder": (lambda models: _empty(models / "tint" / "1"), "can't be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_version_is_rejected_and_the_others_are_not(models: Path, damage: str) -> None:
    make_damage, sentence = DAMAGES[damage]
    make_damage(models)
    found = read_models(models)
    good = [(artifact.card.name, artifact.card.version) for artifact in found.artifacts]
    assert good == [("sketch", 1), ("slow", 1), ("tint", 2)]
    (rejected,) = found.rejected
    assert (rejected.name, rejected.version) == ("tint", "1")
    assert re.search(sentence, rejected.reason)
    assert str(models) in rejected.reason
    assert "\n" not in rejected.reason


def test_no_good_version_at_all_is_an_error_that_names_each(models: Path) -> None:
    for card in models.glob("*/*/model.json"):
        card.unlink()
    with pytest.raises(CorruptModelError, match="No model in") as caught:
        read_models(models)
    for version in ("sketch/1", "slow/1", "tint/1", "tint/2"):
        assert f"{models}/{version}/model.json can't be read" in str(caught.value)


def test_a_folder_that_may_not_be_read_is_named(models: Path, monkeypatch: Any) -> None:
    """As root every folder can be read, so the refusal is the test's."""
    look = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path == models:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CorruptModelError, match="can't be read: Permission denied"):
        read_models(models)


def test_an_empty_folder_says_how_to_get_models(tmp_path: Path) -> None:
    with pytest.raises(CorruptModelError, match="make train"):
        read_models(tmp_path)


def test_models_come_by_name_and_newest_first(models: Path) -> None:
    newest = shutil.copytree(models / "tint" / "2", models / "tint" / "10")
    card = json.loads((newest / "model.json").read_text())
    (newest / "model.json").write_text(json.dumps(card | {"version": 10}))
    found = [(a.card.name, a.card.version) for a in read_models(models).artifacts]
    assert found == [("sketch", 1), ("slow", 1), ("tint", 10), ("tint", 2), ("tint", 1)]


def test_what_is_no_model_is_passed_over(models: Path) -> None:
    (models / "README.md").write_text("about these models")
    (models / "tint" / "draft").mkdir()
    (models / "tint" / "1" / "confusion.png").write_bytes(b"a picture")
    assert len(read_models(models).artifacts) == 4


def test_the_service_does_not_start_without_a_good_model(models: Path) -> None:
    for good in ("sketch", "slow", "tint/2"):
        shutil.rmtree(models / good)
    _alter_byte(models)
    run = _serve(models)
    assert run.returncode != 0
    assert "isn't the file that its card describes" in run.stdout
    assert "Traceback" not in run.stdout


def test_the_service_does_not_start_on_a_taken_port(models: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        run = _serve(models, grpc_port=taken.getsockname()[1])
    assert run.returncode != 0
    assert "set TRIDENT_GRPC_PORT" in run.stdout
    assert "Traceback" not in run.stdout


def _serve(models: Path, grpc_port: int | None = None) -> subprocess.CompletedProcess[str]:
    """Try to serve, on ports of our own, until it gives up."""
    bentoml = str(Path(sys.executable).with_name("bentoml"))
    return subprocess.run(
        [bentoml, "serve", "service:Trident", "--port", str(free_port())],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(models),
            "BENTOML_DO_NOT_TRACK": "True",
            "TRIDENT_MODELS": str(models),
            "TRIDENT_GRPC_PORT": str(grpc_port or free_port()),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
