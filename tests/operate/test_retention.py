"""What is older than wanted goes, wholly and nothing else, while batches go on being stored."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.events.event import EPOCH, rfc3339
from audit_webhook.events.ids import time_bound
from audit_webhook.ingest.receive import receive
from audit_webhook.operate import retention
from audit_webhook.operate.daily import DailyPruning
from audit_webhook.search import feed
from audit_webhook.storage import retention as pruning
from audit_webhook.storage.access_store import AccessStore, Reading
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.schema import PARTITIONED
from audit_webhook.storage.search_sql import LAST
from tests.factories import audit_event, event_list

DAY = 86_400_000_000
TABLES = ("events", "chunks", "postings", "tallies")


def store(repository: Repository, days_ago: float, count: int = 3, **changes: Any) -> None:
    """Store a batch of events of some days ago, received then."""
    moment = now() - round(days_ago * DAY)
    items = [audit_event(**{"stageTimestamp": rfc3339(moment + number), **changes}) for number in range(count)]
    assert receive(repository, "prod", event_list(items), moment).stored == count


def rows(repository: Repository, statement: str) -> list[tuple[Any, ...]]:
    with repository.database.read() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def counts(repository: Repository) -> list[int]:
    return [rows(repository, f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES]


def found(repository: Repository, query: str) -> int:
    return len(feed.page(repository, query, None, feed.PAGE, now()).events)


def test_older_days_go_with_all_their_rows_and_younger_ones_stay(repository: Repository) -> None:
    store(repository, 2)
    kept = counts(repository)
    for days_ago in (95, 92, 91.5):
        store(repository, days_ago)
    assert retention.prune(repository, 90, now()).events == 9
    assert counts(repository) == kept
    assert found(repository, "user:alice") == found(repository, "") == 3


def test_day_is_kept_whole_until_its_midnight(repository: Repository) -> None:
    midnight = now() // DAY * DAY
    for offset in (-1, 0):
        item = audit_event(stageTimestamp=rfc3339(midnight - 5 * DAY + offset))
        receive(repository, "prod", event_list([item]), midnight - 5 * DAY + offset)
    assert retention.prune(repository, 5, midnight + DAY - 1).events == 1
    assert [event.time for event in feed.page(repository, "", None, 9, now()).events] == [midnight - 5 * DAY]


def test_dry_run_tells_what_would_go_and_deletes_nothing(
    engine: Config, repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store(repository, 200)
    store(repository, 0)
    before = counts(repository)
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: engine)
    assert main(["prune", "--older-than", "90d", "--dry-run"]) == 0
    assert "3 events in 1 chunks" in (said := capsys.readouterr().out) and "would be deleted" in said
    assert counts(repository) == before
    assert main(["prune", "--older-than", "90"]) == 0
    assert capsys.readouterr().out.rstrip().endswith(": deleted")
    assert main(["prune", "--older-than", "90"]) == 0
    assert "nothing is older" in capsys.readouterr().out
    assert counts(repository)[:2] == [3, 1]


@pytest.mark.parametrize("days", ["0", "-1", "soon", "90h", ""])
def test_age_that_is_no_number_of_days_is_a_mistake(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["prune", f"--older-than={days}"])
    assert "days" in capsys.readouterr().err


def test_days_before_are_dropped_as_partitions(mariadb_repository: Repository) -> None:
    store(mariadb_repository, 6)
    store(mariadb_repository, 1)
    retention.prune(mariadb_repository, 3, now())
    first = EPOCH + timedelta(microseconds=now() // DAY * DAY - 3 * DAY)
    for table in TABLES:
        names = [name for (name,) in rows(
            mariadb_repository,
            f"SELECT MIN(partition_name) FROM information_schema.partitions WHERE table_name = '{table}' "
            "AND table_schema = DATABASE()",
        )]
        assert names == [f"p{first:%Y%m%d}"]
    assert counts(mariadb_repository)[:2] == [3, 1]


def test_every_partitioned_table_is_dropped() -> None:
    assert sorted(pruning.DROPPED) == sorted(PARTITIONED)


def test_many_steps_leave_no_row_without_its_chunk(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "EVENTS_A_STEP", 4)
    monkeypatch.setattr(pruning, "CHUNKS_A_STEP", 2)
    monkeypatch.setattr(pruning, "POSTINGS_SECONDS", 0.0)
    for number in range(7):
        store(repository, 300 + number / 100, verb=f"verb{number}")
    steps = []

    def watch(left: pruning.Expired) -> None:
        steps.append(left.events)
        for table, column in (("events", "chunk_id"), ("postings", "chunk_id")):
            orphans = f"SELECT COUNT(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM chunks)"
            assert rows(repository, orphans) == [(0,)]

    retention.prune(repository, 90, now(), watch)
    assert steps[0] == 21 and steps[-1] == 0
    assert counts(repository) == [0, 0, 0, 0]


def test_pruning_that_broke_off_is_taken_up_again(repository: Repository) -> None:
    store(repository, 100)
    with repository.database.write() as cursor:
        cursor.execute("DELETE FROM events")
    retention.prune(repository, 90, now())
    assert counts(repository) == [0, 0, 0, 0]


def test_callers_and_actions_go_a_month_after_their_last_event(repository: Repository) -> None:
    store(repository, 200, user={"username": "long-gone"})
    store(repository, 110, user={"username": "gone"})
    store(repository, 2, user={"username": "here"})
    ahead = audit_event(stageTimestamp=rfc3339(now() + 50 * DAY), user={"username": "ahead"}, verb="ahead")
    receive(repository, "prod", event_list([ahead]), now() - 200 * DAY)
    retention.prune(repository, 90, now())
    users = {bytes(name).decode() if isinstance(name, bytes) else name
             for (name,) in rows(repository, "SELECT username FROM callers")}
    assert users == {"gone", "here", "ahead"}
    assert found(repository, "user:ahead verb:ahead") == 1


def test_counts_of_silent_streams_are_folded_into_one(engine: Config) -> None:
    for _ in range(3):
        repository = open_repository(engine)
        repository.migrate()
        store(repository, 100)
        repository.close()
    store(repository, 1)
    before = repository.contacts()
    retention.prune(repository, 90, now())
    assert repository.contacts() == before
    assert rows(repository, "SELECT COUNT(*) FROM arrivals") == [(2,)]
    repository.close()


def test_what_could_not_be_read_goes_too(repository: Repository) -> None:
    receive(repository, "prod", event_list([b"7"]), now() - 100 * DAY)
    receive(repository, "prod", event_list([b"8"]), now())
    retention.prune(repository, 90, now())
    assert [item.content for item in repository.quarantine.read_items()] == [b"8"]


def test_what_was_read_is_forgotten_with_what_could_be_read(repository: Repository) -> None:
    readers = AccessStore(repository.database)
    for days in (100, 80):
        moment = time_bound((now() - days * DAY) // 1000)
        readers.insert_reading(Reading(moment, "bob", "session", "10.0.0.1", "ui.show_feed", f"/?q={days}", 200))
    retention.prune(repository, 90, now())
    assert [reading.target for reading in readers.readings(LAST, 10)] == ["/?q=80"]


def test_pruning_happens_once_a_day(repository: Repository) -> None:
    store(repository, 10)
    store(repository, 0, 9)
    pruning_daily = DailyPruning(repository, 5)
    pruning_daily.prune(now())
    assert counts(repository)[0] == 9
    store(repository, 9)
    store(repository, 0, 1)
    pruning_daily.prune(now())
    assert counts(repository)[0] == 13
    pruning_daily.prune(now() + DAY - 1_000_000)
    assert counts(repository)[0] == 10


@pytest.mark.parametrize(("days", "left"), [(0, 7), (5, 4)])
def test_only_a_number_of_days_deletes_anything(repository: Repository, days: int, left: int) -> None:
    store(repository, 10)
    store(repository, 0, 4)
    worker = DailyPruning(repository, days)
    worker.start()
    deadline = time.monotonic() + (20 if days else 0.3)
    while counts(repository)[0] != left or not days:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    worker.stop()
    assert counts(repository)[0] == left


def test_batches_are_stored_within_two_seconds_meanwhile(repository: Repository) -> None:
    for number in range(60):
        store(repository, 100 + number / 20, count=200, requestURI=f"/api/v1/{number}")
    pruned = threading.Event()

    def prune() -> None:
        retention.prune(repository, 90, now())
        pruned.set()

    thread = threading.Thread(target=prune)
    thread.start()
    taken = []
    while not pruned.is_set() or len(taken) < 20:
        begin = time.monotonic()
        store(repository, 0, count=50)
        taken.append(time.monotonic() - begin)
    thread.join()
    assert max(taken) < 2
    assert retention.preview(repository, 90, now()).chunks == 0
