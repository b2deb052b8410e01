"""BentoML's own client and API page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pytest
from PIL import Image

from tests.service.answers import same
from tests.service.live_server import LiveServer

PATHS = ("/classify", "/sentiment", "/embed")


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


@pytest.fixture(scope="module")
def page(http: httpx.Client) -> Any:
    """What BentoML's API page shows."""
    return http.get("/docs.json").raise_for_status().json()


@pytest.mark.parametrize("path", PATHS)
def test_the_api_page_lists_an_endpoint_with_its_schemas(page: Any, path: str) -> None:
    operation = page["paths"][path]["post"]
    assert operation["description"]
    for content in (operation["requestBody"], operation["responses"]["200"]):
        (medium,) = content["content"].values()
        assert medium["schema"]["properties"]
        assert all(p.get("description") for p in medium["schema"]["properties"].values())


def test_the_api_page_has_examples(page: Any) -> None:
    for path in PATHS:
        (answer,) = page["paths"][path]["post"]["responses"]["200"]["content"].values()
        assert any("examples" in field for field in answer["schema"]["properties"].values())
    (texts,) = page["paths"]["/sentiment"]["post"]["requestBody"]["content"].values()
    assert texts["schema"]["properties"]["text"]["examples"]


def test_the_sample_of_the_api_page_works(page: Any, http: httpx.Client) -> None:
    (medium,) = page["paths"]["/sentiment"]["post"]["requestBody"]["content"].values()
    assert http.post("/sentiment", json=medium["schema"]["example"]).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_the_documented_fields_are_the_answers(
    page: Any, http: httpx.Client, seven: bytes, path: str
) -> None:
    answer = (
        http.post(path, json={"text": "fine"})
        if path == "/sentiment"
        else http.post(path, files={"image": seven})
    ).json()
    (medium,) = page["paths"][path]["post"]["responses"]["200"]["content"].values()
    assert answer.keys() == medium["schema"]["properties"].keys()
    assert set(medium["schema"]["required"]) == answer.keys()
