"""A page ends when its time is over, on each engine, and says so; nothing that it did stays behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.context import context_of
from audit_webhook.deadline import check, within
from audit_webhook.errors import DeadlineExceeded
from audit_webhook.search import search
from audit_webhook.storage.repository import Repository
from audit_webhook.web import time_limit
from tests.factories import audit_event, event_list

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
    "mysql": "SELECT BENCHMARK(100000000000, SHA2('x', 512))",
}


@pytest.fixture
def short(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """A client of an application whose pages have half a second."""
    monkeypatch.setattr(time_limit, "PAGE_SECONDS", 0.5)
    yield app.test_client()


def endless(repository: Repository) -> str:
    return ENDLESS[repository.database.dialect]


def test_query_without_an_end_is_stopped_at_the_deadline(repository: Repository) -> None:
    began = time.monotonic()
    with within(0.5), pytest.raises(DeadlineExceeded), repository.database.read() as cursor:
        cursor.execute(endless(repository))
        cursor.fetchall()
    assert time.monotonic() - began < 10
    with repository.database.read() as cursor:
        cursor.execute("SELECT 1")
        assert list(cursor.fetchall()) == [(1,)]


def test_page_whose_query_has_no_end_says_so_and_delays_no_batch(
    app: Flask, short: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = context_of(app).repository

    def read_for_ever(*arguments: object, **options: object) -> object:
        with repository.database.read() as cursor:
            cursor.execute(endless(repository))
            return cursor.fetchall()

    monkeypatch.setattr(type(repository), "select_events", read_for_ever)
    answers: list[int] = []
    page = threading.Thread(target=lambda: answers.append(short.get("/api/v1/events").status_code))
    page.start()
    began = time.monotonic()
    assert app.test_client().post("/webhook/audit/prod", data=event_list([audit_event()])).status_code == 200
    assert time.monotonic() - began < 5
    page.join(20)
    assert answers == [503]


def test_page_that_computes_too_long_is_stopped_and_says_what_to_do(
    app: Flask, short: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.test_client().post("/webhook/audit/prod", data=event_list([audit_event(each) for each in range(20)]))

    def ponder(*arguments: object) -> object:
        time.sleep(0.2)
        return original(*arguments)

    original = search.read_wire
    monkeypatch.setattr(search, "read_wire", ponder)
    answer = short.get("/api/v1/events")
    assert answer.status_code == 503
    assert "Narrow the search" in answer.get_json()["message"]


def test_step_of_long_work_goes_on_within_the_time_and_ends_after_it() -> None:
    check()
    with within(60):
        check()
    with within(0), pytest.raises(TimeoutError):
        check()
