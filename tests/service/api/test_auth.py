"""Who may administrate the service."""

import pytest
from pydantic import SecretStr

from service.api.auth import AdminKey
from service.errors import ForbiddenError, UnauthorizedError


@pytest.mark.parametrize("key", [None, SecretStr(""), SecretStr(" \n")])
@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer ", "Bearer  ", "Bearer None"])
def test_without_a_key_nobody_may(key: SecretStr | None, sent: str | None) -> None:
    with pytest.raises(ForbiddenError, match="set TRIDENT_ADMIN_KEY"):
        AdminKey(key).check(sent)


@pytest.mark.parametrize("key", ["s3cret", "s3cret\n", "  s3cret "])
@pytest.mark.parametrize("sent", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "])
def test_who_sends_the_key_may(key: str, sent: str) -> None:
    AdminKey(SecretStr(key)).check(sent)


def test_a_key_may_have_any_letters() -> None:
    """A client sends them in UTF-8; a server reads headers as Latin-1."""
    AdminKey(SecretStr("schlüssel")).check(f"Bearer {'schlüssel'.encode().decode('latin-1')}")


@pytest.mark.parametrize(
    "sent",
    [
        *(None, "", "s3cret", "Bearer", "Bearer ", "Bearers3cret", "Basic s3cret"),
        *("Bearer s3cre", "Bearer s3cret2", "Bearer S3CRET", "Bearer s3cret s3cret", "Bearer €"),
    ],
)
def test_everybody_else_may_not(sent: str | None) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        AdminKey(SecretStr("s3cret")).check(sent)
    assert "s3cret" not in str(caught.value)


def test_a_key_is_not_shown() -> None:
    key = AdminKey(SecretStr("s3cret"))
    assert "s3cret" not in f"{key} {key!r}"
