"""Search that helps, in a real browser: offers for bare words, several values of a field, recent searches, density."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import await_picture, serious_findings
from tests.conftest import Server
from tests.factories import audit_event
from tests.search.test_browser import event_of, load_sample, post, row_of

ACCOUNT = "system:serviceaccount:operators:myoperator"


def search(page: Page, text: str) -> None:
    """Type a query and send it."""
    page.fill("#q", text)
    page.press("#q", "Enter")


def test_pasted_ids_lead_to_their_event_whatever_its_age(server: Server, page: Page) -> None:
    post(server, audit_event(user={"username": "ancient"}, auditID="BA89B203-1537-4820-A35F-B939D19E3DF9".lower()))
    page.goto(server.url)
    search(page, "BA89B203-1537-4820-A35F-B939D19E3DF9")
    expect(row_of(page, "ancient")).to_have_count(1)
    identifier = str(row_of(page, "ancient").get_attribute("data-id"))
    page.goto(server.url)
    search(page, f" {identifier.lower()} ")
    expect(row_of(page, "ancient")).to_have_count(1)


@pytest.mark.parametrize(("typed", "found"), [
    ("deleted secret", "alice"), ("403", "bob"), ("user:operators/myoperator", "operators/myoperator"),
    ("nginx:1.30", "dave"), ("shop/web", "carol"), ("10.1.2.3", "erin"),
])
def test_what_people_write_is_offered_as_the_query_they_mean(
    server: Server, page: Page, typed: str, found: str
) -> None:
    secret = {"resource": "secrets", "namespace": "x", "name": "s", "apiVersion": "v1"}
    place = {"resource": "configmaps", "namespace": "shop", "name": "web", "apiVersion": "v1"}
    other = {"objectRef": {**place, "namespace": "y", "name": "z"}, "requestURI": "/x", "sourceIPs": ["10.9.9.9"]}
    body = {"requestObject": {"spec": {"image": "nginx:1.30"}}, "level": "Request", "verb": "update"}
    post(
        server, event_of("alice", verb="delete", **{**other, "objectRef": secret}),
        event_of("bob", responseStatus={"code": 403}, **other), event_of(ACCOUNT, **other),
        event_of("dave", **other, **body), event_of("carol", **{**other, "objectRef": place}),
        event_of("erin", **{**other, "sourceIPs": ["10.1.2.3"]}),
    )
    page.goto(server.url)
    search(page, typed)
    page.locator("#suggestion").click()
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator(".row")).to_contain_text(found)
    expect(page.locator("#suggestion")).to_have_count(0)


def test_filters_take_several_values_of_a_field_and_give_them_up_again(server: Server, page: Page) -> None:
    post(server, event_of("alice"), event_of("bob"), event_of(ACCOUNT), event_of("carol"))
    page.goto(f"{server.url}/?q=")
    actors = page.locator("#facets section", has_text="Actor")
    for name in ("alice", "operators/myoperator", "bob"):
        await_picture(page)
        actors.locator(".choose", has_text=name).click()
    expect(page.locator("#q")).to_have_value(f'user:(alice or "{ACCOUNT}" or bob)')
    expect(page.locator(".row")).to_have_count(3)
    await_picture(page)
    expect(actors.locator(".is-on")).to_have_count(3)
    expect(actors.locator("li")).to_have_count(4)
    actors.locator(".choose", has_text="alice").click()
    await_picture(page)
    actors.locator(".choose", has_text="bob").click()
    expect(page.locator("#q")).to_have_value(f"user:{ACCOUNT}")
    await_picture(page)
    actors.locator(".choose", has_text="myoperator").click()
    expect(page.locator("#q")).to_have_value("")
    await_picture(page)
    expect(page.locator("#facets section", has_text="Address")).to_contain_text("10.20.4.17")


def test_long_lists_of_values_can_be_searched(server: Server, page: Page) -> None:
    post(server, *(event_of(f"user-{number:02}", -number) for number in range(30)))
    page.goto(f"{server.url}/?q=")
    await_picture(page)
    actors = page.locator("#facets section", has_text="Actor")
    actors.locator("summary").click()
    page.get_by_label("Find in Actor").fill("-27")
    expect(actors.locator("li:visible")).to_have_count(1)
    assert serious_findings(page) == []
    actors.locator("li:visible .choose").click()
    expect(page.locator(".row")).to_have_count(1)


def test_recent_searches_are_in_the_menu_newest_first(server: Server, page: Page) -> None:
    post(server, event_of("alice"))
    for text in ("user:alice", "user:(", "verb:get", "since:1h", "user:alice"):
        page.goto(f"{server.url}/?q={text}")
    page.goto(server.url)
    page.locator("summary", has_text="Views").click()
    expect(page.locator("#recent a")).to_have_text(["user:alice", "verb:get"])
    page.locator("#recent a").last.click()
    expect(page.locator("#q")).to_have_value("verb:get")


def test_compact_rows_are_many_on_a_screen_and_stay_so(server: Server, browser: Browser) -> None:
    load_sample(server)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{server.url}/?q=&show=events")
    await_picture(page)
    page.get_by_role("button", name="Compact").click()
    page.reload()
    await_picture(page)
    seen = "rows => rows.filter(row => row.getBoundingClientRect().bottom <= innerHeight).length"
    assert page.locator(".row").evaluate_all(seen) >= 28
    assert serious_findings(page) == []
    page.get_by_role("button", name="Compact").click()
    expect(page.locator("html")).not_to_have_attribute("data-density", "compact")
    context.close()
