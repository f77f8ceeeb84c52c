"""The event page on paper: the whole story and the whole JSON, light, and nothing that only a screen needs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Server
from tests.search.test_browser import event_of, post

LAST_LINE = "the last line of a long object"
A4_WIDTH = 794  # CSS pixels


def big_change() -> dict[str, Any]:
    """Make a change whose JSON is far longer than a screen, and one of its lines far wider."""
    lines = {f"key-{number:03}": "x" * 40 for number in range(150)}
    body = {"kind": "ConfigMap", "apiVersion": "v1", "data": {**lines, "wide": "y" * 900, "zz": LAST_LINE}}
    return event_of("alice", verb="update", level="RequestResponse", requestObject=body, responseObject=body)


def open_event(server: Server, page: Page) -> dict[str, Any]:
    """Store the change and open its page."""
    event = big_change()
    post(server, event)
    page.goto(server.url)
    page.goto(server.url + str(page.locator(".row .line a:not(.aside)").first.get_attribute("href")))
    return event


@pytest.mark.parametrize("with_scripts", [True, False], ids=["scripts", "no scripts"])
def test_printed_event_is_its_story_and_all_of_its_json(
    server: Server, browser: Browser, with_scripts: bool
) -> None:
    context = browser.new_context(
        viewport={"width": A4_WIDTH, "height": 900}, color_scheme="dark", java_script_enabled=with_scripts
    )
    page = context.new_page()
    event = open_event(server, page)
    page.emulate_media(media="print", color_scheme="dark")
    if with_scripts:
        page.evaluate("document.documentElement.dataset.theme = 'dark'; dispatchEvent(new Event('beforeprint'))")
    raw = page.locator("#raw-json")
    assert json.loads(raw.inner_text()) == event
    for part in (raw, page.locator(".event-title"), page.get_by_text("Audit ID", exact=True), page.locator(".command")):
        expect(part).to_be_visible()
    expect(page.locator(".top, nav, .button, .tree, .skip, .without").filter(visible=True)).to_have_count(0)
    look = raw.evaluate("""each => ({
        whole: each.scrollHeight <= each.clientHeight + 1 && each.scrollWidth <= each.clientWidth + 1,
        ground: getComputedStyle(document.body).backgroundColor,
        ink: getComputedStyle(each).color.match(/\\d+/g).map(Number),
        wide: document.documentElement.scrollWidth,
    })""")
    assert look["whole"] and look["wide"] <= A4_WIDTH
    assert look["ground"] == "rgb(255, 255, 255)" and max(look["ink"][:3]) < 128
    context.close()


def test_page_is_as_it_was_after_printing(server: Server, page: Page) -> None:
    open_event(server, page)
    folded = page.locator(".page details:not([open])").count()
    assert folded > 0
    paper = page.pdf(format="A4")
    assert paper.startswith(b"%PDF") and paper.count(b"/Type /Page\n") > 2
    expect(page.locator(".page details:not([open])")).to_have_count(folded)
    expect(page.locator(".top")).to_be_visible()
