"""Logging in and out, the proxy, API tokens, the users' command, and the record of what was read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.access import authentication as readers
from audit_webhook.access.passwords import hash_password, is_password
from audit_webhook.access.users import NO_PASSWORD, User, UsersFile
from audit_webhook.app import create_app
from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.errors import ConfigError, StoreUnavailable
from audit_webhook.storage.access_store import Reading
from audit_webhook.storage.scope import EVERYWHERE, Scope
from audit_webhook.storage.search_sql import LAST
from tests.factories import audit_event, event_list
from tests.readers import FORM, PASSWORD, add_user, form_token, kept_password, log_in, logged_in

SECRET: Final = "s" * 40
PROXY: Final = {
    "auth_proxy_peers": "127.0.0.1, 10.0.0.0/8", "auth_proxy_user_header": "X-Auth-Request-User",
    "auth_proxy_secret_header": "X-Auth-Proxy-Secret", "auth_proxy_secret": SECRET,
}
VOUCHED: Final = {"X-Auth-Request-User": "carol", "X-Auth-Proxy-Secret": SECRET}


@pytest.fixture
def make(engine: Config, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Makes applications in production."""
    made: list[Flask] = []

    def make_app(**settings: Any) -> Flask:
        basis = replace(engine, environment="production", webhook_token="t", ui_users_file=str(tmp_path / "users"))
        made.append(create_app(replace(basis, **settings)))
        return made[-1]

    yield make_app
    for app in made:
        app.extensions["workers"].stop()
        context_of(app).repository.close()


@pytest.fixture
def app(make: Callable[..., Flask]) -> Flask:
    """An application in production."""
    return make()


def cookie_of(client: FlaskClient, name: str = "session") -> str:
    cookie = client.get_cookie(name)
    assert cookie is not None
    return cookie.value


def test_cookie_is_kept_from_scripts_and_other_sites(app: Flask) -> None:
    add_user(context_of(app).readers.users.path, "alice")
    data = {"name": "alice", "password": PASSWORD, "next": "/?q=verb:get"}
    over_https = {**FORM, "Origin": "https://localhost"}
    plain = app.test_client().post("/login", data=data, headers=FORM)
    secure = app.test_client().post("/login", data=data, headers=over_https)
    assert plain.headers["Location"] == "/?q=verb:get" and plain.headers["Cache-Control"] == "no-store"
    assert plain.headers["Set-Cookie"].startswith("session=") and "HttpOnly" in plain.headers["Set-Cookie"]
    assert secure.headers["Set-Cookie"].startswith("__Host-session=")
    assert all(part in secure.headers["Set-Cookie"] for part in ("; Secure", "HttpOnly", "SameSite=Lax", "Path=/"))


def test_session_made_over_https_counts_under_its_own_name_alone(app: Flask) -> None:
    client = app.test_client()
    add_user(context_of(app).readers.users.path, "alice")
    assert log_in(client, "alice", Origin="https://localhost") == 303
    planted = app.test_client()
    planted.set_cookie("session", cookie_of(client, "__Host-session"))
    assert planted.get("/api/v1/events").status_code == 401


def test_password_over_plain_http_from_elsewhere_is_refused(app: Flask) -> None:
    add_user(context_of(app).readers.users.path, "alice")
    data = {"name": "alice", "password": PASSWORD}
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "http://audit.example"}
    answer = app.test_client().post("/login", data=data, headers=headers, base_url="http://audit.example")
    assert answer.status_code == 403 and "https" in answer.get_data(as_text=True)


def test_each_login_makes_a_new_session_and_ends_the_old_one(app: Flask) -> None:
    client = logged_in(app, "alice", "viewer")
    first = cookie_of(client)
    assert log_in(client, "alice") == 303 and cookie_of(client) != first
    old = app.test_client()
    old.set_cookie("session", first)
    assert old.get("/api/v1/events").status_code == 401


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("*", "-"), ("alice", "")])
def test_wrong_login_is_told_without_what_was_wrong(app: Flask, name: str, password: str) -> None:
    add_user(context_of(app).readers.users.path, "alice")
    answer = app.test_client().post("/login", data={"name": name, "password": password}, headers=FORM)
    assert answer.status_code == 401 and readers.WRONG in answer.get_data(as_text=True)
    assert password == "" or f'"{password}"' not in answer.get_data(as_text=True)


def test_new_password_ends_sessions_and_tokens(app: Flask) -> None:
    client = logged_in(app, "alice", "viewer")
    token = issue(client)
    file = context_of(app).readers.users
    file.write([User("alice", "viewer", EVERYWHERE, context_of(app).clock() + 1, kept_password())])
    assert client.get("/api/v1/events").status_code == 401
    assert app.test_client().get("/api/v1/events", headers=bearer(token)).status_code == 401


