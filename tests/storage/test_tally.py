"""Tallies count each event once: whatever is sent twice, summed meanwhile, or was stored by an earlier version."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

import pytest

from audit_webhook.config import Config
from audit_webhook.errors import StoreUnavailable
from audit_webhook.ingest.receive import receive
from audit_webhook.storage import count_store as tally_store
from audit_webhook.storage.chunks.counts import (
    DAY, LANES, Count, add_lanes, count_events, mask_lanes, merge, pack, read_lanes, sum_id,
)
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.writer import Transaction
from tests.factories import NOON_US, audit_event, event_list
from tests.mariadb import MariaDB

NOW = NOON_US + 3_600_000_000


def send(repository: Repository, *events: dict[str, object], cluster: str = "prod") -> None:
    receive(repository, cluster, event_list(events), NOW)


def counted(repository: Repository) -> Counter[tuple[str, str]]:
    """Give how many events of each cluster and namespace the tallies hold."""
    total: Counter[tuple[str, str]] = Counter()
    for row in repository.tallies.select_tallies(0, 2**47):
        for (_, _, namespace), count in merge([row.content]).items():
            total[row.cluster, namespace] += add_lanes(count.lanes)
    return total


def test_packed_counts_are_read_as_they_were() -> None:
    generator = random.Random(3)
    counts = {
        (bytes([number] * 8), b"action..", f"ns-{number % 3}"): Count(
            sum(generator.randrange(1, 2**32) << lane * 32 for lane in generator.sample(range(LANES), 5)), number
        )
        for number in range(50)
    }
    assert merge([pack(counts)]) == counts


def test_lanes_are_added_side_by_side() -> None:
    early, late = 7 << 32, 2**31 << 287 * 32
    counts = {(b"c", b"a", ""): Count(early + late, 1)}
    (total,) = merge([pack(counts)] * 1).values()
    assert read_lanes(total.lanes)[1] == 7 and read_lanes(total.lanes)[287] == 2**31
    assert add_lanes(total.lanes & mask_lanes(1, 2)) == 7
    assert add_lanes(total.lanes & mask_lanes(0, LANES)) == 7 + 2**31
    assert mask_lanes(5, 5) == 0


def test_event_is_counted_in_the_lane_of_its_time() -> None:
    moment = 13 * DAY + 10 * 300_000 + 299_999
    counts = count_events([moment.to_bytes(6, "big") + bytes(10)], [b"c"], [b"a"], ["shop"], [900])
    assert merge([pack(counts)]) == counts == {(b"c", b"a", "shop"): Count(1 << 320, 900)}


def test_every_new_event_is_counted(repository: Repository) -> None:
    send(repository, audit_event(0), audit_event(900), audit_event(901, objectRef={"resource": "nodes"}))
    send(repository, audit_event(5), cluster="other")
    assert counted(repository) == {("prod", "shop"): 2, ("prod", ""): 1, ("other", "shop"): 1}


def test_replayed_batch_is_counted_once(repository: Repository) -> None:
    events = [audit_event(second) for second in range(5)]
    send(repository, *events)
    send(repository, *events)
    send(repository, *events[3:], audit_event(7))
    assert counted(repository) == {("prod", "shop"): 6}


def test_batch_that_was_not_stored_is_not_counted(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise StoreUnavailable("pulled the plug")

    monkeypatch.setattr(Transaction, "record_arrival", break_down)
    with pytest.raises(StoreUnavailable):
        send(repository, audit_event(0))
    monkeypatch.undo()
    assert counted(repository) == {}


def fill(repository: Repository, batches: int, cluster: str = "prod") -> None:
    for number in range(batches):
        send(repository, audit_event(number), audit_event(number + 86_400), cluster=cluster)


def test_summing_changes_no_count(repository: Repository) -> None:
    fill(repository, 20)
    before = counted(repository)
    assert repository.tallies.compact() == 40
    assert counted(repository) == before
    assert len(repository.tallies.select_tallies(0, 2**47)) == 2
    fill(repository, 17)
    assert repository.tallies.compact() == 34
    assert counted(repository) == {("prod", "shop"): 74}
    assert len(repository.tallies.select_tallies(0, 2**47)) == 2


def test_few_tallies_are_left_until_too_many_are_left_in_all(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(repository, 3)
    assert repository.tallies.compact() == 0
    monkeypatch.setattr(tally_store, "MOST_FRESH", 4)
    assert repository.tallies.compact() == 3
    assert counted(repository) == {("prod", "shop"): 6}


def test_processes_that_sum_at_once_count_once(engine: Config) -> None:
    stores = [open_repository(engine) for _ in range(3)]
    stores[0].migrate()
    fill(stores[0], 40)
    threads = [threading.Thread(target=store.tallies.compact) for store in stores]
    for thread in threads:
        thread.start()
    fill(stores[0], 5, "late")
    for thread in threads:
        thread.join()
    assert counted(stores[0]) == {("prod", "shop"): 80, ("late", "shop"): 10}
    for store in stores:
        store.close()


def test_sum_that_another_process_replaced_is_left_alone(repository: Repository) -> None:
    fill(repository, 16)
    ids = [row[0] for row in repository.tallies.list_fresh()]
    day = NOON_US // 1000 // DAY * DAY
    assert repository.tallies.sum_up("prod", day, ids[:16]) == 16
    assert repository.tallies.sum_up("prod", day, ids[:16]) == 0
    assert counted(repository) == {("prod", "shop"): 32}


def test_deadlock_with_another_process_is_left_to_the_next_time(
    mariadb_repository: Repository, mariadb: MariaDB, mariadb_config: Config
) -> None:
    fill(mariadb_repository, 16)
    ids = sorted(row[0] for row in mariadb_repository.tallies.list_fresh())[:16]
    summed: list[int] = []
    with mariadb.connect() as other:
        other.select_db(mariadb_config.db_name)
        cursor = other.cursor()
        cursor.execute("BEGIN")  # a deadlock undoes the one of the two that changed less, so the other changes more
        cursor.execute("INSERT INTO schema_steps (step, applied) SELECT seq + 1000, '' FROM seq_1_to_1000")
        cursor.execute("SELECT id FROM tallies WHERE id = %s FOR UPDATE", (ids[15],))
        day = NOON_US // 1000 // DAY * DAY
        summing = threading.Thread(target=lambda: summed.append(mariadb_repository.tallies.sum_up("prod", day, ids)))
        summing.start()
        wait_for_lock(mariadb)
        cursor.execute("SELECT id FROM tallies WHERE id = %s FOR UPDATE", (ids[0],))
        summing.join(20)
        other.rollback()
    assert summed == [0]
    assert mariadb_repository.tallies.sum_up("prod", day, ids) == 16
    assert counted(mariadb_repository) == {("prod", "shop"): 32}


def wait_for_lock(server: MariaDB) -> None:
    """Wait until a transaction waits for a lock."""
    deadline = time.monotonic() + 20
    with server.connect() as connection, connection.cursor() as cursor:
        while not cursor.execute("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"):
            assert time.monotonic() < deadline, "nobody waits for a lock"
            time.sleep(0.01)


def test_tallies_of_old_days_go_summed_or_not(repository: Repository) -> None:
    fill(repository, 20)
    repository.tallies.compact()
    fill(repository, 2, "other")
    tomorrow = (NOON_US // 1000 // DAY + 1) * DAY
    assert repository.tallies.prune(tomorrow) == 3
    assert counted(repository) == {("prod", "shop"): 20, ("other", "shop"): 2}


def test_sum_lies_in_the_day_that_it_sums() -> None:
    assert int.from_bytes(sum_id(5 * DAY)[:6], "big") == 5 * DAY
