"""A clock that is wrong deletes nothing, and nothing goes right after it came."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.events.event import EPOCH, rfc3339
from audit_webhook.ingest.receive import receive
from audit_webhook.operate import retention
from audit_webhook.operate.daily import DailyPruning
from audit_webhook.operate.doctor.store import check_store
from audit_webhook.operate.metrics import Metrics
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.schema import make_partitions
from audit_webhook.storage.server_status import newest_partitions
from tests.factories import audit_event, event_list
from tests.operate.test_retention import DAY, counts, found, store

YEAR = 365 * DAY
ODD_TIMES = ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "", "23:59:60.5Z", "2026-11-23T12:00:00+25:00", "soon"]


@pytest.mark.parametrize("ahead", [2 * DAY, 40 * DAY, YEAR, 30 * YEAR])
def test_clock_that_is_ahead_at_the_start_deletes_nothing(
    repository: Repository, caplog: pytest.LogCaptureFixture, ahead: int
) -> None:
    for days_ago in reversed(range(30)):
        store(repository, days_ago)
    before = counts(repository)
    DailyPruning(repository, 30).prune(now() + ahead)
    assert counts(repository) == before
    assert "retention deletes nothing" in caplog.text and "prune --older-than 30d --force" in caplog.text


def test_metric_and_doctor_say_that_retention_is_held_back(engine: Config, repository: Repository) -> None:
    for days_ago in reversed(range(30)):
        store(repository, days_ago)
    metrics = Metrics()
    pruning = DailyPruning(repository, 30, note=metrics.note_retention)

    def told(moment: int) -> tuple[str, list[str]]:
        pruning.prune(moment)
        lines = metrics.expose("")[0].decode().splitlines()
        shown = [line for line in lines if line.startswith("audit_webhook_retention_held_back ")]
        config = replace(engine, retention_days=30)
        found = [finding.what for finding in check_store(config, moment) if "retention" in finding.what]
        return shown[0].split()[-1], found

    assert told(now() + YEAR)[0] == "1.0"
    assert "retention deletes nothing: the clock shows" in told(now() + YEAR)[1][0]
    assert told(now()) == ("0.0", [])


def test_clock_that_is_ahead_while_batches_come_deletes_not_most_of_them(repository: Repository) -> None:
    for days_ago in reversed(range(30)):
        store(repository, days_ago)
    future = now() + YEAR
    receive(repository, "prod", event_list([audit_event(stageTimestamp=rfc3339(future))]), future)
    before = counts(repository)
    DailyPruning(repository, 30).prune(future)
    assert counts(repository) == before


def test_clock_that_is_right_deletes_what_is_due(repository: Repository) -> None:
    for days_ago in reversed(range(36)):
        store(repository, days_ago)
    DailyPruning(repository, 30).prune(now())
    assert counts(repository)[0] == 31 * 3


def test_clock_that_is_behind_deletes_nothing(repository: Repository) -> None:
    for days_ago in reversed(range(10)):
        store(repository, days_ago)
    before = counts(repository)
    DailyPruning(repository, 30).prune(now() - YEAR)
    assert counts(repository) == before


def test_person_may_delete_what_the_service_does_not(
    engine: Config, repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store(repository, 40)
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: engine)
    assert main(["prune", "--older-than", "30d"]) == 2
    assert "nothing was deleted" in capsys.readouterr().out and counts(repository)[0] == 3
    assert main(["prune", "--older-than", "30d", "--force"]) == 0
    assert counts(repository)[0] == 0


@pytest.mark.parametrize("odd", ODD_TIMES)
def test_event_with_a_time_that_cannot_be_read_stays_as_long_as_others(repository: Repository, odd: str) -> None:
    received = now()
    item = audit_event(stageTimestamp=odd, requestReceivedTimestamp=odd)
    receive(repository, "prod", event_list([item]), received)
    store(repository, 0)
    retention.prune(repository, 30, received + 29 * DAY)
    assert found(repository, "") == 4
    retention.prune(repository, 30, received + 32 * DAY)
    assert found(repository, "") == 0


def test_old_log_that_is_imported_stays_as_long_as_if_it_were_new(repository: Repository) -> None:
    store(repository, 0)
    for days_ago in (400, 395, 60):
        moment = now() - days_ago * DAY
        receive(repository, "prod", event_list([audit_event(stageTimestamp=rfc3339(moment))]), now())
    store(repository, 399)
    assert retention.prune(repository, 30, now()).events == 3
    assert found(repository, "") == 6
    retention.prune(repository, 30, now() + 32 * DAY)
    assert counts(repository) == [0, 0, 0, 0]


def test_partitions_are_made_for_the_right_days_after_a_clock_was_ahead(mariadb_repository: Repository) -> None:
    ahead, right = datetime.now(UTC) + timedelta(days=365), datetime.now(UTC) + timedelta(days=20)
    store(mariadb_repository, 1)
    for moment in (ahead, right):
        with mariadb_repository.database.write() as cursor:
            make_partitions(cursor, moment)
            cursor.execute(
                "SELECT partition_name FROM information_schema.partitions "
                "WHERE table_schema = DATABASE() AND table_name = 'events'"
            )
            names = {str(name, "ascii") if isinstance(name, bytes) else name for (name,) in cursor.fetchall()}
    assert {f"p{right + timedelta(days=offset):%Y%m%d}" for offset in range(-7, 8)} <= names
    assert found(mariadb_repository, "") == 3
    moment = round((right - EPOCH) / timedelta(microseconds=1))
    receive(mariadb_repository, "prod", event_list([audit_event(stageTimestamp=rfc3339(moment))]), moment)
    assert found(mariadb_repository, "") == 4


def test_start_with_a_clock_ahead_of_the_servers_makes_no_partition_of_its_own(
    mariadb_repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        """A clock that is a year ahead."""

        @classmethod
        def now(cls, zone: object = None) -> datetime:  # type: ignore[override]
            """Return a moment a year from now."""
            return datetime.now(UTC) + timedelta(days=365)

    monkeypatch.setattr("audit_webhook.storage.schema.datetime", Ahead)
    mariadb_repository.migrate()
    assert newest_partitions(mariadb_repository.database)["events"] <= (datetime.now(UTC) + timedelta(days=8)).date()
