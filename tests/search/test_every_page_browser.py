"""Every page in a real browser: light and dark, wide and narrow, by keyboard alone, and back again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Literal

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from audit_webhook.context import EXTENSION, context_of
from tests import story
from tests.alerts import alert_story
from tests.browser import Watcher, await_picture, serious_findings
from tests.conftest import Server, development
from tests.readers import PASSWORD, add_user

LOOKS: Final[dict[Literal["light", "dark"], tuple[int, int]]] = {"light": (1440, 900), "dark": (390, 844)}
EVENT: Final = "/events/"  # the page of the event that `event_path` finds
OPEN: Final = {"/login"}
NEEDS: Final = f"/permissions/needs?cluster=prod&user={story.REPORTER}&since=30d"
PAGES: Final = {
    "ui.show_feed": (
        "/?q=resource:secrets since:yesterday", "/?q=user:nobody", "/?q=user:(", "/?q=-verb:get&by=verb&show=requests",
    ),
    "ui.show_timeline": (
        "/timeline?q=ns:shop since:yesterday", "/timeline?q=since:2d&by=actor", "/timeline?q=user:nobody",
        "/timeline?q=user:(",
    ),
    "picture.show_values": ("/values?q=since:2d&by=user", "/values?q=user:nobody&by=ip"),
    "ui.show_event": (EVENT,),
    "explore.show_object": (
        "/objects/prod/apps/deployments/shop/web", "/objects/prod/core/configmaps/shop/nothing-here",
    ),
    "explore.show_actors": ("/actors",),
    "explore.show_actor": ("/actors/prod/alice", f"/actors/prod/{story.REPORTER}", "/actors/prod/nobody"),
    "explore.show_permissions": ("/permissions", "/permissions?cluster=nowhere"),
    "explore.show_needs": (NEEDS,),
    "clusters.show_clusters": ("/clusters",),
    "clusters.show_cluster": ("/clusters/prod?days=30", "/nowhere"),
    "evidence.show_evidence": ("/evidence",),
    "setup.show_setup": ("/setup", "/setup?cluster=prod"),
    "losses.show_losses": ("/losses", "/losses?cluster=prod&days=1", "/losses?cluster=nowhere"),
    "quarantine.show_quarantine": ("/quarantine", "/quarantine?cluster=nowhere"),
    "quarantine.show_item": (f"/quarantine/{story.UNREADABLE_ID}",),
    "losses.show_loss": (f"/losses/{story.REPORT_ID}",),
    "alerts.show_alerts": ("/alerts", "/alerts?state=closed"),
    "alerts.show_alert": (alert_story.PAGE,),
    "alerts.show_mutes": ("/alerts/mutes",),
    "alerts.show_coverage": ("/rules/coverage",),
    "alerts.show_rules": ("/rules", "/rules?technique=T1611"),
    "sinks.show_sinks": ("/sinks",),
    "access.show_account": ("/account",),
    "access.show_readers": ("/readers",),
    "access.show_login": ("/login",),
}
ADDRESSES: Final = [address for addresses in PAGES.values() for address in addresses]
FIRST: Final = [addresses[0] for addresses in PAGES.values()]
# What is no page of its own: a part of one, or a file.
PARTS: Final = {
    "ui.show_news", "ui.complete_query", "ui.show_filters", "ui.narrow_feed", "ui.choose_range", "ui.step_event",
    "ui.download_raw", "picture.show_picture",
    "explore.download_needs", "evidence.download_proof", "setup.show_status", "setup.download", "static",
}
# What a key can reach, as far as it is shown.
REACHABLE: Final = """[...document.querySelectorAll(
    "a[href], button, input:not([type=hidden], [type=radio]:not(:checked)), select, summary, [tabindex='0']"
)].filter(each => each.tabIndex >= 0 && !each.disabled && each.checkVisibility({ visibilityProperty: true }))"""
NOTE_FOCUS: Final = """document.activeElement.blur();
document.addEventListener("focusin", ({ target }) => {
    wanted.delete(target);
    const around = getComputedStyle(target.closest(".search") || target);
    if (around.outlineStyle === "none" && around.boxShadow === "none") unseen.push(target.outerHTML.slice(0, 90));
})"""
LEADS_AWAY: Final = "main a[href^='/']:not([download], [target]):visible"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in production with the story and an administrator; nobody changes anything, so all tests share it."""
    folder = tmp_path_factory.mktemp("every_page")
    add_user(folder / "users", "root", "admin")
    sinks = str(alert_story.write_sinks(folder))
    config = development(DB_PATH=str(folder / "audit.db"), UI_USERS_FILE=str(folder / "users"), SINKS_FILE=sinks)
    running = Server(replace(config, environment="production", webhook_token="t0ken"))
    running.app.extensions[EXTENSION] = replace(context_of(running.app), clock=lambda: story.NOW_US)
    story.load(context_of(running.app).repository)
    story.lose(context_of(running.app))
    alert_story.raise_alert(context_of(running.app).repository)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def cookies(told: Server, browser: Browser) -> list[Any]:
    """What a browser keeps once the administrator is logged in."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{told.url}/login?next=/account")
    page.fill("#name", "root")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/account")
    page.fill("input[name=label]", "nightly report")
    page.get_by_role("button", name="Create token").click()
    expect(page.locator("#fresh")).to_be_visible()
    kept = context.cookies()
    context.close()
    return kept


@pytest.fixture(scope="module")
def event_path(told: Server, browser: Browser, cookies: list[Any]) -> str:
    """The address of an event with bodies, a command, and requests beside it."""
    context = browser.new_context()
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{told.url}/?q=name:cart verb:create resource:deploy")
    address = str(page.locator(".row .line a:not(.aside)").get_attribute("href"))
    context.close()
    return address


@pytest.fixture(scope="module")
def contexts(browser: Browser, cookies: list[Any]) -> Iterator[dict[str, BrowserContext]]:
    """Browser profiles that are used again: somebody who is logged in, and somebody who is not."""
    known, unknown = browser.new_context(), browser.new_context()
    known.add_cookies(cookies)
    yield {"known": known, "unknown": unknown}
    known.close()
    unknown.close()


@pytest.fixture
def page(contexts: dict[str, BrowserContext], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that fails the test when the browser reports a violation of the policy or an error of a script."""
    who = "unknown" if request.node.callspec.params["address"] in OPEN else "known"
    opened = contexts[who].new_page()
    watcher = Watcher(opened)
    yield opened
    opened.close()
    assert watcher.complaints == []


