"""A real Chromium for the tests of pages: Debian's, which `.ci/run` installs. In CI a missing one fails."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
SETTLED = "#trial-body .places"


def chromium_program() -> str:
    """Where the browser is.

    Raises:
        AssertionError: in CI there is none; elsewhere the test is skipped.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        assert not os.environ.get("CI"), "there is no Chromium, and in CI nothing of the page would be tested"
        pytest.skip("there is no Chromium: apt-get install chromium")
    return found


@dataclass
class Opened:
    """A page in the browser, and everything that it complained of or asked the network for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@dataclass
class Chromium:
    """A browser that opens pages from disk."""

    browser: Browser

    @contextlib.contextmanager
    def open(
        self, path: Path, *, width: int = 1440, height: int = 1000, anchor: str = "", **context: Any
    ) -> Iterator[Opened]:
        """Opens a file, and waits until its first point is shown."""
        with self.browser.new_context(viewport={"width": width, "height": height}, **context) as made:
            opened = Opened(page=made.new_page())
            opened.page.on("console", lambda message: opened.complaints.append(message.text))
            opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
            opened.page.on("request", lambda request: opened.requests.append(request.url))
            opened.page.goto(path.as_uri() + anchor)
            opened.page.wait_for_selector(SETTLED)
            yield opened


@contextlib.contextmanager
def running_chromium() -> Iterator[Chromium]:
    """A browser for a while; Playwright keeps an event loop as long, so keep it to the tests that need it."""
    program = chromium_program()
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield Chromium(browser)
        finally:
            browser.close()
