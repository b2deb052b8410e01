"""What a start checks and sets before the workers start."""

import resource
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest
from bentoml.exceptions import BentoMLConfigException

from service.bento.metrics_folder import check_room
from service.bento.process_limits import check_open_files
from tests.service.live_server import ROOT

Usage = namedtuple("Usage", "total used free")

FORBID = """
import resource
from service.bento.process_limits import forbid_core_dumps
resource.setrlimit(resource.RLIMIT_CORE, ({soft}, {hard}))
forbid_core_dumps()
print(*resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_too_few_open_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (24, 1024))
    with pytest.raises(BentoMLConfigException, match=r"only 24 files.*at least 64.*ulimit -n"):
        check_open_files()


@pytest.mark.parametrize("limit", [64, 1024, resource.RLIM_INFINITY])
def test_enough_open_files_are_not(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    check_open_files()


def test_a_full_folder_for_temporary_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 64 * 1024))
    with pytest.raises(BentoMLConfigException, match=r"only 64 KiB free.*3072 KiB.*TMPDIR"):
        check_room(workers=2)


@pytest.mark.parametrize(
    ("soft", "hard", "after"), [(0, 0, "0 0"), (0, 10, "1 10"), (10, 10, "1 10")]
)
def test_no_core_dump_is_written(soft: int, hard: int, after: str) -> None:
    """Neither to a file, which would need more than a byte, nor to a program."""
    program = FORBID.format(soft=soft, hard=hard)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == after
