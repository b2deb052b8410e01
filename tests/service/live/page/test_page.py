"""The API page, as a visitor meets it in a browser."""

import json
import shlex
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium import webdriver

from tests.service.demo_models import SKETCH_SIZE
from tests.service.live.answers import base64_text, same
from tests.service.live.page.browser import DESK, PHONE, Page
from tests.service.live_server import ROOT, LiveServer

DIGITS = ROOT / "tests" / "data" / "digits"
SEVEN, THREE = DIGITS / "7_7701.png", DIGITS / "3_32.png"
TEXT = ROOT / "README.md"
IMAGE_WAYS = ["Files in a form", "A file as the body", "One, in JSON", "Several, in JSON"]
TEXT_WAYS = ["A text", "One, in JSON", "Several, in JSON"]
SAMPLE_WAYS = ["Fields of a form", "In JSON"]
WAYS = {
    "classify": IMAGE_WAYS,
    "sentiment": TEXT_WAYS,
    "embed": IMAGE_WAYS,
    "generate": SAMPLE_WAYS,
}
LISTS = ("Several, in JSON", "In JSON")
"""The ways whose example is answered by a list."""
MODELS = ["models", "model", "predict", "predict_version"]
LABELLED = ["predict_label"]
ADMINISTRATION = ["put_label", "delete_label", "reload"]
OPERATIONS = ["livez", "readyz", "metrics", "docs_json", "schema_json"]


def expected(http: httpx.Client, path: str, **arguments: Any) -> Any:
    return http.post(path, **arguments).raise_for_status().json()


def test_it_opens_without_a_complaint(page: Page) -> None:
    assert page.cards() == [*WAYS, *MODELS, *LABELLED, *ADMINISTRATION, *OPERATIONS]
    assert {endpoint: page.card(endpoint).ways() for endpoint in WAYS} == WAYS
    assert page.complaints() == []


@pytest.mark.parametrize("endpoint", WAYS)
def test_the_first_click_is_answered(page: Page, endpoint: str) -> None:
    """As the page opens, with nothing chosen and nothing written."""
    card = page.card(endpoint)
    for way in WAYS[endpoint]:
        card.choose_way(way)
        assert card.send().status == 200
        answers = card.answer if way in LISTS else [card.answer]
        assert (len(answers) > 1) == (way in LISTS)
        assert all("detail" not in answer for answer in answers)
    assert page.complaints() == []


def test_an_operation_is_answered_at_the_first_click(page: Page) -> None:
    for operation in (*MODELS, *OPERATIONS):
        assert page.card(operation).send().status == 200
    assert "trident_requests_total" in page.card("metrics").text
    assert page.card("docs_json").answer["info"]["title"] == "Trident"


@pytest.mark.parametrize("endpoint", ["classify", "embed"])
def test_a_file_is_answered_by_an_object(page: Page, http: httpx.Client, endpoint: str) -> None:
    answer = expected(http, f"/{endpoint}", files={"image": THREE.read_bytes()})
    for way, field in (("Files in a form", "image"), ("A file as the body", "file")):
        card = page.card(endpoint)
        card.choose_way(way)
        card.attach(field, THREE)
        assert card.pictures() == [THREE.name]
        assert card.send().status == 200
        assert same(card.answer, answer)


@pytest.mark.parametrize("endpoint", ["classify", "embed"])
def test_several_files_are_answered_by_a_list(
    page: Page, http: httpx.Client, endpoint: str
) -> None:
    files = [("image", path.read_bytes()) for path in (SEVEN, THREE)]
    card = page.card(endpoint)
    card.attach("image", SEVEN, THREE)
    assert card.pictures() == [SEVEN.name, THREE.name]
    assert same(card.send().answer, expected(http, f"/{endpoint}", files=files))


def test_a_list_of_one_file_is_answered_by_a_list(page: Page) -> None:
    card = page.card("classify")
    card.attach("images", THREE)
    assert [answer["label"] for answer in card.send().answer] == ["3"]


