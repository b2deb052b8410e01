"""The API page in a real browser: a visitor's actions, and the requests that the browser sends."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

PHONE, DESK = 390, 1200
"""Widths of a window, in pixels."""

_SECONDS = 60
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # Chromium refuses its sandbox to root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium(program: str, driver: str, profile: Path) -> Iterator[webdriver.Chrome]:
    """Run Chromium by its driver, with a fresh profile and a record of what it does."""
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    running = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield running
    finally:
        running.quit()


class Card:
    """One operation's part of the page."""

    def __init__(self, driver: webdriver.Chrome, operation: str) -> None:
        self._driver = driver
        self._card = driver.find_element(By.ID, operation)

    def choose_way(self, label: str) -> None:
        """Choose how the input is sent."""
        Select(self._find("[name=way]")).select_by_visible_text(label)

    def ways(self) -> list[str]:
        """Return the ways in which the input can be sent."""
        return [option.text for option in Select(self._find("[name=way]")).options]

    def attach(self, field: str, *files: Path) -> None:
        """Choose files in a field."""
        self._visible(f"input[name={field}]").send_keys("\n".join(map(str, files)))

    def write(self, text: str) -> None:
        """Write a text instead of the example."""
        area = self._visible("textarea")
        area.clear()
        area.send_keys(text)

    def fill(self, name: str, value: str) -> None:
        """Write into a field instead of what is there."""
        field = self._visible(f"input[name={name}]")
        field.clear()
        field.send_keys(value)

    def set_option(self, name: str, value: str) -> None:
        """Fill in a parameter."""
        if self._find("form details").get_attribute("open") is None:
            self._find("form summary").click()
        self._visible(f"details input[name={name}]").send_keys(value)

    def set_place(self, name: str, value: str) -> None:
        """Fill in a parameter of the path."""
        field = self._visible(f"[name={name}]")
        if field.tag_name == "select":
            Select(field).select_by_visible_text(value)
        else:
            field.clear()
            field.send_keys(value)

    def pictures(self) -> list[str]:
        """Return the captions of the pictures that the page shows."""
        return [caption.text for caption in self._all("figcaption") if caption.is_displayed()]

    def send(self) -> "Card":
        """Click, and wait for the answer."""
        button = self.click()
        WebDriverWait(self._driver, _SECONDS).until(lambda _: button.is_enabled())
        return self

    def click(self) -> WebElement:
        """Click, and return the button."""
        button = self._find("button")
        button.click()
        return button

    @property
    def status(self) -> int:
        """The answer's status, as the page shows it."""
        return int(self._find("output .status").text.split()[0])

    @property
    def text(self) -> str:
        """The answer's body, as the page shows it."""
        return str(self._find("output .body").get_property("textContent"))

    @property
    def answer(self) -> Any:
        """The answer's body, read as JSON."""
        return json.loads(self.text)

    @property
    def command(self) -> str:
        """The same request as a command line."""
        return str(self._all("output pre")[-1].get_property("textContent"))

    @property
    def words(self) -> str:
        """All text of the card, including folded parts."""
        return str(self._card.get_property("textContent"))

    def _find(self, selector: str) -> WebElement:
        return self._card.find_element(By.CSS_SELECTOR, selector)

    def _all(self, selector: str) -> list[WebElement]:
        return self._card.find_elements(By.CSS_SELECTOR, selector)

    def _visible(self, selector: str) -> WebElement:
        (found,) = (element for element in self._all(selector) if element.is_displayed())
        return found


class Page:
    """The API page of a server."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        """Open the page, and wait until all of it is there."""
        self._driver = driver
        self._requests: list[str] = []
        driver.get("about:blank")
        driver.get_log("performance")
        driver.get_log("browser")
        driver.get(url)
        WebDriverWait(driver, _SECONDS).until(lambda d: d.find_elements(By.ID, "schema_json"))

    def card(self, operation: str) -> Card:
        """Return an operation's part of the page."""
        return Card(self._driver, operation)

    def cards(self) -> list[str]:
        """Return the operations that the page shows."""
        cards = self._driver.find_elements(By.CLASS_NAME, "card")
        return [str(card.get_attribute("id")) for card in cards]

    def show_at(self, width: int) -> None:
        """Show the page in a window of this width."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def unfold(self) -> None:
        """Unfold everything."""
        self.run("document.querySelectorAll('details').forEach(part => part.open = true)")

    def run(self, script: str, *arguments: str) -> Any:
        """Run a script in the page, and return what it returns."""
        return self._driver.execute_script(script, *arguments)

    def requests(self) -> list[str]:
        """Return the URLs of all requests of the browser since the page was opened."""
        for entry in self._driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requests.append(message["params"]["request"]["url"])
        return self._requests

    def complaints(self) -> list[str]:
        """Return the browser's errors: of scripts, of files that weren't found ..."""
        return [str(entry["message"]) for entry in self._driver.get_log("browser")]
