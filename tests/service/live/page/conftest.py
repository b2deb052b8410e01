"""A browser, if the machine has one, and the API page in it."""

import shutil
from collections.abc import Iterator

import httpx
import pytest
from selenium import webdriver

from tests.service.live.page.browser import Page, chromium
from tests.service.live_server import LiveServer


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Headless Chromium."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip(
            "NOT CHECKED in a browser: apt-get install chromium chromium-driver brings what is "
            "missing"
        )
    with chromium(program, driver, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def page(browser: webdriver.Chrome, server: LiveServer) -> Page:
    """The API page of the shared server, freshly opened."""
    return Page(browser, server.url)


@pytest.fixture(scope="session")
def document(http: httpx.Client) -> dict[str, object]:
    """The OpenAPI document of the shared server."""
    content: dict[str, object] = http.get("/docs.json").raise_for_status().json()
    return content