def test_images_in_json_are_answered(page: Page) -> None:
    seven, three = (base64_text(path.read_bytes()) for path in (SEVEN, THREE))
    card = page.card("classify")
    card.choose_way("One, in JSON")
    card.write(json.dumps({"image": three}))
    assert card.send().answer["label"] == "3"
    card.choose_way("Several, in JSON")
    card.write(json.dumps({"images": [three, seven]}))
    assert [answer["label"] for answer in card.send().answer] == ["3", "7"]


def test_texts_are_answered(page: Page, http: httpx.Client) -> None:
    texts = ["Dull from start to end.", "Ein schöner Film, 'wirklich'."]
    answers = expected(http, "/sentiment", json={"texts": texts})
    card = page.card("sentiment")
    card.choose_way("A text")
    card.write(texts[0])
    assert same(card.send().answer, answers[0])
    card.choose_way("One, in JSON")
    card.write(json.dumps({"text": texts[1]}))
    assert same(card.send().answer, answers[1])
    card.choose_way("Several, in JSON")
    card.write(json.dumps({"texts": texts}))
    assert same(card.send().answer, answers)


def test_generated_images_are_shown(page: Page, http: httpx.Client) -> None:
    card = page.card("generate")
    fields = {"label": "7", "count": "3", "seed": "5"}
    for name, content in fields.items():
        card.fill(name, content)
    card.set_option("model", "sketch")
    assert card.send().answer == expected(http, "/models/sketch", data=fields)
    assert card.pictures() == ["7", "7", "7"]
    sizes = page.run("return [...document.images].map((image) => image.naturalWidth)")
    assert sizes.count(SKETCH_SIZE) == 3
    card.fill("count", "0")  # the browser itself says that this is wrong, and sends nothing
    card.click()
    assert card.pictures() == ["7", "7", "7"]
    card.choose_way("In JSON")
    card.write(json.dumps({"label": "2", "seed": 1}))
    assert card.send().answer["label"] == "2"
    assert card.pictures() == ["2"]


def test_a_problem_is_shown_with_what_it_means(page: Page) -> None:
    card = page.card("classify")
    card.attach("image", TEXT)
    assert card.send().status == 422
    assert card.answer["type"] == "urn:trident:problem:undecodable-input"
    assert "isn't a usable image" in card.words


def test_a_bad_file_among_good_ones_has_its_problem_in_the_list(page: Page) -> None:
    card = page.card("embed")
    card.attach("image", THREE, TEXT)
    assert card.send().status == 200
    good, bad = card.answer
    assert (good["dimensions"], bad["status"]) == (32, 422)


def test_what_is_no_json_is_shown_as_refused(page: Page) -> None:
    card = page.card("sentiment")
    card.choose_way("Several, in JSON")
    card.write("{")
    assert (card.send().status, card.answer["title"]) == (400, "Malformed request")


def test_options_choose_model_version_and_id(page: Page) -> None:
    card = page.card("classify")
    card.set_option("model", "tint")
    card.set_option("version", "1")
    card.set_option("X-Request-ID", "visitor-1")
    card.send()
    assert (card.answer["model"], card.answer["version"]) == ("tint", 1)
    assert "visitor-1" in card.words
    assert any(url.endswith("/classify?model=tint&version=1") for url in page.requests())
    card.set_option("version", "0")  # it is 10 now
    assert (card.send().status, card.answer["title"]) == (404, "Unknown model")


def test_a_model_is_chosen_among_those_that_are_served(page: Page, http: httpx.Client) -> None:
    card = page.card("model")
    card.set_place("name", "tint")
    assert card.send().answer == http.get("/models/tint").json()
    card = page.card("predict_version")
    card.set_place("name", "tint")
    card.set_place("number", "1")
    card.attach("image", SEVEN)
    assert (card.send().answer["model"], card.answer["version"]) == ("tint", 1)
    assert card.command.endswith("/models/tint/versions/1")
    card = page.card("predict")
    card.set_place("name", "sentiment")
    card.choose_way("A text")
    card.write("Dull from start to end.")
    assert card.send().answer["label"] == "negative"


def test_a_version_is_chosen_by_its_label(page: Page) -> None:
    card = page.card("predict_label")
    card.set_place("name", "tint")
    card.set_place("label", "best")
    card.attach("image", SEVEN)
    assert card.send().status == 404
    assert "with the label 'best'" in card.words


