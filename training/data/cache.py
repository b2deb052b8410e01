"""The user's cache folder: a file is stored and read only if its SHA-256 is the pinned one."""

import hashlib
import io
import logging
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import platformdirs

from training.errors import WrongHashError
from training.files import write_atomically

logger = logging.getLogger(__name__)


def folder() -> Path:
    """`$TRIDENT_CACHE`, else the user's own cache folder (`~/.cache/trident` on Linux)."""
    chosen = os.environ.get("TRIDENT_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("trident")


def hash_of(content: bytes | np.ndarray) -> str:
    """SHA-256 as 64 hexadecimal digits; an array's covers its dtype and shape as well."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    header = f"{content.dtype.str} {content.shape} ".encode()
    return hashlib.sha256(header + content.tobytes()).hexdigest()


def check_hash(what: str, content: bytes | np.ndarray, sha256: str) -> None:
    """Do nothing if `content` has the pinned hash.

    Raises:
        WrongHashError: it doesn't.
    """
    found = hash_of(content)
    if found != sha256:
        raise WrongHashError(
            f"{what} is not the expected data: its SHA-256 is {found} instead of "
            f"{sha256}. Nothing was kept. Try again; if this repeats, the source has changed, "
            "or somebody on the network changes the download."
        )


def file(name: str, sha256: str, fetch: Callable[[], bytes]) -> bytes:
    """The content of cached file `name`; `fetch` is called if it is missing or damaged.

    Raises:
        WrongHashError: what was fetched doesn't have the pinned hash; the cache is unchanged.
        DiskFullError, NotWritableError: it could not be cached.
        DownloadError: from `fetch`.
    """
    path = folder() / name
    if path.is_file():
        content = path.read_bytes()
        if hash_of(content) == sha256:
            return content
        logger.warning("%s is damaged and will be fetched again.", path)
    content = fetch()
    check_hash(name, content, sha256)
    write_atomically(path, content)
    return content


def arrays(
    name: str, sha256: Mapping[str, str], fetch: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays of cached file `name` (.npz); `fetch` is called if any is missing or damaged.

    Args:
        name: file name in the cache folder.
        sha256: the `hash_of` of each wanted array.
        fetch: returns all arrays; those that are not in `sha256` are dropped.

    Raises:
        WrongHashError, DiskFullError, NotWritableError, DownloadError: as for `file`.
    """
    path = folder() / name
    if path.is_file():
        found = _read_arrays(path)
        if {key: hash_of(array) for key, array in found.items()} == dict(sha256):
            return found
        logger.warning("%s is damaged and will be fetched again.", path)
    fetched = fetch()
    wanted = {key: fetched[key] for key in sha256}
    for key, array in wanted.items():
        check_hash(f"Array {key} of {name}", array, sha256[key])
    write_atomically(path, _npz(wanted))
    return wanted


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays in `path`, or none if it can't be read as a .npz file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def _npz(content: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **content)
    return buffer.getvalue()
