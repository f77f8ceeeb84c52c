"""Times in a real browser: clocks, days, zones, the menu of ranges, and links that stay true."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser import await_picture, serious_findings
from tests.conftest import Server
from tests.factories import audit_event
from tests.search.test_browser import event_of, post, row_of

SINCE = "since:2026-11-22"
MIDNIGHT = 12 * 3600
"""Seconds from noon to the midnight after it."""


def named(user: str, seconds: float) -> dict[str, object]:
    return audit_event(seconds, user={"username": user})


def two_days(server: Server) -> None:
    """Store events around a midnight of UTC."""
    post(
        server, named("late", MIDNIGHT + 3600.25), named("after", MIDNIGHT + 0.001), named("before", MIDNIGHT - 0.5),
        named("noon", 0.787),
    )


def headings(page: Page) -> list[str]:
    return page.locator("#rows > .day").all_inner_texts()


def test_rows_show_the_clock_to_the_millisecond_under_their_day(server: Server, page: Page) -> None:
    two_days(server)
    page.goto(f"{server.url}/?q={SINCE}")
    expect(row_of(page, "noon").locator("> time")).to_have_text("12:00:00.787")
    assert headings(page) == ["Tue 24 Nov 2026", "Mon 23 Nov 2026"]
    row_of(page, "noon").locator("> time").hover()
    title = re.compile(r"^Mon 23 Nov .* UTC \(.*ago\)$")
    expect(row_of(page, "noon").locator("> time")).to_have_attribute("title", title)


def test_one_zone_holds_for_every_time_of_the_page(server: Server, page: Page) -> None:
    two_days(server)
    page.goto(f"{server.url}/?q={SINCE}")
    await_picture(page)
    page.locator("#zone").focus()
    page.select_option("#zone", "America/New_York")
    expect(row_of(page, "noon").locator("> time")).to_have_text("07:00:00.787")
    assert headings(page) == ["Mon 23 Nov 2026"]
    expect(page.locator(".heads")).to_contain_text("GMT-5")
    expect(page.locator(".legend")).to_contain_text("GMT-5")
    expect(page.locator(".summary").first).to_contain_text("GMT-5")
    assert "UTC" not in page.locator(".histogram .hit title").first.inner_html()
    page.reload()
    expect(row_of(page, "noon").locator("> time")).to_have_text("07:00:00.787")
    row_of(page, "noon").locator(".line a:not(.aside)").click()
    expect(page.locator("#panel .event-title")).to_be_visible()
    expect(page.locator("#panel time", has_text="GMT-5").first).to_be_visible()
    assert "UTC" not in page.locator("#panel .facts").all_inner_texts()[-1]


def test_clock_and_age_are_switched_for_all_rows_and_remembered(server: Server, page: Page) -> None:
    post(server, event_of("recent", -7200))
    page.goto(server.url)
    switch = page.get_by_role("button", name="Time, UTC")
    switch.focus()
    page.keyboard.press("Enter")
    expect(row_of(page, "recent").locator("> time")).to_have_text("2 h")
    page.reload()
    expect(row_of(page, "recent").locator("> time")).to_have_text("2 h")
    switch.click()
    expect(row_of(page, "recent").locator("> time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))


def test_days_have_one_heading_each_while_older_and_new_events_come(server: Server, page: Page) -> None:
    post(server, *(named(f"user-{number:03}", MIDNIGHT - 40 + number) for number in range(120)))
    page.goto(f"{server.url}/?q={SINCE}&show=events")
    for _ in range(12):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(100)
    expect(page.locator(".row")).to_have_count(120)
    assert headings(page) == ["Tue 24 Nov 2026", "Mon 23 Nov 2026"]
    first = page.locator(".day").last.evaluate("day => day.nextElementSibling.innerText")
    assert "user-039" in first
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live-state")).to_have_text("Following")
    post(server, event_of("today"))
    expect(row_of(page, "today")).to_have_count(1, timeout=3000)
    assert len(headings(page)) == 3


def test_heading_of_the_day_stays_below_the_search_while_its_rows_scroll(server: Server, page: Page) -> None:
    post(server, *(named(f"user-{number:03}", number) for number in range(60)))
    page.goto(f"{server.url}/?q={SINCE}&show=events")
    await_picture(page)
    page.mouse.wheel(0, 700)
    page.wait_for_function("scrollY > 500")
    bottom = page.locator(".bar").evaluate("bar => bar.getBoundingClientRect().bottom")
    top = page.locator(".day").evaluate("day => day.getBoundingClientRect().top")
    assert abs(top - bottom) < 2


def test_range_that_is_chosen_is_the_one_the_feed_begins_with(server: Server, page: Page) -> None:
    post(server, event_of("recent", -3600), event_of("older", -3 * 86400))
    page.goto(server.url)
    expect(page.locator("#q")).to_have_value("since:24h")
    expect(page.locator(".row")).to_have_count(1)
    page.locator("#time > summary").click()
    page.get_by_role("link", name="Last 7 days").click()
    expect(page.locator(".row")).to_have_count(2)
    page.goto(server.url)
    expect(page.locator("#q")).to_have_value("since:7d")
    page.locator("#time > summary").click()
    page.locator("#time").get_by_role("link", name="All time").click()
    page.goto(server.url)
    expect(page.locator("#q")).to_have_value("")
    expect(page.locator(".row")).to_have_count(2)


def test_pasted_time_and_the_calendar_mean_the_readers_zone(server: Server, page: Page) -> None:
    two_days(server)
    page.goto(f"{server.url}/?q={SINCE}")
    page.locator("#zone").focus()
    page.select_option("#zone", "America/New_York")
    page.locator("#time > summary").click()
    page.get_by_label("A time, a day or a range").fill("23 Nov 2026 07:00")
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("#q")).to_have_value("since:2026-11-23T11:55:00Z until:2026-11-23T12:05:00Z")
    expect(page.locator("#time > summary")).to_contain_text("23 Nov 06:55:00 – 23 Nov 07:05:00")
    page.locator("#time > summary").click()
    expect(page.get_by_label("From", exact=True)).to_have_value("2026-11-23T06:55")
    page.get_by_label("Until", exact=True).fill("2026-11-23T19:00:00.500")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#q")).to_have_value("since:2026-11-23T11:55:00Z until:2026-11-24T00:00:00.500Z")
    expect(page.locator(".row")).to_have_count(3)


def test_shared_link_holds_fixed_times(server: Server, page: Page) -> None:
    post(server, event_of("recent", -60))
    page.goto(f"{server.url}/?q=since:1h")
    link = page.get_by_role("button", name="Share").get_attribute("data-copy-link")
    page.goto(f"{server.url}{link}")
    expect(page.locator("#q")).to_have_value(re.compile(r"^since:20\S+Z until:20\S+Z$"))
    expect(row_of(page, "recent")).to_have_count(1)


def test_time_menu_is_usable_in_every_look_and_without_scripts(server: Server, browser: Browser) -> None:
    two_days(server)
    for width, height, scheme in ((1440, 900, "light"), (390, 844, "dark")):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{server.url}/?q={SINCE}")
        await_picture(page)
        page.locator("#time > summary").click()
        expect(page.get_by_label("From", exact=True)).to_be_in_viewport()
        expect(page.get_by_role("button", name="Show", exact=True)).to_be_in_viewport()
        assert serious_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Escape")
        expect(page.get_by_label("From", exact=True)).to_be_hidden()
        context.close()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/?q={SINCE}")
    assert headings(page) == ["Tue 24 Nov 2026", "Mon 23 Nov 2026"]
    expect(row_of(page, "noon").locator("> time")).to_have_text("12:00:00.787")
    page.locator("#time > summary").click()
    page.get_by_label("From", exact=True).fill("2026-11-23T12:00")
    page.get_by_label("Until", exact=True).fill("2026-11-23T12:01")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".row")).to_have_count(1)
    context.close()