def test_the_administration_is_asked_with_the_key_that_is_written(page: Page) -> None:
    """The shared server has none, so the administration is off."""
    for operation, verb in (("put_label", "PUT"), ("delete_label", "DELETE"), ("reload", "POST")):
        card = page.card(operation)
        card.set_place("key", "s3cret")
        assert card.send().status == 403
        assert card.command.startswith(f"curl -X {verb} ")
        assert "-H 'Authorization: Bearer s3cret'" in card.command
    assert "TRIDENT_KEYS_FILE" in card.words


def test_an_empty_option_is_not_sent(page: Page, server: LiveServer) -> None:
    page.card("classify").send()
    assert f"{server.url}/classify" in page.requests()


@pytest.mark.parametrize("endpoint", WAYS)
def test_the_command_asks_the_same(page: Page, tmp_path: Path, endpoint: str) -> None:
    odd = tmp_path / 'it\'s; an "odd", name.png'
    odd.write_bytes(THREE.read_bytes())
    card = page.card(endpoint)
    card.set_option("X-Request-ID", "visitor-2")
    for way in WAYS[endpoint]:
        card.choose_way(way)
        match way:
            case "Files in a form":
                card.attach("image", odd, SEVEN)
                card.attach("images", odd)
                (tmp_path / SEVEN.name).write_bytes(SEVEN.read_bytes())
            case "A file as the body":
                card.attach("file", odd)
            case "A text":
                card.write("It's a film.\n\nA $good one!")
            case "Fields of a form":
                card.fill("label", "7")
                card.fill("seed", "2")
        card.send()
        command = ["curl", "-s", "-i", *shlex.split(card.command)[1:]]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        headers, _, body = run.stdout.partition("\n\n")
        assert "x-request-id: visitor-2" in headers
        assert same(json.loads(body), card.answer)


def test_a_server_that_is_gone_is_said_to_be(page: Page) -> None:
    page.run("globalThis.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")
    assert "No answer: Failed to fetch" in page.card("classify").send().words


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.show_at(width)
    assert page.run("return document.documentElement.scrollWidth") <= width
    for name in page.cards():
        page.card(name).send()
    page.unfold()
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_only_the_server_itself_is_asked(page: Page, server: LiveServer) -> None:
    page.card("classify").attach("image", SEVEN, THREE)
    for name in page.cards():
        page.card(name).send()
    page.unfold()
    asked = [url for url in page.requests() if not url.startswith("blob:")]
    assert {f"{server.url}/{name}" for name in ("docs.json", "classify", "metrics")} <= set(asked)
    assert [url for url in asked if not url.startswith(f"{server.url}/")] == []
    assert page.run("return [...document.querySelectorAll('[src], link')].length") > 0
    addresses = page.run(
        "return [...document.querySelectorAll('[src], [href]')].map(e => e.src || e.href)"
    )
    assert all(url.startswith((f"{server.url}/", f"blob:{server.url}/")) for url in addresses)


CALLS = """
const [address] = arguments;
fetch(address, {mode: 'no-cors'}).catch(() => {});
new Image().src = address;
const script = document.createElement('script');
script.src = address;
const style = Object.assign(document.createElement('link'), {rel: 'stylesheet', href: address});
document.body.append(script, style);
"""


def test_the_browser_is_held_to_that(page: Page, browser: webdriver.Chrome) -> None:
    """A script in the page can't send requests to other servers."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(2)
        address = f"http://127.0.0.1:{other.getsockname()[1]}/"
        page.run(CALLS, address)
        with pytest.raises(TimeoutError):
            other.accept()
        assert any("Content Security Policy" in complaint for complaint in page.complaints())
        browser.get("about:blank")
        page.run(CALLS, address)
        other.accept()[0].close()  # without the policy it is sent


def test_no_file_of_the_page_may_be_taken_for_another_type(page: Page, http: httpx.Client) -> None:
    page.card("classify").send()
    files = [url for url in page.requests() if "/docs/" in url]
    assert len(files) >= 5
    for url in files:
        answer = http.get(url)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
