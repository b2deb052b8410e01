"""Whoever writes into the folder of models isn't trusted: nothing waits, grows or leaks by it."""

import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.engine.folder import folder_files, repository
from service.engine.folder.artifact import Artifact, open_artifact, unchanged
from service.engine.folder.folder_files import FileHashes, FileStat, read_small, stat_files
from service.engine.folder.repository import ModelFolder, Repository, read_models
from service.errors import CorruptModelError, printable
from tests.service.engine.artifacts import write_artifact


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with one good version, good/1, beside a secret that isn't in it."""
    (tmp_path / "secret").write_text("only for the operator")
    write_artifact(tmp_path / "models" / "good" / "1")
    return tmp_path / "models"


@pytest.fixture
def odd(models: Path) -> Path:
    """The folder of a complete version, odd/1, to be changed."""
    return write_artifact(models / "odd" / "1")


def assert_only_good(models: Path) -> ModelFolder:
    """Check that the good version alone is served; return what is said of the rest."""
    found = read_models(models)
    assert [artifact.path for artifact in found.artifacts] == [models / "good" / "1"]
    return found


def reason(models: Path) -> str:
    (rejected,) = assert_only_good(models).rejected
    return rejected.reason


def replaced(file: Path, make: Callable[[Path], Any]) -> None:
    file.unlink()
    make(file)