def issue(client: FlaskClient, label: str = "script") -> str:
    data = {"label": label, "days": "30", "form_token": form_token(client)}
    page = client.post("/account/tokens", data=data, headers=FORM).get_data(as_text=True)
    return page.split('id="fresh"')[1].split(">")[1].split("<")[0]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_api_token_reads_what_its_maker_may_and_changes_nothing(app: Flask) -> None:
    client = logged_in(app, "alice", "admin", Scope(frozenset({"prod"})))
    for cluster in ("prod", "staging"):
        app.test_client().post(f"/webhook/audit/{cluster}", data=event_list([audit_event()]), headers=bearer("t"))
    token = issue(client)
    program = app.test_client()
    events = program.get("/api/v1/events", headers=bearer(token)).get_json()["events"]
    assert [event["cluster"] for event in events] == ["prod"]
    assert program.get("/readers", headers=bearer(token)).status_code == 403
    assert program.post("/account/tokens", headers={**bearer(token), **FORM}).status_code == 403
    assert program.get("/api/v1/events", headers=bearer(token + "x")).status_code == 401


def test_api_token_is_shown_once_and_void_when_revoked(app: Flask) -> None:
    client = logged_in(app, "alice", "viewer")
    token = issue(client)
    page = client.get("/account").get_data(as_text=True)
    assert token not in page and "script" in page
    (kept,) = context_of(app).readers.store.tokens()
    assert token.encode() not in repr(kept).encode()
    other = logged_in(app, "mallory", "viewer")
    for who, status in ((other, 200), (client, 401)):
        data = {"id": kept.id.hex(), "form_token": form_token(who)}
        assert who.post("/account/tokens/revoke", data=data, headers=FORM).status_code == 303
        assert app.test_client().get("/api/v1/events", headers=bearer(token)).status_code == status


def test_administrator_ends_a_session(app: Flask) -> None:
    client, admin = logged_in(app, "alice", "viewer"), logged_in(app)
    (session,) = [each for each in context_of(app).readers.store.sessions() if each.username == "alice"]
    assert session.id.hex() in admin.get("/readers").get_data(as_text=True)
    data = {"id": session.id.hex(), "form_token": form_token(admin)}
    admin.post("/readers/sessions/revoke", data=data, headers=FORM)
    assert client.get("/api/v1/events").status_code == 401


def test_proxy_s_user_needs_address_secret_and_a_line(make: Callable[..., Flask], tmp_path: Path) -> None:
    client = make(**PROXY).test_client()
    assert client.get("/api/v1/events", headers=VOUCHED).status_code == 403
    UsersFile(tmp_path / "users").write([User("carol", "viewer", EVERYWHERE, 0, NO_PASSWORD)])
    assert client.get("/api/v1/events", headers=VOUCHED).status_code == 200
    forged = [
        {**VOUCHED, "X-Auth-Proxy-Secret": "wrong"}, {"X-Auth-Request-User": "carol"},
        {"X-Forwarded-User": "carol", "X-Auth-Proxy-Secret": SECRET}, {**VOUCHED, "X-Auth-Request-User": ""},
    ]
    assert {client.get("/api/v1/events", headers=headers).status_code for headers in forged} == {401}
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/api/v1/events", headers=VOUCHED, environ_overrides=elsewhere).status_code == 401
    assert log_in(client, "carol", "-") == 401


def test_everybody_s_line_lets_in_whom_the_proxy_vouches_for(make: Callable[..., Flask], tmp_path: Path) -> None:
    UsersFile(tmp_path / "users").write([User("*", "viewer", Scope(frozenset({"prod"})), 0, NO_PASSWORD)])
    client = make(**PROXY).test_client()
    page = client.get("/account", headers=VOUCHED).get_data(as_text=True)
    assert "carol" in page and "prod" in page
    token = page.split('name="form_token" value="')[1].split('"')[0]
    data = {"label": "x", "days": "30", "form_token": token}
    assert client.post("/account/tokens", data=data, headers={**VOUCHED, **FORM}).status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-User", "X-Auth-Request-User", "X-Remote-User", "Remote-User"])
def test_header_of_a_proxy_counts_for_nothing_without_one(app: Flask, header: str) -> None:
    add_user(context_of(app).readers.users.path, "root", "admin")
    assert app.test_client().get("/api/v1/events", headers={header: "root"}).status_code == 401


