"""Files and folders that are written completely or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import DiskFullError, NotWritableError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


@contextmanager
def explained_disk_errors(place: Path) -> Iterator[None]:
    """Turn an `OSError` raised inside into an error that says what to change about `place`.

    Raises:
        DiskFullError: there is no space left, or the user's quota is used up.
        NotWritableError: the folder is read-only, another user's, or not a folder.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFullError(
                f"No space left for {place}: free some disk space, or choose a folder on another "
                "disk (TRIDENT_CACHE for data sets, TMPDIR for downloads, --output for models)."
            ) from error
        if error.errno in REFUSED:
            raise NotWritableError(
                f"Can't write {place} ({error.strerror}): make the folder writable, or "
                "choose another one (TRIDENT_CACHE for data sets, --output for models)."
            ) from error
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, and create its folder; a failure leaves no file.

    Raises:
        DiskFullError, NotWritableError: see `explained_disk_errors`.
    """
    with explained_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.chmod(0o644)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """A new folder that replaces `target` when the block ends without an error.

    A reader of `target` sees the old folder or the complete new one. On an error the new folder is
    removed and the old one stays.

    Raises:
        DiskFullError, NotWritableError: see `explained_disk_errors`; for the block's writes too.
    """
    with explained_disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield staging
            staging.chmod(0o755)
            _replace_folder(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _replace_folder(new: Path, target: Path) -> None:
    if not target.exists():
        new.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        target.rename(old)
        new.rename(target)
    except BaseException:  # also on Ctrl+C: the version must not be lost between the two steps
        if not target.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
