"""A service whose database is away answers from its spool, and leaves nothing behind when it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.storage.health_probe import HealthProbe
from audit_webhook.storage.spool.spool import Spool
from tests.factories import audit_event, event_list


def test_breaker_opens_at_the_second_silence_and_closes_at_the_first_answer() -> None:
    said = iter([True, False, True, False, False, False, False, True])
    health_probe = HealthProbe(lambda: next(said))
    states = []
    for _ in range(5):
        health_probe.look()
        states.append(health_probe.is_open())
    assert states == [False, False, True, True, False]


@pytest.fixture
def spooling(sqlite_config: Config, tmp_path: Path) -> Iterator[Flask]:
    """An application with a spool whose database cannot be opened."""
    app = create_app(replace(sqlite_config, db_path=str(tmp_path / "none/audit.db"), spool_dir=str(tmp_path / "spool")))
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def post(client: FlaskClient) -> Any:
    return client.post("/webhook/audit/prod", data=event_list([audit_event()]))


def test_service_without_its_database_is_ready_while_the_spool_has_room(spooling: Flask, tmp_path: Path) -> None:
    client = spooling.test_client()
    assert client.get("/readyz").status_code == 200
    assert post(client).get_json() == {"received": 1, "stored": 0, "duplicate": 0, "quarantined": 0, "spooled": 1}
    (tmp_path / "none").mkdir()
    end = time.monotonic() + 20
    while client.get("/api/v1/events").get_json().get("events", []) == [] and time.monotonic() < end:
        time.sleep(0.1)
    assert len(client.get("/api/v1/events").get_json()["events"]) == 1
    assert list((tmp_path / "spool/new").iterdir()) == []


def test_full_spool_is_answered_with_503_and_a_time_to_come_again(
    spooling: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool, "can_take", lambda self: False)
    answer = post(spooling.test_client())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert spooling.test_client().get("/readyz").status_code == 503


def test_application_leaves_no_thread_behind(sqlite_config: Config, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    app = create_app(replace(sqlite_config, spool_dir=str(tmp_path / "spool")))
    assert {"health probe", "spool drain"} <= {thread.name for thread in threading.enumerate()}
    app.extensions["workers"].stop()
    context_of(app).repository.close()
    assert set(threading.enumerate()) <= before
