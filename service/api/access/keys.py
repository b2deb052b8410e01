"""Keys, and what their holders may do.

A key has 256 random bits, so nobody can find it from its SHA-256, however fast hashes are computed:
the slow hashes that passwords need would only cost time. Keys are always made by `make_key`, and
nothing else is accepted as a key: a password that somebody chose can't be one.

A caller's key is found by its hash in a dictionary. How long that takes says something about the
hash at most, and to use that, an attacker would need a key with a hash of their choice.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.errors import ForbiddenError, UnauthorizedError, first_fault
from service.telemetry.exchange import NO_CALLER

Right = Literal["predict", "metrics", "admin"]
"""Use the models, read the metrics, change what is served."""

_RANDOM_BYTES: Final = 32
_KEY: Final = re.compile(rb"trident_[A-Za-z0-9_-]{43}")


class InvalidKeysError(ValueError):
    """The keys can't be read, or contradict each other. The message says what to change."""


class Entry(BaseModel):
    """A key, or what callers without a key may do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    rights: tuple[Right, ...] = Field(min_length=1)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the key, in hexadecimal digits. Without it the entry is for callers without a key."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever makes a call."""

    name: str
    """The name of its key, or `NO_CALLER`."""
    rights: frozenset[Right]


_ENTRIES: Final = TypeAdapter(list[Entry])


class Keys:
    """Some keys, and their holders."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Know these keys. Raises InvalidKeysError if two entries contradict each other."""
        self._anyone = Caller(NO_CALLER, frozenset())
        self._holders: dict[bytes, Caller] = {}
        for entry in entries:
            rights = frozenset(entry.rights)
            if entry.sha256 is not None:
                digest = bytes.fromhex(entry.sha256)
                if digest in self._holders:
                    raise InvalidKeysError(f"The key {entry.name} is there twice: remove one.")
                self._holders[digest] = Caller(entry.name, rights)
            elif self._anyone.rights:
                raise InvalidKeysError("Only one entry may be without sha256.")
            else:
                self._anyone = Caller(NO_CALLER, rights)

    def __len__(self) -> int:
        return len(self._holders)

    def caller(self, authorization: bytes | None) -> Caller:
        """Return who sends this `Authorization` header (RFC 6750, section 2.1).

        A caller whose header has another scheme than `Bearer` has no key.

        Raises:
            UnauthorizedError: there is no such key.
        """
        scheme, _, sent = (authorization or b"").partition(b" ")
        if scheme.lower() != b"bearer":
            return self._anyone
        key = sent.strip()
        holder = self._holders.get(sha256(key).digest()) if _KEY.fullmatch(key) else None
        if holder is None:
            raise UnauthorizedError("The service doesn't know this key.")
        return holder


def check_right(caller: Caller, right: Right) -> None:
    """Check that a caller has a right.

    Raises:
        UnauthorizedError: it has no key, and needs one.
        ForbiddenError: its key doesn't give the right.
    """
    if right in caller.rights:
        return
    if caller.name == NO_CALLER:
        raise UnauthorizedError(
            f"The call needs a key with the right {right}: send it as 'Authorization: Bearer KEY'."
        )
    raise ForbiddenError(f"The key {caller.name} doesn't give the right {right}.")


def read_entries(text: str | bytes) -> list[Entry]:
    """Return the entries of a JSON list. Raises InvalidKeysError, which never shows the text."""
    try:
        return _ENTRIES.validate_json(text)
    except ValidationError as error:
        raise InvalidKeysError(f"They must be a JSON list of keys. {first_fault(error)}.") from None


def make_key() -> str:
    """Return a new key."""
    return f"trident_{token_urlsafe(_RANDOM_BYTES)}"


def entry_of(key: str, name: str, rights: list[str]) -> Entry:
    """Return the entry of a key. Raises pydantic.ValidationError: name or rights aren't allowed."""
    content = {"name": name, "rights": rights, "sha256": sha256(key.encode()).hexdigest()}
    return Entry.model_validate(content)
