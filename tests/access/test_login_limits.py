"""Passwords cannot be guessed quickly, whoever asks how, and whoever guesses locks nobody else out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.access import authentication as readers
from audit_webhook.access.login_limits import TRIES, TRIES_OF_A_NAME, WINDOW, network_of
from audit_webhook.context import context_of
from tests.readers import FORM, PASSWORD, add_user, kept_password, log_in

PROXY: Final = "10.9.9.9"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare unknown names at the low cost of the tests' users."""
    monkeypatch.setattr(readers, "UNKNOWN", kept_password())


@pytest.fixture
def app(make_production: Callable[..., Flask]) -> Flask:
    """An application behind a trusted proxy."""
    app = make_production(trusted_proxies=f"{PROXY}, 127.0.0.1")
    add_user(context_of(app).readers.users.path, "alice")
    return app


def guess(app: Flask, address: str, name: str = "alice", password: str = "wrong", peer: str = PROXY) -> int:
    return app.test_client().post(
        "/login", data={"name": name, "password": password}, environ_overrides={"REMOTE_ADDR": peer},
        headers={**FORM, "Origin": "https://localhost", "X-Forwarded-For": address},
    ).status_code


@pytest.mark.parametrize("replicas", [1, 2])
def test_sixty_guesses_at_once_compare_at_most_ten_passwords(
    make_production: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, replicas: int
) -> None:
    apps = [make_production() for _ in range(replicas)]
    add_user(context_of(apps[0]).readers.users.path, "alice")
    compared: list[str] = []

    def compare(password: str, kept: str) -> bool:
        compared.append(password)
        time.sleep(0.02)
        return False

    monkeypatch.setattr(readers, "is_password", compare)
    statuses: list[int] = []

    def attempt(number: int) -> None:
        for _ in range(4):
            client = apps[number % replicas].test_client()
            statuses.append(log_in(client, "alice", f"wrong {number}"))

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(compared) <= TRIES and statuses.count(401) == len(compared)
    assert set(statuses) == {401, 429} and len(statuses) == 240


def test_guessing_is_stopped_even_with_the_right_password_until_the_time_is_over(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = app.test_client()
    assert [log_in(client, "alice", "wrong") for _ in range(TRIES)] == [401] * TRIES
    answer = client.post("/login", data={"name": "alice", "password": PASSWORD}, headers=FORM)
    assert answer.status_code == 429 and 0 < int(answer.headers["Retry-After"]) <= WINDOW // 1_000_000
    assert "Too many failed attempts" in answer.get_data(as_text=True)
    parts = context_of(app)
    monkeypatch.setitem(app.extensions, "audit_webhook", replace(parts, clock=lambda: parts.clock() + WINDOW + 1))
    assert log_in(client, "alice") == 303


def test_guesses_lock_nobody_else_out(app: Flask) -> None:
    add_user(context_of(app).readers.users.path, "bob")
    statuses = [guess(app, "192.0.2.1", f"name{number}") for number in range(60)]
    assert statuses == [401] * 60
    assert [guess(app, "192.0.2.1") for _ in range(40)].count(401) == TRIES
    assert guess(app, "192.0.2.1", "alice", PASSWORD) == 429
    assert guess(app, "192.0.2.1", "bob", PASSWORD) == 303, "the same address, another name"
    assert guess(app, "192.0.2.2", "alice", PASSWORD) == 303, "the same name, another address"


def test_without_trusted_proxies_thirty_wrong_logins_behind_one_lock_nobody_out(
    make_production: Callable[..., Flask]
) -> None:
    app = make_production()
    for name in ("alice", "bob"):
        add_user(context_of(app).readers.users.path, name)
    for number in range(60):
        guess(app, f"192.0.2.{number}", "bob" if number < 30 else f"name{number}")
    assert guess(app, "192.0.2.99", "alice", PASSWORD) == 303
    assert guess(app, "192.0.2.99", "bob", PASSWORD) == 429, "a header of nobody that is trusted counts for nothing"


def test_browser_that_logged_in_before_is_not_locked_out_by_guesses(app: Flask) -> None:
    browser = app.test_client()
    assert log_in(browser, "alice") == 303
    browser.delete_cookie("session")
    other = app.test_client()
    for _ in range(TRIES):
        log_in(other, "alice", "wrong")
    assert log_in(other, "alice") == 429 and log_in(browser, "alice") == 303
    assert [log_in(browser, "alice", "wrong") for _ in range(TRIES + 2)] == [401] * TRIES + [429] * 2


def device_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("device")
    assert cookie is not None
    return cookie.value


def test_device_cookie_counts_for_its_own_name_alone(app: Flask) -> None:
    add_user(context_of(app).readers.users.path, "bob")
    browser = app.test_client()
    assert log_in(browser, "bob") == 303
    for _ in range(TRIES):
        log_in(app.test_client(), "alice", "wrong")
    for forged in (device_of(browser), "", ".", "x." + "0" * 64, "x.\u00e9", device_of(browser).split(".")[0] + "."):
        client = app.test_client()
        client.set_cookie("device", forged)
        assert log_in(client, "alice") == 429, forged


def test_a_name_is_tried_a_hundred_times_from_all_addresses_and_no_address_uses_that_up(app: Flask) -> None:
    assert [guess(app, "192.0.2.1") for _ in range(3 * TRIES_OF_A_NAME)].count(401) == TRIES
    tried = [guess(app, f"198.51.100.{number % 100}") for number in range(2 * TRIES_OF_A_NAME)]
    assert TRIES_OF_A_NAME - 2 * TRIES <= tried.count(401) + TRIES <= TRIES_OF_A_NAME
    assert guess(app, "203.0.113.9", "alice", PASSWORD) == 429


def test_address_is_what_one_subscriber_has() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("fe80::1%eth0") == network_of("fe80::2") and network_of("x" * 99) == "x" * 64


def test_counts_of_old_tries_do_not_pile_up(app: Flask) -> None:
    store = context_of(app).readers.store
    for number in range(50):
        store.count_try(bytes([number]) * 32, 1_000 + number, 0)
    assert store.count_try(bytes([7]) * 32, WINDOW + 2_000, 2_000) == (1, WINDOW + 2_000)
    assert guess(app, "192.0.2.1", "alice", PASSWORD) == 303
    with context_of(app).repository.database.read() as cursor:
        cursor.execute("SELECT COUNT(*) FROM login_tries WHERE tries > 0")
        assert [*cursor.fetchall()] == [(0,)]
