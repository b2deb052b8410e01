"""The keys in force: read at the start, and again when their file changes."""

from pathlib import Path

import pytest

from service.api.access.keyring import Keyring
from service.api.access.keys import InvalidKeysError
from service.errors import UnauthorizedError
from service.keys import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def make(file: Path, name: str, capsys: pytest.CaptureFixture[str]) -> bytes:
    """Add a key to the file; return its header."""
    main([name, "--rights", "predict", "--file", str(file)])
    return f"Bearer {capsys.readouterr().out.strip()}".encode()


@pytest.fixture
def keyring(file: Path, capsys: pytest.CaptureFixture[str]) -> Keyring:
    make(file, "first", capsys)
    made = Keyring(file, None)
    made.read()
    return made


def test_a_key_is_added_and_revoked_by_the_file(
    keyring: Keyring, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.read_text()
    sent = make(file, "second", capsys)
    keyring.read_if_changed()
    assert keyring.keys.caller(sent).name == "second"
    file.write_text(before)
    keyring.read_if_changed()
    with pytest.raises(UnauthorizedError):
        keyring.keys.caller(sent)


@pytest.mark.parametrize("fault", ["[", None])
def test_a_faulty_or_missing_file_leaves_the_keys_in_force_and_says_so_once(
    keyring: Keyring, file: Path, caplog: pytest.LogCaptureFixture, fault: str | None
) -> None:
    keys = keyring.keys
    if fault is None:
        file.unlink()
    else:
        file.write_text(fault)
    for _ in range(3):
        keyring.read_if_changed()
    assert keyring.keys is keys
    assert caplog.text.count("the keys in force stay, 1: ") == 1


def test_the_last_key_that_is_revoked_opens_nothing(keyring: Keyring, file: Path) -> None:
    file.write_text("[]")
    keyring.read_if_changed()
    assert keyring.is_set
    assert not keyring.keys.caller(None).rights


def test_until_they_are_read_nobody_may(file: Path) -> None:
    keyring = Keyring(file, None)
    keyring.read_or_log()
    assert keyring.is_set
    assert not keyring.keys.caller(None).rights


def test_the_environment_has_the_same_form() -> None:
    keyring = Keyring(None, '[{"name": "anyone", "rights": ["predict"]}]')
    keyring.read()
    assert keyring.keys.caller(None).rights == {"predict"}


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("here", "[]", "not both"),
        ("nowhere", None, "nowhere can't be read: No such file"),
        (None, "[", "TRIDENT_KEYS can't be used"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, path: str | None, text: str | None, words: str
) -> None:
    (tmp_path / "here").write_text("[]")
    with pytest.raises(InvalidKeysError, match=words):
        Keyring(tmp_path / path if path else None, text).read()
