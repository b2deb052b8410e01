"""A real server with good and bad versions of models, and with a second model of a task."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from service.api.trident import inference_pb2 as messages
from tests.service.demo_models import TINTS, hashes
from tests.service.live.grpc_client import inference_stub
from tests.service.live.metrics import samples, value
from tests.service.live_server import LiveServer

BAD_VERSIONS = {
    "2": "isn't the file that its card describes",
    "3": "can't be loaded as a SavedModel",
    "4": "the card names an output 'scores'",
}


def _new_version(models: Path, version: int, **changes: Any) -> Path:
    folder = shutil.copytree(models / "digits" / "1", models / "digits" / str(version))
    card = json.loads((folder / "model.json").read_text()) | {"version": version} | changes
    (folder / "model.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def mixed(
    shipped_models: Path, demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    models = shutil.copytree(shipped_models, tmp_path_factory.mktemp("mixed") / "models")
    shutil.rmtree(models / "digits")  # its labels say which version answers: here the newest one
    shutil.copytree(shipped_models / "digits" / "1", models / "digits" / "1")
    (_new_version(models, 2) / "saved_model.pb").write_bytes(b"half of it")
    nonsense = _new_version(models, 3)
    (nonsense / "saved_model.pb").write_bytes(b"not a SavedModel")
    card = json.loads((nonsense / "model.json").read_text())
    files = {name: found for name, found in hashes(nonsense).items() if name != "model.json"}
    (nonsense / "model.json").write_text(json.dumps(card | {"files": files}))
    signatures = json.loads((models / "digits/1/model.json").read_text())["signatures"]
    outputs = signatures["serving_default"]["outputs"]
    outputs["scores"] = outputs["probabilities"]
    _new_version(models, 4, signatures=signatures)
    rival = shutil.copytree(demo_models / "tint" / "1", models / "aaa" / "1")
    card = json.loads((rival / "model.json").read_text())
    (rival / "model.json").write_text(json.dumps(card | {"name": "aaa"}))
    with LiveServer(tmp_path_factory.mktemp("server"), models) as live:
        yield live.wait_until_ready()


def test_the_good_version_serves_and_a_rival_does_not_take_its_place(
    mixed: LiveServer, seven: bytes
) -> None:
    headers = {"content-type": "image/png"}
    answer = httpx.post(f"{mixed.url}/classify", content=seven, headers=headers).json()
    assert (answer["label"], answer["model"], answer["version"]) == ("7", "digits", 1)
    chosen = httpx.post(f"{mixed.url}/classify?model=aaa", content=seven, headers=headers).json()
    assert chosen["label"] in TINTS[0]
    with grpc.insecure_channel(mixed.grpc_target) as channel:
        response = inference_stub(channel).Classify(messages.ClassifyRequest(images=[seven]))
    assert (response.model.name, response.model.version) == ("digits", 1)


@pytest.mark.parametrize("version", BAD_VERSIONS)
def test_a_bad_version_is_named_to_the_operator_and_refused_to_callers(
    mixed: LiveServer, seven: bytes, version: str
) -> None:
    assert f"digits/{version} isn't served: " in mixed.log
    assert BAD_VERSIONS[version] in mixed.log
    with httpx.Client(base_url=mixed.url) as http:
        assert value(http, "trident_model_rejected", model="digits", version=version) == 1
        headers = {"content-type": "image/png"}
        answer = http.post(f"/classify?version={version}", content=seven, headers=headers)
    assert answer.status_code == 503
    assert "can't be served" in answer.json()["detail"]


def test_a_good_version_is_not_called_bad(mixed: LiveServer) -> None:
    assert "digits/1 isn't served" not in mixed.log
    with httpx.Client(base_url=mixed.url) as http:
        rejected = {
            (sample.labels["model"], sample.labels["version"])
            for sample in samples(http)
            if sample.name == "trident_model_rejected" and sample.value
        }
    assert rejected == {("digits", version) for version in BAD_VERSIONS}
