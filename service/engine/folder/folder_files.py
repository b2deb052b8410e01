"""The files below a folder: what `stat` says of them, and their hashes.

Two equal results of `stat_files` mean that no file has changed, without reading one.

Whoever writes into the folder isn't trusted: nothing outside of it is read, a pipe or a device is
never waited for, and what is kept in memory has limits.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias


class FileStat(NamedTuple):
    """What `stat` says of a file; a written or replaced file has another one."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


FileStats: TypeAlias = Mapping[str, FileStat | str]
"""The files below a folder by their relative paths. Instead of a file's `FileStat` there is a
sentence for what isn't one: a broken link, one that leads out of the folder, a pipe ..."""

MAX_FILES: Final = 10_000
"""Files and folders that a folder may have in all."""

_MAX_DEPTH: Final = 20

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_NO_TARGET = {errno.ENOENT, errno.ELOOP}
_GONE = {errno.ENOENT, errno.ENOTDIR}


def stat_files(folder: Path) -> FileStats:
    """Return what `stat` says of each file below `folder`.

    Links are followed, but not out of the folder; `folder` itself may be a link. A folder that is
    gone has no files.

    Raises:
        OSError: the folder, or one in it, can't be read or has too much in it.
    """
    collected = _Collected(os.path.realpath(folder))
    collected.add(folder, "", frozenset())
    return collected.files


class _Collected:
    """What has been found below a folder."""

    def __init__(self, root: str) -> None:
        """`root` has no links in it."""
        self._root = root
        self._count = 0
        self.files: dict[str, FileStat | str] = {}

    def add(self, folder: Path, prefix: str, above: frozenset[tuple[int, int]]) -> None:
        """Add the files below `folder`. `above` are the folders on the way, so no link loops."""
        try:
            with os.scandir(folder) as found:
                entries = list(islice(found, MAX_FILES + 1 - self._count))
        except OSError as error:
            if error.errno in _GONE:
                return
            raise
        self._count += len(entries)
        if self._count > MAX_FILES:
            raise OSError(errno.EFBIG, f"there are more than {MAX_FILES} files in it")
        for entry in entries:
            status = self._stat(entry)
            if isinstance(status, str):
                self.files[prefix + entry.name] = status
            elif stat.S_ISDIR(status.st_mode):
                self._descend(folder / entry.name, f"{prefix}{entry.name}/", above, status)
            else:
                self.files[prefix + entry.name] = _file_stat(status)

    def _descend(
        self,
        folder: Path,
        prefix: str,
        above: frozenset[tuple[int, int]],
        status: os.stat_result,
    ) -> None:
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            return
        if len(above) >= _MAX_DEPTH:
            raise OSError(errno.ELOOP, f"there are folders in folders more than {_MAX_DEPTH} deep")
        self.add(folder, prefix, above | {identity})

    def _stat(self, entry: os.DirEntry[str]) -> os.stat_result | str:
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if os.path.commonpath((self._root, target)) != self._root:
                return "it is a link out of its folder: put the file itself there"
        try:
            return entry.stat()
        except OSError as error:
            if error.errno in _NO_TARGET:
                return "there is no such file"
            raise


def _file_stat(status: os.stat_result) -> FileStat | str:
    if not stat.S_ISREG(status.st_mode):
        return "it isn't a file"
    return FileStat(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def read_small(file: Path, limit: int) -> bytes:
    """Return the content of a file that has at most `limit` bytes.

    Raises:
        OSError: it can't be read, isn't a file, or is larger.
    """
    with _open(file)[0] as content:
        found = content.read(limit + 1)
    if len(found) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes")
    return found


def _open(file: Path) -> tuple[BufferedReader, FileStat]:
    """Open a file, but nothing at which a reader would wait."""
    descriptor = os.open(file, _FLAGS)
    status = _file_stat(os.fstat(descriptor))
    if isinstance(status, str):
        os.close(descriptor)
        raise OSError(errno.EINVAL, status)
    return os.fdopen(descriptor, "rb"), status


class FileHashes:
    """The SHA-256 of files, kept as long as `stat` says the same of them."""

    def __init__(self) -> None:
        """Start without a hash."""
        self._hashes: dict[FileStat, str] = {}

    def sha256(self, file: Path, known_as: FileStat) -> str:
        """Return the hash of a file, for which `stat` said `known_as`.

        Raises:
            OSError: it can't be read, or another file is there by now.
        """
        found = self._hashes.get(known_as)
        if found is None:
            content, opened = _open(file)
            with content:
                if opened[:3] != known_as[:3]:
                    raise OSError(errno.ESTALE, "it is changing")
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
