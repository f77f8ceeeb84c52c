"""What goes wrong in a browser: requests that fail say so and can be tried again, and nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser import await_picture, serious_findings
from tests.conftest import Server
from tests.factories import audit_event
from tests.search.test_browser import event_of, post, row_of

SINCE = "since:2026-11-22"


@pytest.fixture
def trouble(page: Page) -> dict[str, Any]:
    """What the server answers instead, by a part of the address; the browser's own lines about it are expected."""
    failing: dict[str, Any] = {}

    def answer(route: Route) -> None:
        how = next((each for part, each in failing.items() if part in route.request.url), None)
        if how is None:
            route.continue_()
        elif how == "away":
            route.abort()
        else:
            route.fulfill(status=how, body="")

    page.route("**/*", answer)
    return failing


@pytest.fixture
def page(context: Any) -> Any:
    """A page whose failed requests are part of the test; errors of scripts are not."""
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    assert errors == []


@pytest.mark.parametrize(("how", "text"), [
    ("away", "The server cannot be reached."), (500, "This event could not be loaded (500)."),
    (404, "It may be past its retention."),
])
def test_panel_says_that_an_event_was_not_loaded_and_tries_again(
    server: Server, page: Page, trouble: dict[str, Any], how: Any, text: str
) -> None:
    post(server, event_of("alice"))
    page.goto(server.url)
    trouble["/events/"] = how
    row_of(page, "alice").locator(".line a:not(.aside)").click()
    expect(page.locator("#panel")).to_contain_text(text)
    assert serious_findings(page) == []
    trouble.clear()
    page.locator("#panel").get_by_role("button", name="Try again").click()
    expect(page.locator("#panel .event-title")).to_contain_text("alice")
    page.keyboard.press("Escape")
    trouble["/events/"] = how
    row_of(page, "alice").locator(".line a:not(.aside)").click()
    page.locator("#panel").get_by_role("button", name="Close").click()
    expect(page.locator("#panel")).to_be_hidden()


@pytest.mark.parametrize("how", ["away", 503])
def test_older_events_and_counts_that_failed_can_be_tried_again(
    server: Server, page: Page, trouble: dict[str, Any], how: Any
) -> None:
    post(server, *(audit_event(number, user={"username": f"user-{number:03}"}) for number in range(120)))
    trouble.update({"cursor=": how, "/feed/picture": how})
    page.goto(f"{server.url}/?q={SINCE}&show=events")
    expect(page.locator("#histogram")).to_contain_text("The counts could not be loaded.")
    page.mouse.wheel(0, 6000)
    expect(page.locator("#older")).to_contain_text("Older events could not be loaded.")
    trouble.clear()
    page.locator("#older").get_by_role("button", name="Try again").click()
    expect(page.locator(".row")).to_have_count(100)
    page.locator("#histogram").get_by_role("button", name="Try again").click()
    await_picture(page)
    expect(page.locator("#facets")).to_contain_text("Actor")


def test_live_says_whether_the_server_is_away_or_fails(server: Server, page: Page, trouble: dict[str, Any]) -> None:
    post(server, event_of("alice"))
    page.goto(server.url)
    trouble["/feed/live"] = 500
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live-state")).to_contain_text("The server failed (500). Trying again.")
    trouble["/feed/live"] = "away"
    expect(page.locator("#live-state")).to_contain_text("The server does not answer.", timeout=15_000)
    trouble.clear()
    expect(page.locator("#live-state")).to_have_text("Following", timeout=15_000)


def test_reload_and_a_link_keep_the_search_with_the_event_beside_it(server: Server, page: Page) -> None:
    post(server, event_of("alice"), event_of("bob"))
    page.goto(f"{server.url}/?q=user:(alice or bob)")
    row_of(page, "alice").locator(".line a:not(.aside)").click()
    expect(page.locator("#panel .event-title")).to_be_focused()
    page.reload()
    expect(page.locator("#panel .event-title")).to_contain_text("alice")
    expect(page.locator(".row")).to_have_count(2)
    address = page.url
    page.go_back()
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("#q")).to_have_value("user:(alice or bob)")
    page.goto(address)
    expect(page.locator("#panel .event-title")).to_contain_text("alice")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    assert "event=" not in page.url
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#panel .event-title")).to_be_focused()
    page.get_by_role("link", name="Open page").evaluate("link => link.removeAttribute('target')")
    page.get_by_role("link", name="Open page").click()
    page.get_by_role("link", name="Back to the search").click()
    expect(page.locator("#q")).to_have_value("user:(alice or bob)")


def test_who_comes_back_finds_the_row_that_was_at_the_top(server: Server, page: Page) -> None:
    post(server, *(audit_event(number, user={"username": f"user-{number:03}"}) for number in range(260)))
    page.goto(f"{server.url}/?q={SINCE}&show=events")
    for _ in range(30):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(60)
    expect(page.locator(".row")).to_have_count(260)
    row_of(page, "user-030").scroll_into_view_if_needed()
    place = row_of(page, "user-030").evaluate("row => row.getBoundingClientRect().top")
    row_of(page, "user-030").get_by_title("All about this person").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("user-030")
    page.go_back()
    expect(row_of(page, "user-030")).to_be_in_viewport(timeout=10_000)
    page.wait_for_timeout(300)
    assert abs(row_of(page, "user-030").evaluate("row => row.getBoundingClientRect().top") - place) < 60


def test_keys_skip_to_the_rows(server: Server, page: Page) -> None:
    post(server, event_of("alice"))
    page.goto(server.url)
    await_picture(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.row') !== null")


def test_deleting_a_saved_search_is_asked_about_and_keeps_the_search(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?q=user:alice")
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Save this search").fill("Alice")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(f"{server.url}/?q=user:bob")
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Delete Alice").click()
    expect(page.get_by_text("Delete “Alice” for everybody?")).to_be_visible()
    assert serious_findings(page) == []
    page.get_by_role("button", name="Delete Alice now").click()
    expect(page.locator("#q")).to_have_value("user:bob")
    page.locator("summary", has_text="Views").click()
    expect(page.get_by_role("link", name="Alice", exact=True)).to_have_count(0)


def test_no_more_columns_can_be_ticked_than_are_shown(server: Server, page: Page) -> None:
    post(server, event_of("alice"))
    page.goto(server.url)
    page.locator("summary", has_text="Views").click()
    for name in ("resource", "name", "address"):
        page.get_by_label(name, exact=True).check()
    expect(page.get_by_label("level", exact=True)).to_be_disabled()
    page.get_by_label("client", exact=True).uncheck()
    expect(page.get_by_label("level", exact=True)).to_be_enabled()
    page.get_by_role("button", name="Show these columns").click()
    expect(page.locator(".heads .cell")).to_have_text(["namespace", "cluster", "resource", "name", "address"])


def test_another_tab_takes_theme_and_zone_over(server: Server, browser: Browser) -> None:
    post(server, audit_event(user={"username": "noon"}))
    context = browser.new_context()
    one, two = context.new_page(), context.new_page()
    for page in (one, two):
        page.goto(f"{server.url}/?q={SINCE}")
    one.get_by_role("button", name="Theme: system").click()
    one.select_option("#zone", "UTC")
    expect(two.locator("html")).to_have_attribute("data-theme", "light")
    one.locator("#zone").focus()
    one.select_option("#zone", "Asia/Tokyo")
    expect(row_of(two, "noon").locator("> time")).to_have_text("21:00:00.000")
    context.close()
