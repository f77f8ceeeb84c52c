"""Completion, filters, scans, exports and time zones in a real browser."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from audit_webhook.search import search
from tests.browser import Watcher, serious_findings
from tests.conftest import Server
from tests.factories import audit_event
from tests.search.test_browser import SCHEMES, SIZES, event_of, load_sample, post, row_of


def feed_of(page: Page, server: Server, query: str = "") -> None:
    page.goto(f"{server.url}/?q={query}")


def test_query_is_completed_with_the_keyboard_alone(server: Server, page: Page) -> None:
    post(server, *(event_of("alice", -number) for number in range(3)), event_of("albert"), event_of("bob"))
    feed_of(page, server)
    page.keyboard.press("/")
    page.keyboard.type("us")
    offers = page.get_by_role("listbox")
    expect(offers.get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("user:")
    expect(offers.get_by_role("option").first).to_contain_text("alice")
    expect(offers.get_by_role("option").first).to_contain_text("3")
    page.keyboard.type("al")
    expect(offers.get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(offers.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    expect(page.locator("#q")).to_have_value("user:albert ")
    expect(offers).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(1)
    assert "q=user%3Aalbert" in page.url


def test_escape_closes_the_offers_first_and_keeps_the_text(server: Server, page: Page) -> None:
    feed_of(page, server)
    page.keyboard.press("/")
    page.keyboard.type("ver")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("ver")


def test_offer_is_taken_with_the_mouse_too(server: Server, page: Page) -> None:
    feed_of(page, server)
    page.locator("#q").press_sequentially("kind:")
    page.get_by_role("option", name="system").click()
    expect(page.locator("#q")).to_have_value("kind:system ")


def test_x_leaves_out_whoever_the_chosen_row_is_of(server: Server, page: Page) -> None:
    post(server, event_of("alice"), event_of("bob", -5), event_of("bob", -9))
    feed_of(page, server, "verb:get")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("link", name="Without user bob")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("verb:get -user:bob")
    expect(page.locator(".row")).to_have_count(1)
    page.go_back()
    expect(page.locator(".row")).to_have_count(3)


def test_click_on_a_value_of_a_row_filters_by_it(server: Server, page: Page) -> None:
    post(server, event_of("alice", verb="delete"), event_of("bob"))
    feed_of(page, server)
    row_of(page, "alice").locator(".badge").click()
    expect(page.locator("#panel")).to_be_hidden()
    page.get_by_role("link", name="Only verb delete").click()
    expect(page.locator("#q")).to_have_value("verb:delete")
    expect(page.locator(".row")).to_have_count(1)


def test_values_in_the_panel_narrow_the_query_that_is_shown(server: Server, page: Page) -> None:
    post(server, event_of("alice"), event_of("bob"))
    feed_of(page, server, "verb:get")
    row_of(page, "alice").locator(".line a:not(.aside)").click()
    page.locator("#panel").get_by_role("link", name="Leave out user:alice").click()
    expect(page.locator("#q")).to_have_value("verb:get -user:alice")
    row_of(page, "bob").locator(".line a:not(.aside)").click()
    page.locator("#panel").get_by_role("link", name="shop", exact=True).click()
    expect(page.locator("#q")).to_have_value("verb:get -user:alice ns:shop")


def test_scan_shows_what_it_finds_how_far_it_is_and_can_be_stopped(
    server: Server, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(40):
        post(server, event_of("needle" if hour in (1, 20, 39) else "hay", -3600 * hour))
    monkeypatch.setattr(search, "SECONDS", -1.0)
    feed_of(page, server, 'body:"\\"needle\\""')
    expect(page.locator(".scan")).to_contain_text("of the time range")
    expect(page.locator(".row")).to_have_count(2, timeout=10_000)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_timeout(600)
    shown = page.locator(".scan").inner_text()
    page.wait_for_timeout(600)
    assert page.locator(".scan").inner_text() == shown
    page.goto(page.url)
    expect(page.locator(".row")).to_have_count(3, timeout=20_000)
    expect(page.locator(".scan")).to_have_count(0, timeout=20_000)


@pytest.mark.parametrize(("label", "ending"), [("NDJSON", "ndjson"), ("CSV", "csv")])
def test_export_says_how_many_events_the_file_holds(
    server: Server, page: Page, tmp_path: Path, label: str, ending: str
) -> None:
    post(server, *(event_of("alice", -number) for number in range(70)), event_of("bob"))
    feed_of(page, server, "user:alice")
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=label).click()
    assert re.fullmatch(rf"audit-events-\d{{8}}T\d{{6}}Z\.{ending}", download.value.suggested_filename)
    download.value.save_as(tmp_path / "file")
    text = (tmp_path / "file").read_text("utf-8")
    assert (len(list(csv.reader(text.splitlines()))) - 1 if ending == "csv" else text.count("\n")) == 70
    expect(page.locator("#export")).to_contain_text("70 events exported")


def test_time_zone_is_chosen_and_kept(server: Server, page: Page) -> None:
    post(server, audit_event(stageTimestamp="2026-07-01T22:30:00.250000Z"))
    feed_of(page, server)
    zone = page.get_by_label("Time zone")
    zone.focus()
    zone.select_option("Asia/Tokyo")
    page.locator(".row .line a:not(.aside)").click()
    exact = page.locator("#panel time[data-exact]").first
    expect(exact).to_have_text("Thu 2 Jul 2026 07:30:00.250 GMT+9")
    page.goto(page.url)
    expect(page.locator("time[data-exact]").first).to_have_text("Thu 2 Jul 2026 07:30:00.250 GMT+9")
    page.get_by_label("Time zone").select_option("UTC")
    expect(page.locator("time[data-exact]").first).to_have_text("Wed 1 Jul 2026 22:30:00.250 UTC")


def test_feed_says_in_the_chosen_zone_from_when_to_when_the_query_reaches(server: Server, page: Page) -> None:
    post(server, event_of("alice"))
    feed_of(page, server, "since:2026-11-23 until:2026-11-23T14:05%2B02:00")
    reach = page.locator(".summary > span").first
    expect(reach).to_have_text(
        "Newest first, from Mon 23 Nov 2026 00:00:00.000 UTC until Mon 23 Nov 2026 12:05:00.000 UTC"
    )
    zone = page.get_by_label("Time zone")
    zone.focus()
    zone.select_option("Asia/Tokyo")
    expect(reach).to_contain_text("from Mon 23 Nov 2026 09:00:00.000 GMT+9 until Mon 23 Nov 2026 21:05:00.000 GMT+9")
    feed_of(page, server)
    expect(reach).to_have_text("Newest first")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
def test_offers_and_filters_have_no_serious_finding(
    server: Server, browser: Browser, size: tuple[int, int], scheme: str
) -> None:
    load_sample(server)
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    watcher = Watcher(page)
    feed_of(page, server)
    page.locator("#q").press_sequentially("user:")
    expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    findings = serious_findings(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("dialog", name="Filter by this event")).to_be_visible()
    findings += serious_findings(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
    assert findings == [] and watcher.complaints == []
