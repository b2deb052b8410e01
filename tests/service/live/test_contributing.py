"""CONTRIBUTING.md's worked example is done as it says, in a copy of the service, and served."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from service.api.trident import inference_pb2 as messages
from tests.service.drawings import encode, grey, handwritten
from tests.service.fresh_process import printed
from tests.service.live.grpc_client import inference_stub
from tests.service.live.metrics import value
from tests.service.live_server import ROOT, LiveServer

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
MODULE = re.compile(r"one\smodule, `(?P<path>[^`]+)`:\n\n```python\n(?P<code>.*?)```", re.DOTALL)
DIFF = re.compile(r"```diff\n--- (?P<path>\S+)\n(?P<hunks>.*?)```", re.DOTALL)
WHITE = encode(grey(handwritten("1") * 0))
PNG = {"content-type": "image/png"}


def apply(diff: re.Match[str], source: Path) -> None:
    """Add a diff's lines, each behind the line that is shown in front of it."""
    file = source / diff["path"]
    for hunk in diff["hunks"].split("@@\n"):
        lines = hunk.splitlines()
        before = [line[1:] for line in lines if line.startswith(" ")]
        after = [line[1:] for line in lines]
        old, new = ("\n".join(part) + "\n" for part in (before, after))
        text = file.read_text()
        assert text.count(old) == 1, f"{file}: {old}"
        file.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the service, changed as the example says."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "service", folder / "service")
    module = MODULE.search(TEXT)
    assert module
    assert not (folder / module["path"]).exists()
    (folder / module["path"]).write_text(module["code"])
    diffs = list(DIFF.finditer(TEXT))
    assert len(diffs) == 2
    for diff in diffs:
        apply(diff, folder)
    return folder


@pytest.fixture(scope="module")
def made_up(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of the changed service, with a model of the made-up task and no other."""
    folder = tmp_path_factory.mktemp("made-up")
    printed(
        "from pathlib import Path\n"
        "from tests.service.demo_models import save_brightness\n"
        f"save_brightness(Path({str(folder / 'models')!r}))"
    )
    with LiveServer(folder, folder / "models", source=source) as live:
        yield live.wait_until_ready()


def test_the_new_endpoint_answers(made_up: LiveServer) -> None:
    expected = {"brightness": 1.0, "model": "lightmeter", "version": 1}
    for path in ("/brightness", "/models/lightmeter"):
        assert httpx.post(made_up.url + path, content=WHITE, headers=PNG).json() == expected
    files = [("image", WHITE), ("image", b"nothing")]
    answers = httpx.post(f"{made_up.url}/brightness", files=files).json()
    assert [answer.get("brightness") for answer in answers] == [1.0, None]


def test_a_call_by_name_answers(made_up: LiveServer) -> None:
    model = messages.ModelChoice(name="lightmeter")
    with grpc.insecure_channel(made_up.grpc_target) as channel:
        answer = inference_stub(channel).Predict(
            messages.PredictRequest(model=model, images=[WHITE])
        )
    assert answer.results[0].fields["brightness"] == 1.0


def test_it_is_in_everything_that_the_table_makes(made_up: LiveServer) -> None:
    with httpx.Client(base_url=made_up.url) as client:
        document = client.get("/docs.json").json()
        operation = document["paths"]["/brightness"]["post"]
        assert operation["summary"] == "Tell how bright an image is"
        assert "brightness" in document["components"]["schemas"]["BrightnessAnswer"]["properties"]
        routes = [route["route"] for route in client.get("/schema.json").json()["routes"]]
        assert "/brightness" in routes
        assert client.get("/models").json()["models"][0]["default_of"] == ["/brightness"]
        before = value(client, "trident_requests_total", endpoint="brightness")
        client.post("/brightness", content=WHITE, headers=PNG)
        assert value(client, "trident_requests_total", endpoint="brightness") == before + 1
