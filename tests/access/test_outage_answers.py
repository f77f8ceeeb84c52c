"""What an outage is answered with is true for the request: a read never speaks of storing."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook import errors
from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.web.errors import describe
from tests.factories import audit_event, event_list
from tests.readers import PASSWORD, add_user

READS = ("/", "/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/clusters", "/actors", "/evidence", "/setup", "/api/v1/events",
         "/api/v1/export", "/api/v1/facets", "/api/v1/actors/prod", "/login")
OUTAGES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Flask]:
    """The application in production with a spool, whose MariaDB is not there."""
    add_user(tmp_path / "users", "alice")
    config = Config.from_env({
        "WEBHOOK_TOKEN": "t", "DB_HOST": "127.0.0.1", "DB_PORT": "9", "SPOOL_DIR": str(tmp_path / "spool"),
        "UI_USERS_FILE": str(tmp_path / "users"), "EVIDENCE_KEY_FILE": "none",
    })
    app = create_app(config)
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def speaks_of_storing(text: str) -> bool:
    """Whether an answer says what became of something to be stored."""
    return any(word in text.lower() for word in ("stored", "not kept", "acknowledged"))


def log_in(client: FlaskClient) -> str:
    """Try to log in, and give the page."""
    form = {"name": "alice", "password": PASSWORD, "next": "/"}
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    return client.post("/login", data=form, headers=headers).get_data(as_text=True)


@pytest.mark.parametrize("path", READS)
def test_read_during_an_outage_never_speaks_of_storing(sqlite_config: Config, path: str) -> None:
    app = create_app(replace(sqlite_config, db_host="127.0.0.1", db_port=9))
    answer = app.test_client().get(path)
    text = answer.get_data(as_text=True)
    app.extensions["workers"].stop()
    assert answer.status_code in (200, 302, 303, 503)
    if answer.status_code == 503:
        assert "unavailable" in text.lower() and not speaks_of_storing(text)


def test_login_during_an_outage_says_that_events_are_still_received(away: Flask) -> None:
    client = away.test_client()
    kept = client.post("/webhook/audit/prod", data=event_list([audit_event()]), headers={"Authorization": "Bearer t"})
    assert kept.status_code == 200 and kept.get_json()["spooled"] == 1
    text = log_in(client)
    assert "they wait in the spool" in text and not speaks_of_storing(text)


def test_login_during_an_outage_without_a_spool_promises_nothing(away: Flask) -> None:
    context_of(away).durable._spool = None
    text = log_in(away.test_client())
    assert "The database is unavailable" in text and "spool" not in text


def test_message_of_every_error_of_a_read_speaks_of_no_storing() -> None:
    assert len(OUTAGES) > 15
    for kind in OUTAGES:
        needed = len(inspect.signature(kind).parameters) if "__init__" in vars(kind) else 1
        error = kind("x", *([1] * (needed - 1)))
        status, _, document = describe(error)
        assert not (status == 503 and speaks_of_storing(str(document["message"]))), kind
    assert describe(errors.ServerBusy("4 exports run already"))[2]["message"] == "4 exports run already"


def test_batch_that_may_have_been_committed_is_not_said_to_be_lost() -> None:
    message = str(describe(errors.StoreUnavailable("x"), is_batch=True)[2]["message"])
    assert message == "The batch was not acknowledged. Send it again."
