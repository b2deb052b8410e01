"""What the kernel lets the service's processes do, checked and set before the workers start."""

import sys
from typing import Final

from bentoml.exceptions import BentoMLConfigException

if sys.platform != "win32":
    import resource

_LEAST_OPEN_FILES: Final = 64


def check_open_files() -> None:
    """Raise BentoMLConfigException if the workers could open too few files to start."""
    if sys.platform == "win32":
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= limit < _LEAST_OPEN_FILES:
        raise BentoMLConfigException(
            f"Each process may open only {limit} files and connections, and needs at least "
            f"{_LEAST_OPEN_FILES}: raise the limit (ulimit -n)."
        )


def forbid_core_dumps() -> None:
    """Have the kernel write no core dumps of this process and those that it starts.

    A limit of one byte forbids also those that are piped to a program, which a limit of 0 doesn't
    (`do_coredump` in Linux's fs/coredump.c).
    """
    if sys.platform == "win32":
        return
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0 if most == 0 else 1, most))
