"""Several replicas on one database: what they share, what each has for itself, and that they may do the same at once.

docs/scaling.md tells which is which.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask

from audit_webhook.access import authentication as readers
from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of, now
from audit_webhook.events.event import rfc3339
from audit_webhook.events.ids import to_text
from audit_webhook.evidence.checkpointer import LOOK_SECONDS
from audit_webhook.evidence.checkpoints import read
from audit_webhook.ingest.receive import receive
from audit_webhook.operate import retention
from audit_webhook.search import feed
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.schema import steps
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.factories import audit_event, event_list
from tests.galera import run_all
from tests.operate.test_workers import settings_of, wait_for
from tests.readers import PASSWORD, add_user, log_in
from tests.sealed_store import Evidence
from tests.serving import Service, get, post, samples, serving

DAY = 86_400_000_000
TOKEN = "correct-horse"


class Replicas(NamedTuple):
    """Two replicas of the application, as two processes hold them."""

    first: Flask
    second: Flask

    def repositories(self) -> tuple[Repository, Repository]:
        """Give the store of each."""
        return context_of(self.first).repository, context_of(self.second).repository

    def send(self, app: Flask, body: bytes) -> int:
        """Send a batch to one of them and give the status."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return app.test_client().post("/webhook/audit/prod", data=body, headers=headers).status_code


def test_workers_that_stop_at_once_sign_everything_once(mariadb_config: Config, tmp_path: Path) -> None:
    evidence = Evidence(mariadb_config, tmp_path / "evidence.key")
    settings = {**settings_of(mariadb_config), "ENVIRONMENT": "development", "WORKERS": "2"}
    with serving(tmp_path, EVIDENCE_KEY_FILE=str(evidence.key_file), **settings) as service:
        wait_for(lambda: evidence.store.last_checkpoint() is not None, 40)
        time.sleep(LOOK_SECONDS)  # the other worker has looked too
        for number in range(40):
            assert post(service.url, event_list([audit_event(number)])).status == 200
        assert service.stop() == 0
    signed = [read(signed.body) for _, signed in evidence.store.checkpoints_after(0, 100)]
    heads = [head for checkpoint in signed for head in checkpoint.heads]
    assert len(set(heads)) == len(heads) and all(checkpoint.heads for checkpoint in signed[1:])
    report = evidence.verify()
    assert report.is_sound and report.events == 40 and report.unsigned == 0
    evidence.repository.close()


@pytest.fixture
def replicas(mariadb_config: Config, tmp_path: Path) -> Iterator[Replicas]:
    """Two replicas in production on one database, with one file of users."""
    users = str(tmp_path / "users")
    config = replace(mariadb_config, environment="production", webhook_token=TOKEN, ui_users_file=users)
    add_user(tmp_path / "users", "alice", "admin")
    apps = Replicas(create_app(config), create_app(config))
    yield apps
    for app in apps:
        app.extensions["workers"].stop()
        context_of(app).repository.close()


def ids(repository: Repository) -> list[bytes]:
    """Give the ids of all that is stored."""
    return [located.id for located in repository.select_events(EVERYTHING, LAST, 10_000)]


