"""Refused requests are counted over all processes and restarts, without a request that waits or a table that floods."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.errors import StoreBusy
from audit_webhook.ingest import admission as intake
from audit_webhook.ingest.admission import RejectionLog
from audit_webhook.ingest.rejections import WORDS, Refused, count_refused
from audit_webhook.operate.metrics import REFUSAL_REASONS
from audit_webhook.storage import rejection_store as refusal_store
from audit_webhook.storage.database import Cursor
from audit_webhook.storage.rejection_store import KEPT_DAYS, MICROSECONDS_A_DAY, MOST_NAMES, Refusal, RefusalKey
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.scope import Scope
from tests.factories import NOON_US, audit_event, event_list
from tests.mariadb import MariaDB
from tests.serving import get, post, serving

NOW: Final = NOON_US
TODAY: Final = NOW // MICROSECONDS_A_DAY


def refuse(book: RejectionLog, cluster: str = "prod", kind: str = "token", times: int = 1, now: int = NOW) -> None:
    for _ in range(times):
        book.note(cluster, kind, "the token is not the one expected", "10.0.0.1", now)


def until(found: Callable[[], bool]) -> None:
    """Wait for something that happens in the background, for some seconds at most."""
    end = time.monotonic() + 10
    while not found() and time.monotonic() < end:
        time.sleep(0.1)
    assert found()


def test_counts_of_several_processes_and_of_a_restart_add_up(engine: Config) -> None:
    repositories = [open_repository(engine) for _ in range(2)]
    repositories[0].migrate()
    for repository in (*repositories, *repositories):
        book = RejectionLog(repository.refusals)  # a process of its own
        refuse(book, times=3)
        refuse(book, kind="size")
        book.flush()
    counted = count_refused(repositories[1], 1, NOW)
    assert counted == {"prod": Refused(16, (("without a valid token", 12), ("too large", 4)))}
    for repository in repositories:
        repository.close()


def test_day_counts_for_itself_and_old_ones_are_forgotten(repository: Repository) -> None:
    book = RejectionLog(repository.refusals)
    for days in (0, 1, 8, KEPT_DAYS + 1):
        refuse(book, f"c{days}", now=NOW - days * MICROSECONDS_A_DAY)
    book.flush()
    assert count_refused(repository, 1, NOW).keys() == {"c0"}
    assert count_refused(repository, 7, NOW).keys() == {"c0", "c1"}
    book.forget_old(NOW)
    assert {each.cluster for each in repository.refusals.refused_since(0)} == {"c0", "c1", "c8"}
    assert {each.cluster for each in repository.refusals.last_refusals()} == {"c0", "c1", "c8"}


def test_flood_of_names_fills_no_table_and_no_memory(client: FlaskClient, app: Flask) -> None:
    repository = context_of(app).repository
    assert client.post("/webhook/audit/heard", data=event_list([audit_event()])).status_code == 200
    for round_ in range(3):
        book = RejectionLog(repository.refusals)
        for number in range(2_000):
            refuse(book, f"made-up-{round_}-{number}")
        assert len(book._pending) <= intake.NAMES_WAITING and len(book._counts) <= intake.NAMES_WAITING + 1
        book.flush()
    refuse(book, "heard")
    book.flush()
    counted = repository.refusals.refused_since(0)
    assert len(counted) == MOST_NAMES + 2 and sum(each.requests for each in counted) == 6_001
    assert ("heard", "token", 1) in counted
    assert len(repository.refusals.last_refusals()) == MOST_NAMES + 1


def test_database_that_is_away_costs_neither_counts_nor_the_request(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreBusy("away")

    monkeypatch.setattr(intake, "SECONDS_AFTER_FAILURE", 0.0)
    book = RejectionLog(repository.refusals)
    refuse(book, times=2)
    with monkeypatch.context() as broken:
        broken.setattr(repository.refusals, "record", fail)
        book.flush()
        began = time.monotonic()
        refuse(book, times=1_000)  # nothing of it reaches the database
        assert time.monotonic() - began < 1
    book.flush()
    book.flush()
    assert count_refused(repository, 1, NOW)["prod"].requests == 1_002


def test_rows_are_written_in_one_order_so_that_two_writers_never_wait_for_each_other(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{number:03}" for number in range(100)]
    counts = {RefusalKey(TODAY, name, kind): 1 for name in reversed(names) for kind in ("token", "size")}
    order: list[str] = []
    original = repository.refusals.count_refusals

    def count(cursor: Cursor, key: RefusalKey, requests: int) -> None:
        order.append(key.cluster + key.kind)
        original(cursor, key, requests)

    monkeypatch.setattr(repository.refusals, "count_refusals", count)
    repository.refusals.record([Refusal(name, NOW, "", "") for name in reversed(names)], counts)
    assert order == sorted(order) and len(order) == 200


def test_reader_who_is_limited_sees_only_his_clusters_counts(engine: Config) -> None:
    seen = Scope()
    repository = open_repository(engine, lambda: seen)
    repository.migrate()
    book = RejectionLog(repository.refusals)
    for cluster in ("prod", "staging", "IMPOSSIBLE"):
        refuse(book, cluster)
    book.flush()
    assert count_refused(repository, 1, NOW).keys() == {"", "prod", "staging"}
    seen = Scope(clusters=frozenset({"prod"}))
    assert count_refused(repository, 1, NOW).keys() == {"prod"}
    repository.close()


def test_every_reason_has_words() -> None:
    assert WORDS.keys() == set(REFUSAL_REASONS)
    assert max(map(len, REFUSAL_REASONS)) <= 16  # the width of the column


def test_pages_say_how_many_requests_were_refused_and_why(engine: Config, tmp_path: Path) -> None:
    app = create_app(replace(engine, webhook_token="right"))
    client = app.test_client()
    for cluster, times in (("prod", 3), ("No Name", 2)):
        for _ in range(times):
            client.post(f"/webhook/audit/{cluster}", data=b"", headers={"Authorization": "Bearer wrong"})
    client.post("/webhook/audit/prod", data=b"no json", headers={"Authorization": "Bearer right"})
    texts = {path: " ".join(client.get(path).get_data(as_text=True).split()) for path in (
        "/setup?cluster=prod", "/setup/status?cluster=prod", "/clusters", "/clusters/prod",
    )}
    for path, text in texts.items():
        assert "4 requests refused: 3 without a valid token, 1 not an event list" in text, path
    for path in ("/clusters", "/setup/status?cluster=prod"):
        assert "2 requests refused: 2 without a valid token" in texts[path], path
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def test_workers_count_together_and_a_restart_forgets_nothing(
    mariadb: MariaDB, mariadb_config: Config, tmp_path: Path
) -> None:
    settings = {**mariadb.environment(mariadb_config.db_name), "WORKERS": "2"}
    repository = open_repository(mariadb_config)
    for started in (1, 2):
        with serving(tmp_path, **settings) as service:
            for _ in range(20):
                assert post(service.url, b"", token="wrong").status == 401
            until(lambda: sum(each.requests for each in repository.refusals.refused_since(0)) == 20 * started)
            assert get(f"{service.url}/healthz").status == 200
    repository.close()


def test_names_are_bounded_even_when_the_table_is_full_already(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusal_store, "MOST_NAMES", 0)
    repository.refusals.record([Refusal("new", NOW, "", "")], {RefusalKey(TODAY, "new", "token"): 5})
    assert repository.refusals.last_refusals() == [] and repository.refusals.refused_since(0) == [("", "token", 5)]
