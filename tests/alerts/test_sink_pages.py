"""Sinks on their page and in the JSON interface: how each fares, a test, a second try, for administrators alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.alerts.notifications.outbox import News
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.context import context_of
from audit_webhook.storage.scope import Scope
from tests.alerts.sink_server import OK, answering, listening, wait_until
from tests.alerts.sink_story import an_alert, store_alerts, tell, webhook, write_sinks
from tests.factories import NOON_US
from tests.readers import FORM, form_token, logged_in

SECRET = "s3cret-path"
HOSTILE = "<script>alert(1)</script>"


def fill(app: Flask, shelf: SinkShelf) -> None:
    """Store a dead message and one that waits for long, of the sink `hook`."""
    repository = context_of(app).repository
    outbox = open_stores(repository.database).outbox
    store_alerts(repository, [an_alert(1), an_alert(2)])
    tell(repository, shelf, NOON_US, News(an_alert(1), 3, "hook"))
    with repository.database.write() as cursor:
        (message,) = outbox.messages("waiting", "hook", 10)
        outbox.note_failed(cursor, message._replace(state="dead", tries=12, error=HOSTILE), NOON_US)
        outbox.insert(cursor, message._replace(id=b"w" * 16, due=2**60))


@pytest.fixture
def admin(make_production: Callable[..., Flask], tmp_path: Path) -> FlaskClient:
    """An administrator's client of an application with three sinks."""
    shelf = write_sinks(
        tmp_path, webhook("hook", f"https://example.com/{SECRET}", 'severity = "high"', 'query = "user:mallory"',
                          'quiet_hours = {from = "22:00", to = "06:30"}', 'clusters = ["prod"]'),
        webhook("new", "http://127.0.0.1:1/", f'token = "{SECRET}"'),
    )
    app = make_production(sinks_file=str(tmp_path / "sinks.toml"))
    app.extensions["workers"].stop()
    fill(app, shelf)
    return logged_in(app)


def test_page_shows_how_each_sink_fares_and_nothing_secret(admin: FlaskClient, tmp_path: Path) -> None:
    page = admin.get("/sinks").text
    assert SECRET not in page and HOSTILE not in page and "&lt;script&gt;" in page
    row = page.partition('<tr id="sink-hook">')[2].partition("</tr>")[0]
    assert "example.com" in row and "failing" in row and 'class="num">1<' in row
    assert "high and above in prod matching user:mallory, quiet 22:00 to 06:30 UTC" in row
    assert "not used yet" in page and "PUBLIC_URL is not set" in page and "12 tries" in page
    assert 'href="/sinks"' in admin.get("/alerts").text
    write_sinks(tmp_path, webhook("hook", SECRET))
    broken = admin.get("/sinks").text
    assert "sink hook: url: is not an address" in broken and SECRET not in broken and "sink-new" in broken


def test_json_has_the_same_and_nothing_secret(admin: FlaskClient) -> None:
    answer = admin.get("/api/v1/sinks")
    hook, new = answer.get_json()["sinks"]
    assert (hook["state"], hook["waiting"], hook["dead"], hook["failed"]) == ("failing", 1, 1, 1)
    assert (new["state"], new["where"], new["last_error"]) == ("not used yet", "127.0.0.1:1", None)
    (dead,) = answer.get_json()["dead"]
    assert (dead["hits"], dead["tries"], dead["alerts"]) == (3, 12, [an_alert(1).id.hex()])
    assert SECRET not in answer.text


def test_dead_letters_are_sent_again_from_the_page(admin: FlaskClient) -> None:
    form = {"form_token": form_token(admin)}
    found = re.search(r"/sinks/messages/([0-9a-f]{32})/retry", admin.get("/sinks").text)
    assert found is not None
    assert admin.post(f"/sinks/messages/{found[1]}/retry", data=form, headers=FORM).status_code == 303
    assert admin.get("/api/v1/sinks").get_json()["dead"] == []
    for address in (f"/sinks/messages/{found[1]}/retry", "/sinks/messages/x/retry", "/sinks/hook/retry"):
        assert admin.post(address, data=form, headers=FORM).status_code == 404


def test_tests_wait_in_the_outbox_and_are_bounded(admin: FlaskClient) -> None:
    form = {"form_token": form_token(admin)}
    codes = [admin.post("/sinks/new/test", data=form, headers=FORM).status_code for _ in range(6)]
    assert codes == [303, 303, 303, 303, 303, 400]
    assert admin.post("/sinks/none/test", data=form, headers=FORM).status_code == 404


def test_sinks_are_for_administrators_alone(make_production: Callable[..., Flask], admin: FlaskClient) -> None:
    client = logged_in(make_production(), "viewer", "viewer", Scope(None, None))
    form = {"form_token": form_token(client)}
    assert client.get("/sinks").status_code == client.get("/api/v1/sinks").status_code == 403
    assert "/sinks" not in client.get("/alerts").text
    for address in ("/sinks/hook/test", "/sinks/hook/retry", f"/sinks/messages/{'0' * 32}/retry"):
        assert client.post(address, data=form, headers=FORM).status_code == 403


def test_running_application_delivers_a_test_from_its_page(
    make_production: Callable[..., Flask], tmp_path: Path
) -> None:
    with listening(answering(OK)) as server:
        write_sinks(tmp_path, webhook("hook", server.url))
        app = make_production(sinks_file=str(tmp_path / "sinks.toml"))
        client = logged_in(app)
        form = {"form_token": form_token(client)}
        assert client.post("/sinks/hook/test", data=form, headers=FORM).status_code == 303
        wait_until(lambda: client.get("/api/v1/sinks").get_json()["sinks"][0]["state"] == "working")
    assert len(server.received) == 1


def test_page_without_sinks_says_what_to_set(make_production: Callable[..., Flask]) -> None:
    assert "it is not set" in logged_in(make_production()).get("/sinks").text
