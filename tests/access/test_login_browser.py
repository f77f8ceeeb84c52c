"""The login in a real browser: in, out, and what happens to an open page when the session ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from audit_webhook.config import Config
from audit_webhook.context import context_of
from tests.browser import await_picture
from tests.conftest import Server
from tests.factories import audit_event, event_list
from tests.readers import PASSWORD, add_user

TOKEN = "t0ken"


@pytest.fixture
def production(sqlite_config: Config, tmp_path: Path) -> Iterator[Server]:
    """A server in production with one event and one administrator."""
    users = tmp_path / "users"
    add_user(users, "alice", "admin")
    running = Server(
        replace(sqlite_config, environment="production", webhook_token=TOKEN, ui_users_file=str(users))
    )
    headers = {"Authorization": f"Bearer {TOKEN}"}
    running.app.test_client().post("/webhook/audit/prod", data=event_list([audit_event()]), headers=headers)
    yield running
    running.stop()


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.fill("#name", "alice")
    page.fill("#password", password)
    page.press("#password", "Enter")


def end_all_sessions(server: Server) -> None:
    store = context_of(server.app).readers.store
    for session in store.sessions():
        store.delete_session(session.id)


def test_reader_logs_in_reads_and_logs_out_without_leaving_anything_behind(production: Server, page: Page) -> None:
    page.goto(f"{production.url}/?q=user:alice")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    log_in(page, "a-wrong-password")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    log_in(page)
    expect(page).to_have_url(f"{production.url}/?q=user:alice")
    expect(page.locator(".row")).to_have_count(1)
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("link", name="alice", exact=True).first.click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.locator(".row")).to_have_count(0)
    assert [cookie.get("name") for cookie in page.context.cookies()] == ["device"], "it lets nobody in"


def test_ended_session_takes_an_open_page_to_the_login_and_back(production: Server, page: Page) -> None:
    page.goto(f"{production.url}/login?next=/%3Fq%3D")
    log_in(page)
    expect(page.locator(".row")).to_have_count(1)
    await_picture(page)  # it would go to the login before the click
    end_all_sessions(production)
    page.locator(".row .line a:not(.aside)").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page.locator(".row")).to_have_count(0)
    log_in(page)
    expect(page.get_by_text("alice").first).to_be_visible()
    assert page.url.startswith(f"{production.url}/") and "/login" not in page.url


def test_ended_session_takes_a_live_page_to_the_login(production: Server, page: Page) -> None:
    page.goto(f"{production.url}/login?next=/%3Fq%3D")
    log_in(page)
    expect(page.locator(".row")).to_have_count(1)
    page.click("#live")
    end_all_sessions(production)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=15_000)


def test_token_is_made_shown_once_and_revoked(production: Server, page: Page) -> None:
    page.goto(f"{production.url}/login?next=/account")
    log_in(page)
    page.fill("input[name=label]", "nightly report")
    page.get_by_role("button", name="Create token").click()
    expect(page.locator("#fresh")).to_contain_text("audit_")
    page.goto(f"{production.url}/account")
    expect(page.locator("#fresh")).to_have_count(0)
    page.locator("summary", has_text="Revoke").click()
    expect(page.get_by_text("Programs with this token can no longer read.")).to_be_visible()
    page.get_by_role("button", name="Revoke nightly report now").click()
    expect(page.get_by_text("nightly report")).to_have_count(0)
    page.goto(f"{production.url}/readers")
    expect(page.get_by_text("access.issue_token").first).to_be_visible()


def test_other_site_s_form_does_nothing(production: Server, page: Page) -> None:
    page.goto(f"{production.url}/login?next=/%3Fq%3D")
    log_in(page)
    expect(page.locator(".row")).to_have_count(1)
    evil = production.url.replace("127.0.0.1", "localhost")
    form = f'<form action="{production.url}/logout" method="post"><button>Win</button></form>'
    page.route(f"{evil}/evil", lambda route: route.fulfill(content_type="text/html", body=form))
    page.goto(f"{evil}/evil")
    page.get_by_role("button", name="Win").click()
    expect(page.get_by_text("403")).to_be_visible()
    assert len(context_of(production.app).readers.store.sessions()) == 1


@pytest.mark.parametrize("header", ["X-Auth-Request-User", "X_Auth_Request_User", "x_auth_request_user"])
def test_forged_header_counts_for_nothing_on_the_wire(
    sqlite_config: Config, tmp_path: Path, header: str
) -> None:
    add_user(tmp_path / "users", "alice", "admin")
    server = Server(replace(
        sqlite_config, environment="production", webhook_token=TOKEN, ui_users_file=str(tmp_path / "users"),
        auth_proxy_peers="192.0.2.1", auth_proxy_user_header="X-Auth-Request-User",
        auth_proxy_secret_header="X-Auth-Proxy-Secret", auth_proxy_secret="s" * 32,
    ))
    try:
        with socket.create_connection(("127.0.0.1", server.config.http_port), 10) as connection:
            forged = f"{header}: alice\r\nX-Auth-Proxy-Secret: {'s' * 32}\r\n"
            request = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n{forged}\r\n"
            connection.sendall(request.encode())
            assert connection.recv(64).startswith(b"HTTP/1.1 401")
    finally:
        server.stop()
