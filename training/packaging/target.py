"""Where a packaged model goes: models/NAME/VERSION."""

import re
from pathlib import Path

from training.errors import PackagingError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

RESERVED_NAMES = frozenset({"reload"})
"""Names under which the service has another endpoint than a model's: `POST /models/reload`."""


def choose_folder(output: Path, name: str, version: int | None, *, may_replace: bool) -> Path:
    """The folder of the version: without a number the next free one, or the newest to replace it.

    Raises:
        PackagingError: the name can't be one, or the version is there already.
    """
    if NAME.fullmatch(name) is None:
        raise PackagingError(
            f"{name!r} can't be a model's name: take letters, digits, '_', '-' and '.', at most "
            "64, the first a letter or a digit."
        )
    if name in RESERVED_NAMES:
        raise PackagingError(
            f"{name!r} can't be a model's name, since the service has another endpoint at "
            f"/models/{name}: choose another name."
        )
    newest = max((int(path.name) for path in _versions(output / name)), default=0)
    chosen = version or (max(1, newest) if may_replace else newest + 1)
    folder = output / name / str(chosen)
    check_free(folder, may_replace=may_replace)
    return folder


def check_free(folder: Path, *, may_replace: bool) -> None:
    """Raise PackagingError if the version is there already and isn't to be replaced."""
    if folder.exists() and not may_replace:
        raise PackagingError(
            f"{folder} is there already: choose another --version, leave it out to get the next "
            "free number, or use --replace."
        )


def _versions(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal()]
