"""The files below a folder: what `stat` says of them, and their hashes.

Two equal results of `stat_files` mean that no file has changed, without reading one.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias


class FileStat(NamedTuple):
    """What `stat` says of a file; a written or replaced file has another one."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


FileStats: TypeAlias = Mapping[str, FileStat | None]
"""The files below a folder by their relative paths. None: a broken link, a pipe, a socket ..."""

_NO_TARGET = {errno.ENOENT, errno.ELOOP}
_GONE = {errno.ENOENT, errno.ENOTDIR}


def stat_files(folder: Path) -> FileStats:
    """Return what `stat` says of each file below `folder`; links are followed.

    A folder that is gone has no files.

    Raises:
        OSError: the folder, or one in it, can't be read.
    """
    found: dict[str, FileStat | None] = {}
    _collect(folder, "", frozenset(), found)
    return found


def _collect(
    folder: Path,
    prefix: str,
    above: frozenset[tuple[int, int]],
    found: dict[str, FileStat | None],
) -> None:
    """Add the files below `folder`. `above` are the folders on the way, so that no link loops."""
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        if error.errno in _GONE:
            return
        raise
    for entry in entries:
        status = _stat(entry)
        if status is not None and stat.S_ISDIR(status.st_mode):
            identity = (status.st_dev, status.st_ino)
            if identity not in above:
                _collect(folder / entry.name, f"{prefix}{entry.name}/", above | {identity}, found)
        else:
            found[prefix + entry.name] = _file_stat(status)


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError as error:
        if error.errno in _NO_TARGET:
            return None
        raise


def _file_stat(status: os.stat_result | None) -> FileStat | None:
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    return FileStat(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


class FileHashes:
    """The SHA-256 of files, kept as long as `stat` says the same of them."""

    def __init__(self) -> None:
        """Start without a hash."""
        self._hashes: dict[FileStat, str] = {}

    def sha256(self, file: Path, known_as: FileStat) -> str:
        """Return the hash of a file, for which `stat` said `known_as`. Raises OSError."""
        found = self._hashes.get(known_as)
        if found is None:
            with file.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            self._hashes[known_as] = found
        return found

    def keep_only(self, files: FileStats) -> None:
        """Forget the hashes of all other files."""
        current = set(files.values())
        self._hashes = {key: value for key, value in self._hashes.items() if key in current}

    def clear(self) -> None:
        """Forget all hashes: each file is read again."""
        self._hashes.clear()
