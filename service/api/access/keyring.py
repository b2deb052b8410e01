"""The keys in force: from the environment, or from a file that is read again when it changes."""

import asyncio
import logging
from pathlib import Path
from typing import Final, NoReturn

from service.api.access.keys import InvalidKeysError, Keys, read_entries

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 2.0  # between two looks at the file

Stamp = tuple[int, ...]
"""What changes when a file is written or replaced."""


class Keyring:
    """The keys in force. Until they are read, nobody may do anything that needs a right."""

    def __init__(self, file: Path | None, text: str | None) -> None:
        """Take the keys from a file, or from its content: one of both, or none."""
        self._file = file
        self._text = text
        self._stamp: Stamp | None = None
        self.is_set = file is not None or text is not None
        """Whether there may be keys. A file without any still closes the service."""
        self.keys = Keys(())

    def read(self) -> None:
        """Read the keys. Raises InvalidKeysError; then those before stay in force."""
        if self._file is not None and self._text is not None:
            raise InvalidKeysError("Set TRIDENT_KEYS_FILE or TRIDENT_KEYS, not both.")
        if self._file is not None:
            self._stamp = self._look()
            self.keys = _read(self._file)
        elif self._text is not None:
            self.keys = _keys("TRIDENT_KEYS", self._text)

    def read_or_log(self) -> None:
        """Read the keys; log why if they can't be read."""
        try:
            self.read()
        except InvalidKeysError as error:
            logger.error("the keys in force stay, %d: %s", len(self.keys), error)  # noqa: TRY400 - one line says it
        else:
            if self.is_set:
                logger.info("keys in force: %d", len(self.keys))

    async def follow(self, seconds: float = _LOOK_SECONDS) -> NoReturn:
        """Read the file again whenever it has changed, looking every so many seconds."""
        while True:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.read_if_changed)

    def read_if_changed(self) -> None:
        """Read the file again if it has changed since it was read last."""
        if self._file is not None and self._look() != self._stamp:
            self.read_or_log()

    def _look(self) -> Stamp:
        try:
            found = self._file.stat() if self._file else None
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ino, found.st_size) if found else ()


def _read(file: Path) -> Keys:
    try:
        return _keys(str(file), file.read_bytes())
    except OSError as error:
        raise InvalidKeysError(f"{file} can't be read: {error.strerror}.") from None


def _keys(source: str, text: str | bytes) -> Keys:
    try:
        return Keys(read_entries(text))
    except InvalidKeysError as error:
        raise InvalidKeysError(f"The keys in {source} can't be used. {error}") from None
