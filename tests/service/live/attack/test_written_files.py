"""No file is written while requests are answered, not even one that is removed at once."""

import os
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.service.drawings import encode, grey
from tests.service.fuzzing.planted import Planted
from tests.service.live.attack import hostile_calls as calls
from tests.service.live_server import LiveServer, wait_for

NOTING = """
import os
import sys

notes = os.open(os.environ["NOTES_OF_FILES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        os.write(notes, f"{arguments[0]}\\n".encode())

sys.addaudithook(note)
"""
"""Python runs a module `sitecustomize` at the start of each process. The hook hears of each file
that Python opens, temporary ones without a name too."""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the path of each file that a server opens to write it, a line each."""
    (tmp_path / "sitecustomize.py").write_text(NOTING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("NOTES_OF_FILES", str(tmp_path / "notes"))
    return tmp_path / "notes"


def test_no_file_is_written_while_requests_are_answered(
    notes: Path, every_model: Path, tmp_path: Path
) -> None:
    """Neither the fields of large forms, which others put into temporary files.

    Metrics have files: numbers under fixed names, which `test_planted_markers` searches.
    """
    mark = Planted()
    large = encode(grey(np.random.default_rng(0).random((1500, 1500))))
    with LiveServer(tmp_path, every_model, workers=2, stall_timeout=1) as live:
        live.wait_until_ready()
        wait_for(lambda: live.log.count("ready: gRPC") == 2)
        with httpx.Client(base_url=live.url, timeout=30) as client:
            answer = client.post("/classify", files={"image": ("a.png", large, "image/png")})
            before = notes.read_text().splitlines()
            assert answer.status_code == 200
            assert any("trident" in path for path in before), "nothing is noted"
            for path, content, headers in calls.posts(mark):
                encoded = [(a.encode(), b.encode("latin-1")) for a, b in headers.items()]
                client.post(path, content=content, headers=encoded)
            client.post("/classify", files={"image": ("a.png", large, "image/png")})
            client.get("/metrics")
        list(calls.send_broken_requests(mark, live.http_port))
        calls.call_everything(mark, live.grpc_target)
        written = notes.read_text().splitlines()[len(before) :]
    assert len(large) > 2_000_000
    assert [path for path in written if "/trident-metrics-" not in path] == []
