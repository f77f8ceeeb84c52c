"""Chromium of the distribution's package, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
# Root cannot use Chromium's sandbox; the rest keeps it from looking for servers of its maker.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Give a headless browser; RuntimeError when Chromium is missing."""
    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


class Watcher:
    """Listens to what a page's console says; errors and policy violations are complaints."""

    def __init__(self, page: Page) -> None:
        """Listen from now on."""
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)


def await_picture(page: Page) -> None:
    """Wait until the feed's picture, which the page fetches by itself, is counted to the end: the filters then stay."""
    expect(page.locator(".legend .total")).to_contain_text("event")
    expect(page.locator(".histogram [hx-get]")).to_have_count(0)


def serious_findings(page: Page) -> list[str]:
    """Give what axe-core finds on the page that keeps somebody from using it."""
    page.evaluate(AXE)  # evaluated by the debugger, which the page's policy does not bind
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found["violations"] if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
