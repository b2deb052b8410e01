"""The log of the settings, once at the start."""

import logging
from collections.abc import Iterable
from difflib import get_close_matches
from urllib.parse import urlsplit, urlunsplit

from service.settings import Settings

logger = logging.getLogger(__name__)

_PREFIX = "TRIDENT_"


def report_settings(settings: Settings, environment: Iterable[str]) -> None:
    """Log the settings in use, and the unknown `TRIDENT_` variables in `environment`."""
    logger.info("settings: %s", settings_line(settings))
    for variable in unknown_variables(environment):
        logger.warning("%s is not a setting and has no effect%s", variable, _suggestion(variable))


def settings_line(settings: Settings) -> str:
    """Return all settings as `name=value` in one line, without credentials in a URL."""
    values = {name: str(value) for name, value in settings}
    if settings.traces is not None:
        values["traces"] = _without_credentials(values["traces"])
    return " ".join(f"{name}={value}" for name, value in values.items())


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """Return the names that begin with `TRIDENT_` but aren't settings."""
    known = {_variable(field) for field in Settings.model_fields}
    return sorted(
        name
        for name in environment
        if name.upper().startswith(_PREFIX) and name.upper() not in known
    )


def _suggestion(variable: str) -> str:
    fields = get_close_matches(variable[len(_PREFIX) :].lower(), Settings.model_fields, n=1)
    return f": do you mean {_variable(fields[0])}?" if fields else "."


def _variable(field: str) -> str:
    return _PREFIX + field.upper()


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
