"""Ctrl K in a real browser: from any page to another one, to a recent search or a new one; and colours by a field."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import await_picture, serious_findings
from tests.conftest import Server
from tests.search.test_browser import event_of, post


def test_keys_lead_from_anywhere_to_pages_and_searches(server: Server, page: Page) -> None:
    post(server, event_of("alice"))
    page.goto(f"{server.url}/?q=user:alice")
    page.goto(f"{server.url}/clusters")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to a page or search")).to_be_focused()
    assert serious_findings(page) == []
    page.keyboard.type("perm")
    page.keyboard.press("Enter")
    page.wait_for_url("**/permissions")
    page.keyboard.press("Control+k")
    page.keyboard.type("alice")
    expect(page.locator("#palette [role=option]").first).to_contain_text("Recent search")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("On the timeline")
    page.keyboard.press("Enter")
    page.wait_for_url("**/timeline?q=alice")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_histogram_is_coloured_by_a_field_and_keeps_it(server: Server, page: Page) -> None:
    post(server, *(event_of(f"user-{number % 9}", -number) for number in range(60)))
    page.goto(server.url)
    await_picture(page)
    page.locator(".legend summary").click()
    page.get_by_role("link", name="Actor", exact=True).click()
    await_picture(page)
    expect(page.locator(".legend .s-v0")).to_contain_text("user-")
    expect(page.locator(".legend .s-others")).to_contain_text("others")
    assert serious_findings(page) == []
    page.locator(".legend summary").click()
    page.get_by_role("link", name="Values as a table").click()
    expect(page.locator("tbody tr")).to_have_count(9)
    page.get_by_role("link", name="Namespace", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="shop").click()
    expect(page.locator("#q")).to_have_value("since:24h ns:shop")
