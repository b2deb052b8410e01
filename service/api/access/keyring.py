"""The keys in force: from the environment, or from a file that is read again when it changes."""

import logging
from pathlib import Path

from service.api.access.keys import InvalidKeysError, Keys, read_entries
from service.watched_files import Stamp, stamp_of

logger = logging.getLogger(__name__)


class Keyring:
    """The keys in force. Until they are read, nobody may do anything that needs a right."""

    def __init__(self, file: Path | None, text: str | None) -> None:
        """Take the keys from a file, or from its content: one of both, or none."""
        self._file = file
        self._text = text
        self._stamp: Stamp = ()
        self.is_set = file is not None or text is not None
        """Whether there may be keys. A file without any still closes the service."""
        self.keys = Keys(())

    def read(self) -> None:
        """Read the keys. Raises InvalidKeysError; then those before stay in force."""
        if self._file is not None and self._text is not None:
            raise InvalidKeysError("Set TRIDENT_KEYS_FILE or TRIDENT_KEYS, not both.")
        if self._file is not None:
            self._stamp = stamp_of([self._file])
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

    def read_if_changed(self) -> None:
        """Read the file again if it has changed since it was read last."""
        if self._file is not None and stamp_of([self._file]) != self._stamp:
            self.read_or_log()


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
