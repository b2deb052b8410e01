"""Running the external load generators."""

import shutil
import subprocess
from collections.abc import Sequence

from loadtests.bench.errors import LoadFailedError, MissingToolError

PACKAGES = {"wrk": "wrk", "h2load": "nghttp2-client"}
"""The Debian package of each tool."""

_SPARE_SECONDS = 60  # in addition to the run: time to connect, and for slow answers


def require(names: Sequence[str]) -> None:
    """Raise MissingToolError, which says how to install them, if tools are missing."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        packages = " ".join(PACKAGES[name] for name in missing)
        raise MissingToolError(
            f"The benchmark needs {' and '.join(missing)} on the path. On Debian or Ubuntu: "
            f"`apt-get install {packages}` (as root). On macOS: `brew install wrk nghttp2`."
        )


def run_tool(command: Sequence[str], seconds: float) -> str:
    """Run a load generator for about `seconds`; return what it printed.

    Raises:
        LoadFailedError: it failed, or didn't end in time.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the command is made here, of fixed parts
            command, capture_output=True, text=True, timeout=seconds + _SPARE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LoadFailedError(
            f"{command[0]} didn't end in time: check whether the server is alive."
        ) from error
    if done.returncode:
        raise LoadFailedError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