def test_half_a_proxy_is_a_mistake_and_no_secret_is_repeated() -> None:
    settings = {"WEBHOOK_TOKEN": "t", "AUTH_PROXY_PEERS": "10.0.0.1", "AUTH_PROXY_SECRET": SECRET}
    with pytest.raises(ConfigError, match="AUTH_PROXY_USER_HEADER, AUTH_PROXY_SECRET_HEADER: not set"):
        Config.from_env(settings)
    with pytest.raises(ConfigError, match="SECRET_KEY is too short") as caught:
        Config.from_env({"WEBHOOK_TOKEN": "t", "SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_what_was_read_is_recorded_and_shown_to_administrators(app: Flask) -> None:
    client = logged_in(app, "alice", "viewer")
    client.get("/?q=resource:secrets")
    assert client.get("/api/v1/export?q=user:bob&format=csv", buffered=True).status_code == 200
    client.get("/events/01ARZ3NDEKTSV4RRFFQ69G5FAV")
    page = client.get("/").get_data(as_text=True)
    token = page.split('data-live="')[1].split('"')[0]
    for _ in range(5):
        client.get("/feed/live", query_string={"q": "verb:get", "after": token})
    seen = logged_in(app).get("/readers?name=alice").get_data(as_text=True)
    for expected in ("/?q=resource:secrets", "export?q=user:bob", "/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "404"):
        assert expected in seen
    assert seen.count("ui.show_news") == 1 and PASSWORD not in seen


def test_reading_that_could_not_be_recorded_is_recorded_at_the_next_question(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = logged_in(app, "alice", "viewer"), context_of(app).readers.store
    insert = store.insert_reading

    def fail(reading: Reading) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "insert_reading", fail)
    assert client.get("/feed/picture?q=verb:get").status_code == 503
    monkeypatch.setattr(store, "insert_reading", insert)
    for _ in range(3):
        assert client.get("/feed/picture?q=verb:get").status_code == 200
    assert [each.target for each in store.readings_of("alice", LAST, 9)] == ["/feed/picture?q=verb:get"]


def test_expired_session_sends_scripts_and_people_to_the_login(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/events/1?x=y")
    assert (page.status_code, page.headers["Location"]) == (303, "/login?next=%2Fevents%2F1%3Fx%3Dy")
    script = client.get("/?cursor=1", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/?q=a"})
    assert (script.status_code, script.headers["HX-Redirect"]) == (401, "/login?next=%2F%3Fq%3Da")
    assert script.data == b"" and client.get("/api/v1/events").is_json


def test_trial_is_open_here_alone_and_says_so(sqlite_client: FlaskClient) -> None:
    assert "Development, no login" in sqlite_client.get("/").get_data(as_text=True)
    assert sqlite_client.get("/", base_url="http://rebound.example:8080").status_code == 403
    for host in ("127.0.0.1:8080", "localhost:9000", "[::1]:8080"):
        assert sqlite_client.get("/", base_url=f"http://{host}").status_code == 200


def test_development_that_others_reach_asks_for_a_login(make: Callable[..., Flask]) -> None:
    app = make(environment="development", http_host="0.0.0.0")
    assert app.test_client().get("/api/v1/events").status_code == 401


def test_password_is_stretched_and_salted() -> None:
    one, other = hash_password(PASSWORD), hash_password(PASSWORD)
    assert one != other and is_password(PASSWORD, one) and not is_password(PASSWORD + "x", one)
    assert one.startswith("scrypt$16384$8$5$") and not is_password(PASSWORD, "-")
    with pytest.raises(ValueError, match="12 to 1024"):
        hash_password("short")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, entered: str = "") -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(entered))
    return main(["user", *arguments])


def test_command_adds_changes_lists_and_removes_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "users"
    monkeypatch.setenv("UI_USERS_FILE", str(path))
    scope = ("--clusters", "prod", "--namespaces", "shop,bank")
    assert run(monkeypatch, "add", "alice", "--password-stdin", *scope, entered=f"{PASSWORD}\n") == 0
    assert path.stat().st_mode & 0o777 == 0o600 and PASSWORD not in path.read_text()
    first = UsersFile(path).users()["alice"]
    assert run(monkeypatch, "add", "alice", "--role", "admin") == 0
    assert UsersFile(path).users()["alice"] == first._replace(role="admin", scope=EVERYWHERE)
    assert run(monkeypatch, "passwd", "alice", "--password-stdin", entered="another-long-one\n") == 0
    assert UsersFile(path).users()["alice"].changed > first.changed
    assert run(monkeypatch, "list") == 0 and "alice  admin  clusters *" in capsys.readouterr().out
    assert run(monkeypatch, "remove", "alice") == 0 and run(monkeypatch, "remove", "alice") == 1
    for wrong in (("add", "a:b", "--no-password"), ("add", "*"), ("add", "x", "--no-password", "--clusters", "a b")):
        assert run(monkeypatch, *wrong) == 2
    assert UsersFile(path).users() == {}
