"""The pages of objects, actors and permissions in a real browser: what leads from one to another."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.conftest import Server
from tests.explore.test_objects import WEB, change, deployment
from tests.search.test_browser import event_of, load_sample, post


def store_life(server: Server) -> None:
    """Store three changes of one object."""
    post(
        server, change(1, "create", deployment()), change(2, response=deployment("2"), user={"username": "bob"}),
        change(3, "delete", {"kind": "Status"}, user={"username": "mallory"}),
    )


def test_line_of_the_manifest_leads_to_the_change_that_set_it(server: Server, page: Page) -> None:
    store_life(server)
    page.goto(server.url + WEB)
    page.locator(".blame li", has_text='image: "2"').get_by_role("link", name="bob").click()
    assert page.url.endswith("#change-2")
    target = page.locator("#change-2")
    expect(target).to_be_in_viewport()
    expect(target.locator("ins")).to_have_text('+ image: "2"', use_inner_text=False)
    expect(target.locator("del")).to_contain_text('image: "1"')


def test_who_deleted_it_is_three_steps_away(server: Server, page: Page) -> None:
    store_life(server)
    post(server, *(event_of(f"user-{number:02}") for number in range(20)))
    page.goto(f"{server.url}/?q=")
    page.keyboard.press("/")
    page.keyboard.type("name:web")
    page.keyboard.press("Enter")
    row = page.locator(".row", has_text="mallory")
    row.hover()
    row.get_by_title("History of this object").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("web")
    expect(page.locator(".change").first).to_contain_text("mallory deleted deployment web")
    page.go_back()
    expect(page.locator(".row")).to_have_count(3)


def test_history_opens_at_the_change_that_it_was_asked_from(server: Server, page: Page) -> None:
    store_life(server)
    post(server, *(change(4 + number, response=deployment(str(number))) for number in range(20)))
    page.goto(f"{server.url}/?q=user:bob")
    page.locator(".row .line a:not(.aside)").click()
    page.locator("#panel").get_by_role("link", name="History").click()
    expect(page.locator("#change-2")).to_be_in_viewport()
    marked = page.locator(".change:has(> :target)")
    expect(marked).to_have_attribute("id", "change-2")
    page.wait_for_function("scrollY > 0")


def test_links_of_a_row_lead_away_and_the_row_itself_opens(server: Server, page: Page) -> None:
    store_life(server)
    page.goto(f"{server.url}/?q=")
    page.locator(".row", has_text="bob").get_by_title("All about this person").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("bob")
    page.go_back()
    page.locator(".row", has_text="bob").locator(".line").click()
    panel = page.locator("#panel")
    expect(panel.locator(".event-title")).to_contain_text("bob")
    panel.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("web")


def test_pages_are_used_with_the_keyboard_alone(server: Server, page: Page) -> None:
    load_sample(server)
    page.goto(f"{server.url}/permissions?cluster=prod")
    summary = page.locator(".binding summary").last
    summary.focus()
    page.keyboard.press("Enter")
    user = page.locator(".binding").last.get_by_role("link").first
    expect(user).to_be_visible()
    page.keyboard.press("Tab")
    expect(user).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="When")).to_be_visible()
    page.get_by_role("link", name="Least privilege").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#roles")).to_contain_text("kind: ")
    page.go_back()
    expect(page.get_by_role("heading", name="When")).to_be_visible()


def test_pages_are_read_without_javascript(server: Server, browser: Browser) -> None:
    store_life(server)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url + WEB)
    expect(page.locator("#change-2 ins")).to_be_visible()
    page.goto(f"{server.url}/permissions/needs?cluster=prod&user=bob&since=all")
    expect(page.locator("#roles")).to_contain_text("kind: RoleBinding")
    context.close()
