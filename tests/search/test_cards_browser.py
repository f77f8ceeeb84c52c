"""Commands in a real browser: the switch, what a row folds, copying a command, and live rows that grow."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import Server
from tests.search.test_browser import event_of, post
from tests.search.test_cards import PATH, WEB

COMMAND = "kubectl scale deployment web --replicas=5 -n shop"


def scaled(seconds: float = 0, user: str = "alice") -> list[dict[str, Any]]:
    """Make what `kubectl scale` sends, now."""
    body = {"spec": {"replicas": 5}}
    return [
        event_of(user, seconds, requestURI=PATH, objectRef=WEB, level="RequestResponse",
                 responseObject={"kind": "Deployment", "spec": {"replicas": 3}}),
        event_of(user, seconds + 0.03, verb="patch", requestURI=f"{PATH}/scale", level="RequestResponse",
                 objectRef={**WEB, "subresource": "scale"}, requestObject=body, responseObject={"kind": "Scale"}),
    ]


def test_switch_shows_commands_requests_or_events_and_is_kept(server: Server, page: Page) -> None:
    look, patch = scaled()
    started = {**look, "stage": "RequestReceived", "responseStatus": None}
    post(server, started, look, patch)
    page.goto(server.url)
    switch = page.get_by_role("navigation", name="What a row is")
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator(".row .typed")).to_have_text(COMMAND)
    switch.get_by_role("link", name="Requests").click()
    expect(page.locator(".row")).to_have_count(2)
    switch.get_by_role("link", name="Events").click()
    expect(page.locator(".row")).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("user:alice")
    page.keyboard.press("Enter")
    page.wait_for_url("**user*alice*")
    assert "show=events" in page.url
    expect(page.locator(".row")).to_have_count(3)
    switch.get_by_role("link", name="Commands").click()
    expect(page.locator(".row")).to_have_count(1)


def test_row_unfolds_its_requests_and_each_of_them_opens(server: Server, page: Page) -> None:
    post(server, *scaled())
    page.goto(server.url)
    page.locator(".folds > summary").click()
    expect(page.locator("#panel")).to_be_hidden()
    requests = page.locator(".folds li")
    expect(requests).to_have_count(2)
    requests.first.get_by_role("link").click()
    expect(page.locator("#panel .event-title")).to_contain_text("read deployment web")
    expect(page.locator(".row.is-selected")).to_have_count(1)


def test_copy_button_copies_the_command(server: Server, page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    post(server, *scaled())
    page.goto(server.url)
    page.locator(".row .typed").click()
    command = page.locator("#panel .command")
    expect(command.locator("code")).to_have_text(COMMAND)
    command.locator("[data-copy-from='command']").click()
    expect(command.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == COMMAND
    page.locator("#panel").get_by_role("link", name="alice read deployment web").click()
    expect(page.locator(".event-title")).to_contain_text(" read ")


def test_live_rows_grow_with_the_requests_of_their_command(server: Server, page: Page) -> None:
    post(server, event_of("before", -3600))
    page.goto(server.url)
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live-state")).to_have_text("Following")
    look, patch = scaled()
    post(server, patch)
    expect(page.locator(".row", has_text="alice")).to_have_count(1, timeout=3000)
    assert page.locator(".folds").count() == 0
    post(server, look)
    expect(page.locator(".folds > summary")).to_have_text("2", timeout=3000)
    expect(page.locator(".row")).to_have_count(2)


def test_older_pages_leave_out_what_live_rows_have_taken_up(server: Server, page: Page) -> None:
    look, patch = scaled(-49.5)[0], scaled(-48.6)[1]
    post(server, look, *(event_of(f"user-{number:03}", -number) for number in range(100)))
    page.goto(server.url)
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live-state")).to_have_text("Following")
    assert page.locator(".row", has_text="alice").count() == 0  # its place is on the next page
    post(server, patch)
    expect(page.locator(".folds > summary")).to_have_text("2", timeout=3000)
    for _ in range(10):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(120)
    expect(page.locator(".row")).to_have_count(101)
    ids = page.locator(".row").evaluate_all("rows => rows.flatMap(row => row.dataset.folds.split(' '))")
    assert len(ids) == len(set(ids)) == 102


def test_commands_are_read_without_javascript(server: Server, browser: Browser) -> None:
    post(server, *scaled(), *(event for number in range(40) for event in scaled(-20 * number - 20)))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url)
    page.locator(".folds > summary").first.click()
    expect(page.locator(".folds li").first).to_be_visible()
    shown = page.locator(".row").count()
    page.get_by_role("link", name="Older events").click()
    expect(page.locator(".row")).to_have_count(41 - shown)
    page.get_by_role("link", name="Events", exact=True).click()
    expect(page.locator(".row").nth(41)).to_be_visible()
    context.close()
