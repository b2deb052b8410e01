"""BentoML's own client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pytest
from PIL import Image

from tests.service.live.answers import same
from tests.service.live_server import LiveServer


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[Any]:
    with bentoml.SyncHTTPClient(server.url, timeout=60) as client:
        yield client


@pytest.fixture
def file(seven: bytes, tmp_path: Path) -> Path:
    (tmp_path / "seven.png").write_bytes(seven)
    return tmp_path / "seven.png"


@pytest.fixture
def picture(file: Path) -> Image.Image:
    return Image.open(file)  # the client takes pictures that come from a file


@pytest.mark.parametrize("endpoint", ["classify", "embed"])
def test_images_are_files_or_pictures(
    client: Any, http: httpx.Client, file: Path, picture: Image.Image, endpoint: str
) -> None:
    by_http = http.post(f"/{endpoint}", files={"image": file.read_bytes()}).json()
    call = getattr(client, endpoint)
    assert same(call(image=file), by_http)
    assert same(call(image=picture), by_http)
    assert same(call(images=[file, picture]), [by_http, by_http])


def test_texts_are_strings(client: Any, http: httpx.Client) -> None:
    texts = ["A wonderful film.", "Dull."]
    by_http = http.post("/sentiment", json={"texts": texts}).json()
    assert same(client.sentiment(text=texts[0]), by_http[0])
    assert same(client.sentiment(texts=texts), by_http)


def test_an_error_reaches_the_caller(client: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"some words")
    with pytest.raises(bentoml.exceptions.BentoMLException, match="aren't an image"):
        client.classify(image=tmp_path / "a.png")
