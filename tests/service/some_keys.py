"""Keys for tests of a server."""

import json

from service.api.access.keys import entry_of

ANYONE = {"name": "anyone", "rights": ["predict", "metrics"]}
"""As open as a service without keys, except that there is an administration."""


def keys_setting(*keys: tuple[str, str, str], anyone: bool = False) -> str:
    """Return the value of TRIDENT_KEYS for keys, their names, and their rights with commas."""
    entries = [entry_of(key, name, rights.split(",")).model_dump() for key, name, rights in keys]
    return json.dumps([*entries, ANYONE] if anyone else entries)


def bearer(key: str) -> dict[str, str]:
    """Return the header that a key is sent in."""
    return {"authorization": f"Bearer {key}"}