@pytest.fixture
def services(mariadb_config: Config, tmp_path: Path) -> Iterator[Callable[[int], list[Service]]]:
    """Starts so many processes at the same moment, each on a port and in a folder of its own."""
    started: list[Service] = []

    def start(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        started.append(Service(folder, **settings_of(mariadb_config)))

    def start_all(count: int) -> list[Service]:
        run_all([lambda number=number: start(number) for number in range(count)])
        return started

    yield start_all
    for service in started:
        service.end()


def test_processes_that_start_at_once_on_an_empty_database_make_its_schema_once(
    services: Callable[[int], list[Service]], mariadb_config: Config
) -> None:
    running = services(3)
    repository = open_repository(mariadb_config)
    with repository.database.read() as cursor:
        cursor.execute("SELECT step FROM schema_steps ORDER BY step")
        assert [step for (step,) in cursor.fetchall()] == sorted(steps("mysql"))
    repository.close()
    logs = [service.log.read_text() for service in running]
    assert sum(log.count("schema step") for log in logs) == len(steps("mysql"))
    assert not any('"ERROR"' in log for log in logs)


def test_processes_given_the_same_batch_at_once_store_it_once_and_count_what_each_took(
    services: Callable[[int], list[Service]], mariadb_config: Config
) -> None:
    running = services(2)
    bodies = [event_list(audit_event(second, verb=f"v{batch}") for second in range(20)) for batch in range(10)]
    statuses: list[int] = []
    together = threading.Barrier(2)

    def send(service: Service) -> None:
        for body in bodies:
            together.wait(30)
            statuses.append(post(service.url, body).status)

    run_all([lambda service=service: send(service) for service in running])
    repository = open_repository(mariadb_config)
    stored = ids(repository)
    repository.close()
    counts = [samples(get(f"{service.url}/metrics").body) for service in running]
    name = 'audit_webhook_events_total{{cluster="prod",outcome="{}"}}'
    assert statuses == [200] * 20 and len(stored) == len(set(stored)) == 200
    assert sum(count[name.format("stored")] for count in counts) == 200
    assert sum(count[name.format("duplicate")] for count in counts) == 200
    assert [count['audit_webhook_events_received_total{cluster="prod"}'] for count in counts] == [200, 200]


def test_live_view_of_any_replica_shows_each_event_of_all_once(replicas: Replicas) -> None:
    first, second = replicas.repositories()
    live = feed.begin_live(first, now())
    seen: list[str] = []
    for batch in range(6):
        replicas.send(replicas[batch % 2], event_list([audit_event(batch, verb=f"v{batch}")]))
        news = feed.news((first, second)[batch // 2 % 2], "", live, now())
        live = news.live
        seen += [event.id for event in news.events]
    assert len(seen) == 6 and set(seen) == {to_text(found) for found in ids(first)} and ids(first) == ids(second)


def test_session_counts_at_every_replica_until_it_ends_at_one(replicas: Replicas) -> None:
    here, there = (app.test_client() for app in replicas)
    assert log_in(here, "alice") == 303
    cookie = here.get_cookie("session")
    assert cookie is not None
    there.set_cookie("session", cookie.value)
    assert there.get("/").status_code == 200
    context_of(replicas.first).readers.log_out(cookie.value)
    assert there.get("/").status_code == 303


def test_wrong_password_counts_at_every_replica(replicas: Replicas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "is_password", lambda password, kept: password == PASSWORD)
    here, there = (app.test_client() for app in replicas)
    tries = [log_in((here, there)[number % 2], "alice", "wrong") for number in range(30)]
    assert tries.count(401) == 10 and log_in(here, "alice") == log_in(there, "alice") == 429


def test_what_cannot_be_read_is_kept_once_and_seen_at_every_replica(replicas: Replicas) -> None:
    body = event_list([b'"no event"', audit_event()])
    assert [replicas.send(app, body) for app in replicas] == [200, 200]
    kept = [[item.content for item in each.quarantine.read_items()] for each in replicas.repositories()]
    assert kept == [[b'"no event"']] * 2


def test_refusal_at_one_replica_is_told_at_another(replicas: Replicas) -> None:
    first, second = replicas
    headers = {"Authorization": "Bearer wrong"}
    assert first.test_client().post("/webhook/audit/prod", data=b"", headers=headers).status_code == 401
    context_of(first).refusals.flush()
    assert [refusal.cluster for refusal in context_of(second).repository.refusals.last_refusals()] == ["prod"]


def test_replicas_that_prune_at_once_delete_what_is_old_and_nothing_else(replicas: Replicas) -> None:
    first, second = replicas.repositories()
    for days_ago in (0, 40, 50, 90):
        moment = now() - days_ago * DAY
        events = [audit_event(stageTimestamp=rfc3339(moment), verb=f"v{number}-{days_ago}") for number in range(5)]
        assert receive(first, "prod", event_list(events), moment).stored == 5
    run_all([lambda each=each: prune(each) for each in (first, second)])
    assert len(ids(first)) == 5
    assert replicas.send(replicas.second, event_list([audit_event(stageTimestamp=rfc3339(now()))])) == 200


def prune(repository: Repository) -> None:
    """Delete what is older than 30 days."""
    retention.prune(repository, 30, now())