def make_socket(file: Path) -> None:
    with contextlib.chdir(file.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(file.name)  # its path must be short


SPECIAL: dict[str, Callable[[Path], Any]] = {
    "a pipe": os.mkfifo,
    "a socket": make_socket,
    "a device that never ends": lambda file: file.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a link to nothing": lambda file: file.symlink_to("nothing"),
    "a link to itself": lambda file: file.symlink_to(file.name),
    "a link out of the folder": lambda file: file.symlink_to("../../../secret"),
    "an absolute link out of the folder": lambda file: file.symlink_to("/etc/hostname"),
    "a link to another version": lambda file: file.symlink_to("../../good/1/saved_model.pb"),
}
FILES = ["model.json", "saved_model.pb", "variables/variables.index"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_not_a_file_of_the_folder_is_not_read(
    models: Path, odd: Path, kind: str, file: str
) -> None:
    replaced(odd / file, SPECIAL[kind])
    assert f"{file} can't be read" in reason(models)


@pytest.mark.parametrize("kind", [*list(SPECIAL)[:6], "an absolute link out of the folder"])
@pytest.mark.parametrize("file", ["good/serving.json", "defaults.json"])
def test_what_is_not_a_file_is_not_read_as_configuration(
    models: Path, kind: str, file: str
) -> None:
    """A link out of the folder may be one into a ConfigMap; what isn't JSON is told without it."""
    SPECIAL[kind](models / file)
    try:
        faults = assert_only_good(models).faults
    except CorruptModelError as error:
        faults = [str(error)]
    if "nothing" not in kind:
        assert any(file in fault for fault in faults)


def test_the_content_of_a_linked_file_is_never_told(models: Path) -> None:
    (models / "good" / "serving.json").symlink_to(models.parent / "secret")
    (fault,) = assert_only_good(models).faults
    assert "isn't a JSON object" in fault
    assert "operator" not in fault


def test_a_folder_that_is_a_link_out_is_not_entered(models: Path, odd: Path) -> None:
    moved = models.parent / "elsewhere"
    (odd / "variables").rename(moved)
    (odd / "variables").symlink_to(moved)
    assert "variables can't be read: it is a link out of its folder" in reason(models)


def test_links_within_a_versions_folder_are_followed(models: Path, odd: Path) -> None:
    (odd / "variables").rename(odd / "stored")
    (odd / "variables").symlink_to("stored")
    (odd / "saved_model.pb").rename(odd / "graph")
    (odd / "saved_model.pb").symlink_to(odd / "graph")
    assert len(read_models(models).artifacts) == 2


def test_a_version_or_a_model_may_itself_be_a_link(models: Path, odd: Path) -> None:
    (models / "odd").rename(models.parent / "releases")
    (models / "odd").mkdir()
    (models / "odd" / "1").symlink_to(models.parent / "releases" / "1")
    assert len(read_models(models).artifacts) == 2
    (models / "odd" / "1").unlink()
    (models / "odd").rmdir()
    (models / "odd").symlink_to(models.parent / "releases")
    assert len(read_models(models).artifacts) == 2


NAMES = [
    "../1/saved_model.pb",
    "/etc/hostname",
    "a//b",
    "./a",
    "a/../b",
    "..",
    "",
    "a\nb",
    "\x1b[2J",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_files_below_its_folder_alone(models: Path, odd: Path, name: str) -> None:
    card = json.loads((odd / "model.json").read_text())
    card["files"][name] = "0" * 64
    (odd / "model.json").write_text(json.dumps(card))
    assert "isn't the path of a file below the version's folder" in reason(models)


@pytest.mark.parametrize("name", ["assets/words.txt", "assets/more/words.txt", "variables/other"])
def test_each_file_that_tensorflow_could_read_has_a_hash(
    models: Path, odd: Path, name: str
) -> None:
    (odd / name).parent.mkdir(parents=True, exist_ok=True)
    (odd / name).write_text("words")
    assert f"no hash of {name}" in reason(models)


def test_assets_in_another_place_are_not_used(models: Path, odd: Path) -> None:
    (odd / "assets").symlink_to(models.parent)
    assert "no hash of assets" in reason(models)


def test_a_file_that_is_replaced_before_it_is_opened_is_not_hashed(odd: Path) -> None:
    """By a pipe, for instance, at which a reader would wait for ever."""
    file = odd / "saved_model.pb"
    known = stat_files(odd)["saved_model.pb"]
    assert isinstance(known, FileStat)
    replaced(file, os.mkfifo)
    with pytest.raises(OSError, match="isn't a file"):
        FileHashes().sha256(file, known)
    replaced(file, lambda file: file.write_text("another"))
    with pytest.raises(OSError, match="changing"):
        FileHashes().sha256(file, known)


# Between the look at the folder and the loading.


def artifact_of(models: Path) -> Artifact:
    (found,) = (a for a in read_models(models).artifacts if a.card.name == "odd")
    return open_artifact(found.path, found.digest)


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_a_file_that_is_swapped_after_it_was_hashed_is_not_loaded(
    models: Path, odd: Path, file: str
) -> None:
    artifact = artifact_of(models)
    content = (odd / file).read_bytes()
    (odd / file).write_bytes(content.swapcase())
    with pytest.raises(CorruptModelError, match="isn't the file"), unchanged(artifact):
        pytest.fail("it isn't loaded")


def test_a_file_that_is_swapped_for_the_time_of_the_loading_is_noticed(
    models: Path, odd: Path
) -> None:
    artifact, file = artifact_of(models), odd / "saved_model.pb"
    right = file.read_bytes()
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)

    def swap_for_a_moment() -> None:
        file.write_bytes(right.swapcase())
        file.write_bytes(right)
        os.utime(file, ns=times)

    with pytest.raises(CorruptModelError, match="have changed while"), unchanged(artifact):
        swap_for_a_moment()


def test_what_is_added_while_a_version_is_loaded_is_noticed(models: Path, odd: Path) -> None:
    artifact = artifact_of(models)
    with pytest.raises(CorruptModelError, match="have changed while"), unchanged(artifact):
        (odd / "variables" / "variables.data-00001-of-00002").write_bytes(b"x")


# Sizes and numbers.


def make_sparse(file: Path, size: int) -> None:
    with file.open("r+b") as content:
        content.truncate(size)


@pytest.mark.parametrize("file", ["odd/1/model.json", "good/serving.json", "defaults.json"])
def test_an_enormous_configuration_is_not_read(models: Path, odd: Path, file: str) -> None:
    (models / file).touch()
    make_sparse(models / file, 2**40)
    before = psutil.Process().memory_info().rss
    try:
        found = assert_only_good(models) if "odd" in file else read_models(models)
        said = [*found.faults, *(rejected.reason for rejected in found.rejected)]
    except CorruptModelError as error:
        said = [str(error)]
    assert any("has more than" in sentence for sentence in said)
    assert psutil.Process().memory_info().rss - before < 100e6


def test_files_larger_than_the_memory_are_not_read(models: Path, odd: Path) -> None:
    make_sparse(odd / "variables" / "variables.index", 2**43)
    assert "more than this machine's memory" in reason(models)


CARDS = {
    "arrays in arrays": b"[" * 100_000,
    "objects in objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a known field that is deep": b'{"metrics":' + b"[" * 1_000_000,
    "a long number": b'{"version":' + b"9" * 1_000_000 + b"}",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "not an object": b"null",
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_that_is_odd_json_is_rejected(models: Path, odd: Path, name: str) -> None:
    (odd / "model.json").write_bytes(CARDS[name])
    assert "isn't a model card" in reason(models)


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("file", ["good/serving.json", "defaults.json"])
def test_configuration_that_is_odd_json_is_a_fault(models: Path, name: str, file: str) -> None:
    repository = Repository(models)
    repository.scan()
    (models / file).write_bytes(CARDS[name])
    (fault,) = repository.scan(settled=True).faults
    assert str(models / file) in fault
    assert len(fault) < 1_000


def test_a_long_configuration_is_read_quickly(models: Path) -> None:
    """A search for repeated names in the square of their number would take an hour."""
    labels = ",".join(f'"label-{number}":1' for number in range(50_000))
    (models / "good" / "serving.json").write_text(f'{{"labels":{{{labels}}}}}')
    found = read_models(models)
    assert len(found.policies["good"].labels) == 50_000


@pytest.mark.parametrize("version", [2**63, 10**200])
def test_a_version_has_a_number_that_can_be_sent(models: Path, version: int) -> None:
    write_artifact(models / "odd" / str(version))
    assert "isn't a model card" in reason(models)


def test_a_version_with_too_many_files_is_rejected(
    models: Path, odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_files, "MAX_FILES", 100)
    for number in range(100):
        (odd / f"file-{number}").touch()
    assert "more than 100 files" in reason(models)


def test_a_version_with_folders_too_deep_is_rejected(models: Path, odd: Path) -> None:
    (odd / Path(*"deep" * 30)).mkdir(parents=True)
    assert "folders in folders" in reason(models)


def test_too_many_versions_are_not_looked_at(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest of each model are."""
    monkeypatch.setattr(repository, "MAX_VERSIONS", 10)
    for number in range(2, 40):
        (models / "many" / str(1_700_000_000 + number)).mkdir(parents=True)
    write_artifact(models / "many" / "1800000000")
    found = read_models(models)
    assert {(a.card.name, a.card.version) for a in found.artifacts} == {
        ("good", 1),
        ("many", 1_800_000_000),
    }
    assert len(found.artifacts) + len(found.rejected) == 10
    (fault,) = found.faults
    assert "only the 10 newest are looked at" in fault


# Names.

ODD_NAMES = [
    "a\n2026-01-01 [INFO] all is well",
    "\x1b[2J\x1b[31mred",
    "with space",
    "%s%n",
    "<b>bold",
    "..data",
    "-rf",
    "\u202edlrow",
    "x" * 100,
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_model_with_an_odd_name_is_not_looked_at(models: Path, name: str) -> None:
    write_artifact(models / name / "1")
    found = assert_only_good(models)
    assert not found.rejected
    if not name.startswith("."):
        (fault,) = found.faults
        assert "no model can have the name" in fault
        assert fault.isprintable()
        assert fault.isascii()


def test_a_model_whose_name_is_no_text_is_not_looked_at(models: Path) -> None:
    (models / os.fsdecode(b"\xff\xfe")).mkdir()
    (fault,) = assert_only_good(models).faults
    assert fault.encode()
    assert r"\udcff\udcfe" in fault


@pytest.mark.parametrize("name", [b"a\nb", b"\x1b[2J", b"\xff", b"\xe2\x80\xae"])
def test_a_file_with_an_odd_name_is_told_in_printable_letters(
    models: Path, odd: Path, name: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (odd / "variables" / os.fsdecode(name)).touch()
    told = reason(models)
    assert told.isprintable()
    assert told.encode()
    assert "no hash of" in told
    assert all(record.levelno < logging.ERROR for record in caplog.records)


def test_printable_text_stays_as_it_is() -> None:
    assert printable("größer als 1 🙂") == "größer als 1 🙂"
    assert printable("a\r\n\tb\x1b[0m\x7f\u2028\ud800") == r"a\r\n\tb\x1b[0m\x7f\u2028\ud800"


def test_a_small_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_small(file, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_small(file, 4)
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "nothing", 4)
