"""Who reads cannot become somebody else, or learn from headers and tokens what others do."""

from __future__ import annotations

import base64
import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from audit_webhook.access.authentication import TOKEN_PREFIX, Presented, hash_of
from audit_webhook.access.keys import AccessKey, open_access_key
from audit_webhook.access.tokens import BLOCK, TokenSealer
from audit_webhook.access.users import NO_PASSWORD, User, UsersFile
from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.context import context_of, now
from audit_webhook.errors import InvalidParameter
from audit_webhook.search import feed
from audit_webhook.storage.access_store import Session, Token
from audit_webhook.storage.scope import Scope
from tests.factories import audit_event, event_list
from tests.readers import FORM, PASSWORD, add_user, form_token, logged_in

SENDER: Final = {"Authorization": "Bearer t"}
SHOP: Final = Scope(frozenset({"prod"}), frozenset({"shop"}))


@pytest.fixture
def app(make_production: Callable[..., Flask]) -> Flask:
    """An application in production."""
    return make_production()


def send(app: Flask, *namespaces: str, cluster: str = "prod", seconds: float = 0) -> None:
    events = [
        audit_event(seconds + number, objectRef={"resource": "pods", "namespace": place, "name": f"pod-{number}"})
        for number, place in enumerate(namespaces)
    ]
    answer = app.test_client().post(f"/webhook/audit/{cluster}", data=event_list(events), headers=SENDER)
    assert answer.status_code == 200


