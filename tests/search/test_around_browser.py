"""Around an event in a real browser: from rows and from the event, by mouse, by keys and without scripts."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser import await_picture, serious_findings
from tests.conftest import Server
from tests.search.test_browser import event_of, post, row_of


def a_day(server: Server) -> None:
    """Store many events of a few minutes."""
    others = (event_of(f"user-{number:03}", -3600 + number) for number in range(1, 90))
    post(server, event_of("culprit", -3600), *others)


def test_time_of_a_row_leads_to_what_happened_around_it_and_marks_it(server: Server, page: Page) -> None:
    a_day(server)
    page.goto(f"{server.url}/?q=user:culprit")
    row_of(page, "culprit").locator("> time").click()
    page.get_by_role("link", name="Everything, ± 1 min").click()
    expect(page.locator(".row.is-marked")).to_contain_text("culprit")
    expect(page.locator(".row.is-marked")).to_be_in_viewport()
    expect(row_of(page, "user-059")).to_have_count(1)
    expect(row_of(page, "user-061")).to_have_count(0)
    await_picture(page)
    expect(page.locator(".row.is-marked")).to_be_in_viewport()
    assert serious_findings(page) == []


def test_keys_alone_lead_around_an_event(server: Server, page: Page) -> None:
    a_day(server)
    page.goto(f"{server.url}/?q=user:culprit")
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.get_by_role("link", name="Everything, ± 1 min")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value(re.compile("^cluster:prod since:.* until:"))
    expect(page.locator(".row.is-marked")).to_contain_text("culprit")


def test_panel_and_page_of_an_event_lead_around_it_and_keys_step_on(server: Server, page: Page) -> None:
    a_day(server)
    page.goto(f"{server.url}/?q=user:user-0*")
    row_of(page, "user-050").locator(".line a:not(.aside)").click()
    page.locator("#panel").get_by_role("link", name="Same actor, ± 5 min").click()
    expect(page.locator(".row")).to_have_count(1)
    address = row_of(page, "user-050").locator(".line a:not(.aside)").get_attribute("href")
    page.goto(f"{server.url}{address}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("user-050")
    page.keyboard.press("k")
    expect(page.get_by_role("heading", level=1)).to_contain_text("user-051")
    page.keyboard.press("j")
    page.wait_for_url("**/events/*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("user-050")
    page.keyboard.press("j")
    expect(page.get_by_role("heading", level=1)).to_contain_text("user-049")


def test_event_is_marked_without_scripts_and_on_a_phone(server: Server, browser: Browser) -> None:
    a_day(server)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{server.url}/?q=user:culprit")
    row_of(page, "culprit").locator(".line a:not(.aside)").click()
    page.get_by_role("link", name="Everything, ± 5 min").click()
    expect(page.locator(".row.is-marked")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
