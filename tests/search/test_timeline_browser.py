"""The timeline in a real browser: looking closer by mouse and by keys, and ways there and back."""

from __future__ import annotations

import re
from typing import Literal

from playwright.sync_api import Browser, Page, expect

from tests.browser import serious_findings
from tests.conftest import Server
from tests.factories import audit_event
from tests.search.test_browser import post

RANGE = "since:2026-11-23T12:00:00Z until:2026-11-23T13:00:00Z"


def hour(server: Server) -> None:
    """Store an event every six minutes, each of another object."""
    for number in range(1, 10):
        place = {"resource": "configmaps", "namespace": "shop", "name": f"cm-{number}", "apiVersion": "v1"}
        post(server, audit_event(number * 360, verb="update", objectRef=place, user={"username": f"user-{number}"}))


def names(page: Page) -> list[str]:
    return sorted(page.locator(".lane .name > :first-child").all_inner_texts())


def test_dragging_looks_closer_and_zooming_out_comes_back(server: Server, page: Page) -> None:
    hour(server)
    page.goto(f"{server.url}/timeline?q={RANGE}")
    assert len(names(page)) == 9
    box = page.locator(".veil").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.locator(".lane .name")).to_have_count(3)
    assert names(page) == ["cm-3", "cm-4", "cm-5"]
    expect(page.locator("#q")).to_have_value(re.compile(r"^since:2026-11-23T12:1\d:\d\d\.\d{3}Z until:\S+Z$"))
    page.get_by_role("link", name="Zoom out").click()
    expect(page.locator(".lane .name")).to_have_count(6)


def test_keys_alone_choose_a_range(server: Server, page: Page) -> None:
    hour(server)
    page.goto(f"{server.url}/timeline?q={RANGE}")
    page.locator(".veil").focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".lane .name")).to_have_count(1)
    assert names(page) == ["cm-2"]


def test_feed_event_object_and_actor_lead_to_the_timeline_and_back(server: Server, page: Page) -> None:
    hour(server)
    page.goto(f"{server.url}/?q={RANGE}")
    page.get_by_role("main").get_by_role("link", name="Timeline").click()
    expect(page.locator(".lane .name")).to_have_count(9)
    page.locator(".marks a", has=page.locator("title", has_text="cm-4")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cm-4")
    page.go_back()
    page.get_by_role("link", name="cm-5", exact=True).click()
    page.get_by_role("link", name="Timeline", exact=True).last.click()
    expect(page.locator(".lane .name > :first-child")).to_have_text(["user-5"])
    page.locator(".lane .count").click()
    expect(page.locator(".row")).to_have_count(1)


def test_timeline_is_usable_in_every_look_and_reads_without_scripts(server: Server, browser: Browser) -> None:
    hour(server)
    for width in (1440, 390):
        scheme: Literal["light", "dark"] = "light" if width == 1440 else "dark"
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{server.url}/timeline?q={RANGE}&by=actor")
        assert serious_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/timeline?q={RANGE}")
    expect(page.locator("tbody tr")).to_have_count(9)
    expect(page.locator(".marks a")).to_have_count(9)
    context.close()


def test_many_events_open_quickly(server: Server, page: Page) -> None:
    post(server, *(audit_event(number / 4, user={"username": f"user-{number % 50}"}) for number in range(2_000)))
    page.goto(f"{server.url}/timeline?q={RANGE}&by=actor")
    expect(page.locator(".lane .name")).to_have_count(50)
    assert page.evaluate("document.querySelectorAll('*').length") < 12_000
