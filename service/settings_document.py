"""The settings as a page: `python -m service.settings_document > docs/settings.md`."""

from textwrap import fill
from typing import Any, Final, get_args

from pydantic.fields import FieldInfo

from service.settings import Settings

_HEAD: Final = """\
# Settings

Each setting is an environment variable, read once when the service starts. An empty one means the
default. At the start the service logs the settings in use, and warns of each `TRIDENT_` variable
that isn't in this list. This page is generated from [service/settings.py](../service/settings.py).

The address and port of HTTP are options of BentoML: `bentoml serve service:Trident --host
127.0.0.1 --port 8080`.
"""

_MACHINE: Final = {
    "models": "the folder `models` beside the service",
    "workers": "one per core, or fewer if there isn't 2 GiB of memory for each",
}
"""Defaults that depend on the machine."""


def settings_document() -> str:
    """Return the page, in Markdown."""
    fields = Settings.model_fields.items()
    return "\n".join([_HEAD, *(_section(name, field) for name, field in fields)])


def _section(name: str, field: FieldInfo) -> str:
    text = fill(" ".join((field.description or "").split()), 100, break_on_hyphens=False)
    default = f"Default: {_default(name, field)}.{_choices(field)}"
    return f"## `TRIDENT_{name.upper()}`\n\n{text}\n\n{default}\n"


def _default(name: str, field: FieldInfo) -> str:
    if name in _MACHINE:
        return _MACHINE[name]
    return "none" if field.default is None else f"`{_written(field.default)}`"


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(field: FieldInfo) -> str:
    values = [value for value in get_args(field.annotation) if isinstance(value, str)]
    return f" One of {', '.join(f'`{value}`' for value in values)}." if values else ""


if __name__ == "__main__":
    print(settings_document(), end="")  # noqa: T201 - this is what the program is for
