"""The pages in a real browser: what only a browser can show."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from audit_webhook.context import context_of
from audit_webhook.explore.setup import demo
from tests.conftest import Server
from tests.factories import audit_event, event_list

SIZES = [(1440, 900), (390, 844)]
SCHEMES = ["light", "dark"]


def post(server: Server, *events: dict[str, Any], cluster: str = "prod") -> None:
    """Send events as a kube-apiserver does."""
    request = urllib.request.Request(f"{server.url}/webhook/audit/{cluster}", event_list(events), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def event_of(user: str, seconds: float = 0, **changes: Any) -> dict[str, Any]:
    """Make an event of somebody, now."""
    moment = time.time() + seconds
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1_000_000):06d}Z"
    return audit_event(
        user={"username": user}, stageTimestamp=stamp, requestReceivedTimestamp=stamp, **changes
    )


def row_of(page: Page, user: str) -> Locator:
    """Find the rows of somebody."""
    return page.locator(".row", has_text=user)


def load_sample(server: Server) -> None:
    """Load the sample events."""
    parts = context_of(server.app)
    demo.load(parts.repository, parts.clock())


def test_live_feed_shows_each_new_event_once_within_two_seconds(server: Server, page: Page) -> None:
    post(server, event_of("before"))
    page.goto(server.url)
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live-state")).to_have_text("Following")
    post(server, event_of("first"), event_of("late", -3600))
    expect(row_of(page, "first")).to_have_count(1, timeout=2000)
    expect(row_of(page, "late")).to_have_count(1)
    assert page.locator(".row").last.inner_text().count("late") == 1
    post(server, event_of("second"))
    expect(row_of(page, "second")).to_have_count(1, timeout=2000)
    expect(page.locator(".row")).to_have_count(4)


def test_live_feed_starts_by_itself_on_an_empty_store(server: Server, page: Page) -> None:
    page.goto(server.url)
    expect(page.get_by_text("No cluster has sent anything yet")).to_be_visible()
    post(server, event_of("newcomer"))
    expect(row_of(page, "newcomer")).to_have_count(1, timeout=3000)
    expect(page.get_by_text("No cluster has sent anything yet")).to_have_count(0)


def test_paused_feed_keeps_its_place_and_catches_up(server: Server, page: Page) -> None:
    post(server, *(event_of(f"user-{number}", -number) for number in range(60)))
    page.goto(server.url)
    live = page.get_by_role("button", name="Live")
    live.click()
    expect(page.locator("#live-state")).to_have_text("Following")
    live.click()
    post(server, event_of("meanwhile"))
    page.wait_for_timeout(1500)
    assert row_of(page, "meanwhile").count() == 0
    live.click()
    expect(row_of(page, "meanwhile")).to_have_count(1, timeout=2500)


def test_rows_do_not_move_under_a_reader_who_scrolled_down(server: Server, page: Page) -> None:
    post(server, *(event_of(f"user-{number}", -number) for number in range(60)))
    page.goto(server.url)
    page.get_by_role("button", name="Live").click()
    page.mouse.wheel(0, 600)
    page.wait_for_function("scrollY > 300")
    post(server, event_of("above"))
    waiting = page.get_by_role("button", name="1 new event")
    expect(waiting).to_be_visible(timeout=3000)
    assert row_of(page, "above").count() == 0
    waiting.click()
    expect(row_of(page, "above")).to_have_count(1)


def test_older_events_come_while_scrolling(server: Server, page: Page) -> None:
    post(server, *(event_of(f"user-{number:03}", -number) for number in range(120)))
    page.goto(server.url)
    for _ in range(12):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(150)
    expect(page.locator(".row")).to_have_count(120)
    identifiers = page.locator(".row").evaluate_all("rows => rows.map(row => row.dataset.id)")
    assert identifiers == sorted(set(identifiers), reverse=True)


def test_query_and_pickers_filter_and_the_address_holds_all_of_it(server: Server, page: Page) -> None:
    post(server, event_of("alice"), event_of("bob"))
    post(server, event_of("alice"), cluster="staging")
    page.goto(server.url)
    page.keyboard.press("/")
    page.keyboard.type("user:alice")
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(2)
    page.locator("summary", has_text="All clusters").click()
    page.get_by_role("link", name="staging", exact=True).click()
    expect(page.locator(".row")).to_have_count(1)
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("#q")).to_have_value("user:alice cluster:staging")


def test_event_opens_beside_the_list_and_back_returns_to_the_same_place(server: Server, page: Page) -> None:
    post(server, *(event_of(f"user-{number:02}", -number) for number in range(50)))
    page.goto(server.url)
    page.mouse.wheel(0, 500)
    page.wait_for_function("scrollY >= 500")  # the wheel moves the page step by step
    place = page.evaluate("scrollY")
    row_of(page, "user-20").click()
    expect(page.locator("#panel .event-title")).to_contain_text("user-20")
    assert "event=" in page.url
    page.go_back()
    expect(page.locator("#panel")).to_be_hidden()
    assert page.url.rstrip("/") == server.url
    page.wait_for_function("place => Math.abs(scrollY - place) < 60", arg=place)
    page.go_forward()
    expect(page.locator("#panel .event-title")).to_contain_text("user-20")


def test_permalink_shows_the_event_and_links_lead_back_to_the_feed(server: Server, page: Page) -> None:
    post(server, event_of("alice"), event_of("bob"))
    page.goto(server.url)
    address = row_of(page, "alice").locator(".line a:not(.aside)").get_attribute("href")
    page.goto(f"{server.url}{address}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("alice")
    page.locator(".facts").first.get_by_role("link", name="alice", exact=True).click()
    expect(page.locator(".row")).to_have_count(1)


def test_keyboard_moves_opens_and_closes(server: Server, page: Page) -> None:
    post(server, event_of("newest"), event_of("older", -5))
    page.goto(server.url)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#panel .event-title")).to_contain_text("older")
    page.keyboard.press("k")
    expect(page.locator("#panel .event-title")).to_contain_text("newest")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_copy_button_copies_the_raw_event(server: Server, page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    event = event_of("alice")
    post(server, event)
    page.goto(server.url)
    row_of(page, "alice").click()
    panel = page.locator("#panel")
    panel.get_by_text("Raw JSON").first.click()
    panel.locator("[data-copy-from='raw-json']").click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == event


def test_pages_are_read_without_javascript(server: Server, browser: Browser) -> None:
    post(server, *(event_of(f"user-{number:03}", -number) for number in range(70)))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator(".row")).to_have_count(50)
    page.get_by_role("link", name="Older events").click()
    expect(page.locator(".row")).to_have_count(20)
    page.locator(".row .line a:not(.aside)").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("user-050")
    page.goto(f"{server.url}/setup?cluster=prod")
    expect(page.get_by_text("policy.yaml").first).to_be_visible()
    context.close()


def test_first_view_is_at_most_250_kilobytes_over_the_wire(server: Server, page: Page) -> None:
    load_sample(server)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda finished: sizes.append(finished["encodedDataLength"]))
    page.goto(server.url, wait_until="networkidle")
    assert len(sizes) > 3 and 0 < sum(sizes) <= 250_000


def test_chosen_theme_is_kept(server: Server, page: Page) -> None:
    page.goto(server.url)
    theme = page.get_by_role("button", name="Theme")
    theme.click()
    theme.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_setup_page_notices_the_first_batch(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/setup?cluster=prod")
    expect(page.get_by_text("Waiting for prod")).to_be_visible()
    post(server, event_of("alice"))
    expect(page.get_by_text("prod is connected")).to_be_visible(timeout=5000)
