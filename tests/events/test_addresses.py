"""A login leads to pages of this application alone, and takes no password that others on the way could read."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask

from audit_webhook.context import context_of
from audit_webhook.web.redirects import own_address
from tests.readers import FORM, PASSWORD, add_user


@pytest.fixture
def app(make_production: Callable[..., Flask]) -> Flask:
    """An application in production."""
    return make_production()


FIRST: Final = (
    "", "/", "//", "\\", "/\\", "\\/", "\t", "\r\n", " ", "\x00", "\x0b", "\x1f", "\x7f", "\x85", "\xa0", "\u2028",
    "\u3000", "\uff0f", "\u2044", "\u29f8", "\ufe68", "\uff3c", "%2f", "%5c", "%09", "%20", "%252f", "http:", "https:",
    "HTTP://", "javascript:", "data:", "@",
    "//@", ".", "..", "/..", "/.", ";", "?", "#", "x", "\u200b", "\ufeff", "evil@",
)


def test_no_address_leads_to_another_host(sqlite_app: Flask) -> None:
    chosen = random.Random(14)
    with sqlite_app.test_request_context():
        for _ in range(20_000):
            text = "".join(chosen.choices(FIRST, k=chosen.randint(1, 5))) + "evil.example/x"
            address = own_address(text)
            assert address == "/" or not urlsplit(address).netloc and address[:2] in ("/?", "/#"), (text, address)


@pytest.mark.parametrize("given", [
    "/ /evil.example", "/\x01/evil.example", "/\x1f/evil.example/a?b=1", "/\t/evil.example", "/\r\n/evil.example",
    "/%20/evil.example", "/%2f/evil.example", "/\\evil.example", "/%5cevil.example", "\u00a0//evil.example", "/nowhere",
])
def test_login_and_scripts_are_led_nowhere_else(app: Flask, given: str) -> None:
    add_user(context_of(app).readers.users.path, "root", "admin")
    client = app.test_client()
    data = {"name": "root", "password": PASSWORD, "next": given}
    address = "/login?next=" + quote(given)
    assert 'name="next" value="/"' in client.get(address).get_data(as_text=True)
    sent = given.encode("ascii", "ignore").decode().translate({10: "", 13: ""})
    headers = {"HX-Request": "true", "HX-Current-URL": sent}
    assert client.get("/feed/live", headers=headers).headers["HX-Redirect"] == "/login?next=%2F"
    assert client.post("/login", data=data, headers=FORM).headers["Location"] == "/"
    assert client.get(address).headers["Location"] == "/"


def test_own_page_is_where_the_login_leads_back_to(app: Flask) -> None:
    client = app.test_client()
    for page in ("/?q=user%3Aalice%20verb%3Aget", "/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/objects/a/core/pods/b/c%2Fd"):
        script = client.get("/feed/live", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost" + page})
        assert script.headers["HX-Redirect"] == "/login?next=" + quote(page, safe="")
    live_script = {"Sec-Fetch-Dest": "empty", "Referer": "http://localhost/?q=a"}
    assert client.get("/feed/live?q=a", headers=live_script).headers["HX-Redirect"] == "/login?next=%2F%3Fq%3Da"


@pytest.mark.parametrize(("headers", "peer", "status"), [
    ({}, "127.0.0.1", 303), ({"Origin": "http://127.0.0.1:8080"}, "127.0.0.1", 303),
    ({"Origin": "http://audit.example"}, "127.0.0.1", 403), ({}, "10.0.0.1", 403),
    ({"X-Forwarded-For": "10.0.0.1"}, "127.0.0.1", 403), ({"X-Forwarded-Proto": "http"}, "127.0.0.1", 403),
    ({"Forwarded": "for=10.0.0.1"}, "127.0.0.1", 403), ({"Via": "1.1 proxy"}, "127.0.0.1", 403),
    ({"X-Real-IP": "10.0.0.1"}, "127.0.0.1", 403),
    ({"Origin": "https://audit.example", "X-Forwarded-For": "10.0.0.1"}, "10.0.0.1", 303),
])
def test_password_behind_a_proxy_that_names_this_machine_is_taken_over_https_alone(
    app: Flask, headers: dict[str, str], peer: str, status: int
) -> None:
    add_user(context_of(app).readers.users.path, "alice")
    answer = app.test_client().post(
        "/login", data={"name": "alice", "password": PASSWORD}, base_url="http://127.0.0.1:8080",
        headers={"Sec-Fetch-Site": "same-origin", **headers}, environ_overrides={"REMOTE_ADDR": peer},
    )
    assert answer.status_code == status
