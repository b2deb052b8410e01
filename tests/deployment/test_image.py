"""The service's image alone, run with all hardening options that an operator may use."""

import json
import time
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from tests.deployment.docker import ROOT, docker, inspect, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

HARDENED = (
    *("--user", "54321:54321", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
)
SEVEN = (ROOT / "tests/data/digits/7_7701.png").read_bytes()
PNG = {"content-type": "image/png"}

LEFTOVERS = """
import pathlib, shutil
venv, service = pathlib.Path("/opt/venv"), pathlib.Path("/app/service")
print([
    *filter(shutil.which, ["cc", "gcc", "strip"]),
    *map(str, venv.glob("bin/pip*")),
    *(str(p) for name in (".cache", "tests", "tensorflow/include") for p in venv.rglob(name)),
    *(str(p) for p in service.rglob("*.py") if not list(p.parent.glob(f"__pycache__/{p.stem}.*"))),
])
"""


def test_it_says_what_it_is(images: None) -> None:
    config = inspect("trident")["Config"]
    assert config["User"] == "10001:0"
    assert config["Labels"]["org.opencontainers.image.title"] == "Trident"
    assert set(config["ExposedPorts"]) == {"3000/tcp", "3001/tcp"}


def test_it_holds_no_tools_and_no_leftovers(images: None) -> None:
    assert docker("run", "--rm", "trident", "python", "-c", LEFTOVERS).strip() == "[]"


def test_any_user_can_run_it_on_models_of_their_own(container: str, tmp_path: Path) -> None:
    """One model, mounted over those in the image; an unknown user; nothing but /tmp to write."""
    models = f"{ROOT / 'models/digits'}:/models/digits:ro"
    tmpfs = ("--tmpfs", "/models")  # hides the image's models
    docker(
        *("run", "--detach", "--name", container, *HARDENED, *tmpfs, "--volume", models),
        *("--env", "TRIDENT_MAX_INPUTS=2", "--publish", "127.0.0.1::3000", "trident"),
    )
    wait_for(lambda: inspect(container)["State"]["Health"]["Status"] == "healthy")
    url = f"http://{docker('port', container, '3000').strip()}"

    connection = HTTPConnection(url.removeprefix("http://"))
    for pause in (0, 8):  # seconds: longer than BentoML would keep the connection
        time.sleep(pause)
        connection.request("GET", "/livez")
        alive = connection.getresponse()
        assert (alive.status, alive.read()) == (200, b"\n")
    connection.close()

    answer = httpx.post(f"{url}/classify", content=SEVEN, headers=PNG)
    assert (answer.status_code, answer.json()["label"]) == (200, "7")
    assert httpx.post(f"{url}/sentiment", json={"text": "Good."}).status_code == 404
    three = [("image", ("7.png", SEVEN, "image/png"))] * 3
    assert httpx.post(f"{url}/classify", files=three).status_code == 413

    docker("exec", container, "sh", "-c", "(sleep 0.1 &)")  # an orphan, which PID 1 inherits
    wait_for(lambda: "sleep" not in _processes(container), seconds=20)

    docker("stop", "--time", "30", container)
    assert inspect(container)["State"]["ExitCode"] == 0


def _processes(container: str) -> list[str]:
    """Return the name of every process, also of those that ended and weren't reaped."""
    script = (
        "import glob, json; print(json.dumps([open(f).read().strip()"
        " for f in glob.glob('/proc/[0-9]*/comm')]))"
    )
    return list(json.loads(docker("exec", container, "python", "-c", script)))