def visit(page: Page, server: Server, address: str, event_path: str) -> None:
    """Open a page, with all that it counts or fetches by itself there."""
    page.goto(server.url + (event_path if address == EVENT else address))
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    if page.locator("#histogram").count():
        await_picture(page)


def test_each_page_of_the_application_is_looked_at(sqlite_app: Flask) -> None:
    views = {
        rule.endpoint for rule in sqlite_app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint.split(".")[0].split("_")[0] not in ("api", "ops", "ingest")
    }
    assert views - PARTS == PAGES.keys()


@pytest.mark.parametrize("address", ADDRESSES)
def test_page_can_be_used_by_everybody(told: Server, page: Page, address: str, event_path: str) -> None:
    for scheme, (width, height) in LOOKS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        visit(page, told, address, event_path)
        page.evaluate("for (const each of document.querySelectorAll('main.page details')) each.open = true")
        assert serious_findings(page) == [], scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= width, scheme


@pytest.mark.parametrize("address", FIRST)
def test_keys_reach_everything_and_show_where_they_are(
    told: Server, page: Page, address: str, event_path: str
) -> None:
    visit(page, told, address, event_path)
    page.evaluate(f"wanted = new Set({REACHABLE}); unseen = []; {NOTE_FOCUS}")
    for _ in range(page.evaluate("wanted.size") + 5):
        page.keyboard.press("Tab")
    assert page.evaluate("unseen") == []
    assert page.evaluate("[...wanted].map(each => each.outerHTML.slice(0, 90))") == []


@pytest.mark.parametrize("address", FIRST)
def test_back_returns_to_the_page(told: Server, page: Page, address: str, event_path: str) -> None:
    visit(page, told, address, event_path)
    before = page.url, page.get_by_role("heading", level=1).inner_text()
    page.locator(LEADS_AWAY).or_(page.locator(".logo")).last.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("before => location.href !== before", arg=before[0])
    page.go_back()
    page.wait_for_url(before[0])
    assert (page.url, page.get_by_role("heading", level=1).inner_text()) == before
    expect(page.locator("#panel:visible")).to_have_count(0)
