"""Histogram and facets in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from audit_webhook.search.histogram import counter as scanning
from audit_webhook.search.histogram import histogram as picture
from audit_webhook.search.histogram import blueprint
from tests.browser import Watcher, serious_findings
from tests.conftest import Server
from tests.search.test_browser import SCHEMES, SIZES, event_of, load_sample, post


def total_of(page: Page) -> int:
    """Give the number of events that the page tells, once it is exact."""
    total = page.locator(".legend .total")
    expect(total).to_contain_text("event")
    return int(total.inner_text().split()[0].replace(",", ""))


def test_range_is_chosen_by_dragging_and_left_again(server: Server, page: Page) -> None:
    load_sample(server)
    page.goto(server.url + "/?q=&columns=ip")
    everything = total_of(page)
    box = page.locator(".bars").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * .25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * .75, box["y"] + 20, steps=3)
    assert float(page.locator(".brush").get_attribute("width") or 0) > 0
    page.mouse.up()
    page.wait_for_url("**since*")
    assert 0 < total_of(page) < everything
    assert "since:" in page.locator("#q").input_value() and "columns=ip" in page.url
    page.get_by_role("link", name="All time", exact=True).last.click()
    expect(page.locator("#q")).to_have_value("")
    assert total_of(page) == everything
    page.go_back()
    expect(page.locator("#q")).not_to_have_value("")


def test_bars_say_that_their_times_are_utc(server: Server, page: Page) -> None:
    load_sample(server)
    page.goto(server.url)
    expect(page.locator(".legend")).to_contain_text("UTC")
    page.goto(f"{server.url}/?q=user:nobody")
    expect(page.locator(".histogram .empty")).to_be_visible()
    expect(page.locator(".legend")).not_to_contain_text("UTC")


def test_range_is_chosen_by_keys(server: Server, page: Page) -> None:
    load_sample(server)
    page.goto(f"{server.url}/?q=")
    everything = total_of(page)
    page.locator(".bars").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#announce")).to_contain_text("event")
    page.keyboard.press("Escape")
    assert page.locator(".brush").get_attribute("width") == "0"
    page.keyboard.press("ArrowRight")
    for _ in range(20):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**since*")
    assert 0 < total_of(page) < everything


def test_value_filters_and_its_second_control_excludes(server: Server, page: Page) -> None:
    post(server, *(event_of("alice", -number) for number in range(3)), event_of("bob", -9, verb="delete"))
    page.goto(f"{server.url}/?q=")
    page.locator("#facets .choose", has_text="delete").click()
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("#facets .is-on")).to_have_text("delete1")
    page.locator("#facets .is-on .choose").click()
    expect(page.locator(".row")).to_have_count(4)
    page.locator("#facets .choose", has_text="alice").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("-user:alice")
    expect(page.locator(".row")).to_have_count(1)


def test_picture_refines_itself_until_it_is_exact(
    server: Server, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blueprint, "FIRST_SECONDS", 0)
    monkeypatch.setattr(picture.Histograms.refine, "__defaults__", (0, ""))
    monkeypatch.setattr(scanning, "SLICE_EVENTS", 100)
    monkeypatch.setattr(scanning, "QUICK_SECONDS", -1.0)
    load_sample(server)
    page.goto(server.url + "/?q=web")
    expect(page.locator(".legend .total")).to_contain_text("at least")
    expect(page.locator(".counting")).to_have_count(0, timeout=10_000)
    exact = total_of(page)
    monkeypatch.undo()
    page.goto(server.url + "/?q=web")
    assert total_of(page) == exact


def test_picture_is_there_without_scripts(server: Server, browser: Browser) -> None:
    load_sample(server)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/?q=")
    page.get_by_role("link", name="Show counts and events over time").click()
    everything = total_of(page)
    page.locator("#facets .choose").first.click()
    assert 0 < total_of(page) < everything
    page.locator(".axis a").first.click()
    assert "since:" in page.locator("#q").input_value()
    context.close()


@pytest.mark.parametrize("size, scheme", list(zip(SIZES, SCHEMES, strict=True)), ids=["desktop-light", "phone-dark"])
def test_picture_and_filters_can_be_used_by_everybody(
    server: Server, browser: Browser, size: tuple[int, int], scheme: str
) -> None:
    load_sample(server)
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    watcher = Watcher(page)
    page.goto(server.url + "/?q=-verb:get&by=verb")
    total_of(page)
    if width < 1000:
        page.locator("summary", has_text="Filters").click()
    page.locator("summary", has_text="Views").click()
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert watcher.complaints == []
    context.close()
