"""Keys: made, kept as hashes, found again, and refused."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from service.api.access.keys import (
    Caller,
    InvalidKeysError,
    Keys,
    check_right,
    make_key,
    read_entries,
)
from service.errors import ForbiddenError, UnauthorizedError
from service.keys import main


def entries_of(*entries: dict[str, Any]) -> Keys:
    return Keys(read_entries(json.dumps(entries)))


def entry(key: str, name: str, *rights: str) -> dict[str, Any]:
    return {"name": name, "rights": rights, "sha256": sha256(key.encode()).hexdigest()}


@pytest.fixture
def key() -> str:
    return make_key()


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_who_sends_a_key_is_its_holder(key: str, form: str) -> None:
    keys = entries_of(entry(key, "shop", "predict"), entry(make_key(), "ops", "admin"))
    caller = keys.caller(form.format(key).encode())
    assert caller == Caller("shop", frozenset({"predict"}))


def test_a_key_has_only_its_rights(key: str) -> None:
    caller = entries_of(entry(key, "shop", "predict", "metrics")).caller(f"Bearer {key}".encode())
    check_right(caller, "predict")
    check_right(caller, "metrics")
    with pytest.raises(ForbiddenError, match="shop doesn't give the right admin"):
        check_right(caller, "admin")


@pytest.mark.parametrize("sent", [None, b"", b"Basic abc", b"trident_abc"])
def test_who_sends_no_key_has_the_rights_of_the_entry_without_one(sent: bytes | None) -> None:
    keys = entries_of({"name": "anyone", "rights": ["predict"]}, entry(make_key(), "ops", "admin"))
    caller = keys.caller(sent)
    assert caller == Caller("-", frozenset({"predict"}))
    with pytest.raises(UnauthorizedError, match="right admin"):
        check_right(caller, "admin")


def test_an_unknown_key_is_refused_even_where_anyone_may() -> None:
    keys = entries_of({"name": "anyone", "rights": ["predict"]})
    with pytest.raises(UnauthorizedError) as caught:
        keys.caller(f"Bearer {make_key()}".encode())
    assert "trident_" not in str(caught.value)


@pytest.mark.parametrize("chosen", ["password", "trident_password", "", "€" * 51, "a" * 51])
def test_a_password_that_somebody_chose_is_no_key(chosen: str) -> None:
    keys = entries_of(entry(chosen, "me", "predict"))
    with pytest.raises(UnauthorizedError):
        keys.caller(f"Bearer {chosen}".encode())


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "{}", "null", '["a"]', '[{"name": "a"}]', '[{"name": "a", "rights": []}]'),
        '[{"name": "a", "rights": ["predict"], "key": "trident_x"}]',
        '[{"name": "a", "rights": ["predict"], "sha256": "trident_x"}]',
        '[{"name": "a b", "rights": ["predict"]}]',
        '[{"name": "-", "rights": ["predict"]}]',
        '[{"name": "a\\n", "rights": ["predict"]}]',
        '[{"name": "a", "rights": ["everything"]}]',
        '[{"name": "a", "rights": ["predict"]}, {"name": "b", "rights": ["admin"]}]',
    ],
)
def test_faulty_keys_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidKeysError) as caught:
        Keys(read_entries(text))
    assert "trident_x" not in str(caught.value)


def test_a_key_that_is_there_twice_is_refused(key: str) -> None:
    with pytest.raises(InvalidKeysError, match="b is there twice"):
        entries_of(entry(key, "a", "predict"), entry(key, "b", "admin"))


def test_two_keys_may_have_one_name_while_one_replaces_the_other() -> None:
    old, new = make_key(), make_key()
    keys = entries_of(entry(old, "shop", "predict"), entry(new, "shop", "predict"))
    assert {keys.caller(f"Bearer {key}".encode()).name for key in (old, new)} == {"shop"}


def test_the_command_makes_keys_and_keeps_their_hashes_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.json"
    main(["shop", "--rights", "predict,metrics", "--file", str(file)])
    main(["ops", "--rights", "admin", "--file", str(file)])
    first, second = capsys.readouterr().out.split()
    assert first != second
    assert first not in file.read_text()
    keys = Keys(read_entries(file.read_bytes()))
    assert keys.caller(f"Bearer {first}".encode()).rights == {"predict", "metrics"}
    assert keys.caller(f"Bearer {second}".encode()).name == "ops"
    assert file.stat().st_mode & 0o022 == 0
    assert list(tmp_path.iterdir()) == [file]


def test_without_a_file_the_command_prints_the_entry(capsys: pytest.CaptureFixture[str]) -> None:
    main(["shop", "--rights", "predict"])
    key, line = capsys.readouterr().out.splitlines()
    assert Keys(read_entries(f"[{line}]")).caller(f"Bearer {key}".encode()).name == "shop"


@pytest.mark.parametrize("wrong", [["a b", "--rights", "predict"], ["a", "--rights", "all"]])
def test_the_command_refuses_other_names_and_rights(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
    assert "trident_" not in capsys.readouterr().out


def test_the_command_leaves_a_faulty_file_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("[")
    with pytest.raises(SystemExit):
        main(["a", "--rights", "predict", "--file", str(file)])
    assert file.read_text() == "["
