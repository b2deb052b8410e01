"""Files that are read again when they change, such as keys and certificates."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NoReturn

_LOOK_SECONDS: Final = 2.0

Stamp = tuple[int, ...]
"""What changes when one of some files is written or replaced."""


def stamp_of(files: Iterable[Path]) -> Stamp:
    """Return the stamp of some files. One that can't be looked at counts, too."""
    return tuple(part for file in files for part in _parts(file))


def _parts(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_ino, found.st_size


async def look_again(looks: Iterable[Callable[[], None]]) -> NoReturn:
    """Call these functions, which look at files, every few seconds, in a thread."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for look in looks:
            await asyncio.to_thread(look)