def with_cookie(app: Flask, cookie: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie("session", cookie)
    return client


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def execute(app: Flask, statement: str, *parameters: object) -> None:
    with context_of(app).repository.database.write() as cursor:
        cursor.execute(statement if context_of(app).config.db_host else statement.replace("%s", "?"), parameters)


def test_session_that_was_written_into_the_database_counts_for_nothing(app: Flask) -> None:
    add_user(context_of(app).readers.users.path, "root", "admin")
    store, moment = context_of(app).readers.store, context_of(app).clock()
    for number, mac in enumerate((b"\0" * 32, hash_of("x"), b"\xff" * 32)):
        store.insert_session(Session(hash_of(f"x{number}"), "root", False, moment, moment + 10**12, "10.0.0.1", mac))
        assert with_cookie(app, f"x{number}").get("/readers").status_code == 303


@pytest.mark.parametrize("change", ["username = 'root'", "made = made + 3600000000", "is_secure = 1"])
def test_changed_session_counts_for_nothing(app: Flask, change: str) -> None:
    root, eve = logged_in(app), logged_in(app, "eve", "viewer")
    assert root.get("/readers").status_code == eve.get("/").status_code == 200
    execute(app, f"UPDATE reader_sessions SET {change} WHERE username = %s", "eve")
    assert eve.get("/").status_code == eve.get("/readers").status_code == 303
    assert with_cookie(app, cookie_of(eve)).get("/api/v1/events").status_code == 401
    assert root.get("/readers").status_code == 200


def issue(client: FlaskClient) -> dict[str, str]:
    data = {"label": "x", "days": "30", "form_token": form_token(client)}
    page = client.post("/account/tokens", data=data, headers=FORM).get_data(as_text=True)
    return {"Authorization": "Bearer " + page.split('id="fresh"')[1].split(">")[1].split("<")[0]}


@pytest.mark.parametrize("change", ["username = 'root'", "ends = ends + 1", "made = made + 1"])
def test_changed_api_token_counts_for_nothing(app: Flask, change: str) -> None:
    logged_in(app)
    bearer = issue(logged_in(app, "eve", "viewer"))
    assert app.test_client().get("/api/v1/events", headers=bearer).status_code == 200
    execute(app, f"UPDATE reader_tokens SET {change}")
    assert app.test_client().get("/api/v1/events", headers=bearer).status_code == 401


def test_api_token_that_was_written_into_the_database_counts_for_nothing(app: Flask) -> None:
    add_user(context_of(app).readers.users.path, "root", "admin")
    text = TOKEN_PREFIX + "x" * 43
    moment = context_of(app).clock()
    token = Token(hash_of(text), "root", "x", moment, moment + 10**13, 0, b"\0" * 32)
    context_of(app).readers.store.insert_token(token)
    assert app.test_client().get("/api/v1/events", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_processes_with_the_same_settings_have_one_key(tmp_path: Path, sqlite_config: Config) -> None:
    basis = replace(sqlite_config, environment="production")
    users = replace(basis, ui_users_file=str(tmp_path / "users.txt"))
    evidence = replace(users, evidence_key_file=str(tmp_path / "evidence.key"))
    keys = {}
    for name, config in {
        "file": users, "evidence": evidence, "setting": replace(evidence, secret_key="s" * 40),
        "other setting": replace(evidence, secret_key="t" * 40),
    }.items():
        keys[name] = open_access_key(config).derive("x")
        assert open_access_key(config).derive("x") == keys[name] != open_access_key(config).derive("y")
    assert len(set(keys.values())) == 4
    assert (tmp_path / "users.txt.key").stat().st_mode & 0o777 == 0o600


def test_without_a_place_for_a_key_the_log_says_that_logins_end(
    tmp_path: Path, sqlite_config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(sqlite_config, environment="production", ui_users_file=str(tmp_path / "missing" / "users.txt"))
    assert open_access_key(config).derive("x") != open_access_key(config).derive("x")
    assert "readers are logged out when this process ends" in caplog.text


def live_token(page: str) -> str:
    return page.split('data-live="')[1].split('"')[0]


def live(client: FlaskClient, token: str) -> int:
    return client.get("/feed/live", query_string={"show": "events", "q": "", "after": token}).status_code


def test_live_token_is_worth_something_to_its_reader_and_for_some_minutes(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve, bob = logged_in(app, "eve", "viewer"), logged_in(app, "bob", "viewer", SHOP)
    token = live_token(eve.get("/").get_data(as_text=True))
    assert live(eve, token) == 200 and live(bob, token) == 400
    parts = context_of(app)
    later = parts.clock() + feed.LIVE_LIFETIME + 1
    monkeypatch.setitem(app.extensions, "audit_webhook", replace(parts, clock=lambda: later))
    assert live(eve, token) == 400


def test_no_live_token_of_one_s_own_making_is_taken(app: Flask) -> None:
    for number in range(5):
        send(app, "bank", seconds=number)
    eve = logged_in(app, "eve", "viewer")
    token = live_token(eve.get("/").get_data(as_text=True))
    streams = context_of(app).repository.positions(0)
    for made, position in itertools.product((0, 1, 2**62, 2**63, 2**64 - 1), (0, 2**63, 2**64 - 1)):
        content = msgspec.msgpack.encode([made, dict.fromkeys(streams, position)])
        assert live(eve, base64.urlsafe_b64encode(content).decode().rstrip("=")) == 400
    changed = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    for forged in ("", "x", "\u00e9" * 9, token[:-4], token[1:], changed, token * 2, "A" * 99_999):
        assert live(eve, forged) == 400


def test_numbers_of_a_live_position_are_bounded(sqlite_app: Flask) -> None:
    for made, position in ((2**64 - 1, 0), (0, 2**64 - 1), (-1, 0), (0, -1)):
        content = msgspec.msgpack.encode([made, {b"12345678": position}])
        with pytest.raises(InvalidParameter):
            feed.news(context_of(sqlite_app).repository, "", base64.urlsafe_b64encode(content).decode(), now())


def test_live_token_says_nothing_of_others(app: Flask) -> None:
    bob = logged_in(app, "bob", "viewer", SHOP)
    send(app, "shop")
    first = live_token(bob.get("/").get_data(as_text=True))
    for number in range(200):
        send(app, "bank", cluster="staging", seconds=number)
    second = live_token(bob.get("/").get_data(as_text=True))
    assert len(first) == len(second) and first != second
    with app.test_request_context("/"):
        g.reader = context_of(app).readers.identify(Presented("127.0.0.1", cookie=cookie_of(bob)), now())
        assert list(context_of(app).repository.positions(0).values()) == [1]


def test_sealed_token_hides_content_and_length() -> None:
    sealer = TokenSealer(AccessKey(b"k" * 32), "test", 10**9)
    sealed = {text: sealer.seal("eve", text, 5 * 10**9) for text in ("", "a", "a" * (BLOCK - 9))}
    assert len({len(token) for token in sealed.values()}) == 1
    for text, token in sealed.items():
        assert sealer.open("eve", token, 5 * 10**9) == text
        for letter, purpose in ((b"k", "other"), (b"j", "test")):
            other = TokenSealer(AccessKey(letter * 32), purpose, 10**9)
            with pytest.raises(InvalidParameter):
                other.open("eve", token, 5 * 10**9)
        for reader, moment in (("bob", 5 * 10**9), ("eve", 7 * 10**9), ("eve", 4 * 10**9)):
            with pytest.raises(InvalidParameter):
                sealer.open(reader, token, moment)


def test_oldest_moment_of_an_export_is_that_of_the_reader_s_own_events(app: Flask) -> None:
    day = 86_400
    send(app, "shop", seconds=-2 * day)
    for ago in (9.3, 5.2, 4.1, 1.7):
        send(app, "bank", seconds=-ago * day)
        send(app, "shop", cluster="staging", seconds=-ago * day)
    send(app, "bank", "shop", seconds=-day)
    bob = logged_in(app, "bob", "viewer", SHOP)
    oldest = {bob.get("/api/v1/export", buffered=True).headers["X-Oldest"]}
    assert oldest == {"2026-11-21T00:00:00.000000Z"}, oldest
    for since in ("2026-11-01", "2026-11-18T19:12:01.5Z", "2026-11-22T10:00:00Z"):
        answer = bob.get("/api/v1/export", query_string={"q": f"since:{since}"}, buffered=True)
        assert answer.headers["X-Oldest"].startswith(since.removesuffix("Z"))


def test_picture_is_continued_by_its_reader_alone(app: Flask) -> None:
    send(app, *["bank"] * 300)
    pictures = context_of(app).pictures
    drawn = pictures.draw("body:pods", "verb", now(), 0, "root")
    assert drawn.token and pictures.refine(drawn.token, 0, "bob") is None
    refined = pictures.refine(drawn.token, 5, "root")
    assert refined is not None and refined.total == 300


def test_two_changes_of_the_users_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    UsersFile(path).write([User("mallory", "viewer", Scope(), 0, NO_PASSWORD)])
    adding = [["add", f"new{number}", "--no-password"] for number in range(8)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "audit_webhook", "user", *words], cwd=tmp_path, stdout=subprocess.PIPE,
            env={"UI_USERS_FILE": str(path), "PYTHONPATH": str(Path(__file__).parents[2]), "WEBHOOK_TOKEN": "t"},
        )
        for words in (*adding[:4], ["remove", "mallory"], *adding[4:])
    ]
    assert [process.communicate() and process.returncode for process in running] == [0] * 9
    assert set(UsersFile(path).users()) == {f"new{number}" for number in range(8)}
    assert not re.search("mallory", path.read_text())


def test_password_is_asked_before_the_users_are_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "users.txt"
    monkeypatch.setenv("UI_USERS_FILE", str(path))
    UsersFile(path).write([User("mallory", "viewer", Scope(), 0, NO_PASSWORD)])

    def think(prompt: str) -> str:
        UsersFile(path).change(lambda users: users.pop("mallory", None) and None)
        return PASSWORD

    monkeypatch.setattr("getpass.getpass", think)
    assert main(["user", "add", "root"]) == 0
    assert set(UsersFile(path).users()) == {"root"}
