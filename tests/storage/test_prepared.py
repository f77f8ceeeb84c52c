"""Statements that are sent together: one error undoes them all, and no answer is taken for another one's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from audit_webhook.config import Config
from audit_webhook.deadline import within
from audit_webhook.errors import DuplicateKey, StoreBusy, StoreUnavailable
from audit_webhook.ingest.receive import read_batch, receive
from audit_webhook.storage.chunks.hash_chain import Head
from audit_webhook.storage.chunks.layout import lay_out
from audit_webhook.storage.database import Cursor, Database, Pipeline, open_database, pipeline_of
from audit_webhook.storage.mysql.bulk_connection import MOST_UNREAD, PreparedConnection
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.writer import PartlyStored
from tests.factories import NOON_US, audit_event, event_list
from tests.mariadb import MariaDB

INSERT = "INSERT INTO things (id) VALUES (%s)"


@pytest.fixture
def database(mariadb_config: Config) -> Iterator[Database]:
    """A database with a table to write into."""
    opened = open_database(mariadb_config, lambda: None)
    with opened.write() as cursor:
        cursor.execute("CREATE TABLE things (id BIGINT PRIMARY KEY)")
    yield opened
    opened.close()


def pipeline(cursor: Cursor) -> Pipeline:
    found = pipeline_of(cursor)
    assert found is not None
    return found


def stored(database: Database) -> list[int]:
    with database.read() as cursor:
        cursor.execute("SELECT id FROM things ORDER BY id")
        return [number for (number,) in cursor.fetchall()]


def test_rows_that_are_sent_together_are_all_there_once_they_are_committed(database: Database) -> None:
    with database.write() as cursor, pipeline(cursor).together():
        for number in range(200):
            cursor.execute(INSERT, (number,))
        cursor.executemany(INSERT, [(number,) for number in range(200, 2_000)])
    assert stored(database) == list(range(2_000))


@pytest.mark.parametrize("place", range(4))
def test_an_error_of_any_of_them_is_raised_and_undoes_them_all(database: Database, place: int) -> None:
    with database.write() as cursor:
        cursor.execute(INSERT, (7,))
    numbers = [1, 2, 3]
    numbers.insert(place, 7)
    with pytest.raises(DuplicateKey), database.write() as cursor, pipeline(cursor).together():
        for number in numbers:
            cursor.execute(INSERT, (number,))
    with database.write() as cursor:
        cursor.execute(INSERT, (9,))
    assert stored(database) == [7, 9]


def test_error_is_raised_before_what_has_to_be_awaited_is_sent(database: Database) -> None:
    with pytest.raises(DuplicateKey), database.write() as cursor, pipeline(cursor).together():
        cursor.execute(INSERT, (1,))
        cursor.execute(INSERT, (1,))
        cursor.execute("COMMIT")
    assert stored(database) == []


def test_question_in_between_gets_its_own_answer(database: Database) -> None:
    with database.write() as cursor, pipeline(cursor).together():
        for number in range(3):
            cursor.execute(INSERT, (number,))
            cursor.execute("SELECT COUNT(*), %s FROM things", (f"after {number}",))
            assert cursor.fetchall() == ((number + 1, f"after {number}"),)
    assert stored(database) == [0, 1, 2]


def test_error_of_the_caller_leaves_a_connection_whose_answers_were_read(database: Database) -> None:
    connections = set()
    for number in range(3):
        with pytest.raises(DuplicateKey), database.write() as cursor, pipeline(cursor).together():
            cursor.execute(INSERT, (number,))
            connections.add(pipeline(cursor))
            raise DuplicateKey("found out by the caller")
    with database.write() as cursor:
        cursor.execute("SELECT COUNT(*), 'mine' FROM things")
        assert cursor.fetchall() == ((0, "mine"),) and connections == {pipeline(cursor)}


def test_answers_are_read_before_there_are_so_many_that_both_ends_wait(database: Database) -> None:
    with database.write() as cursor, pipeline(cursor).together():
        opened: Any = cursor
        for number in range(3 * MOST_UNREAD):
            cursor.execute(INSERT, (number,))
            assert len(opened.connection._unread) <= MOST_UNREAD
    assert len(stored(database)) == 3 * MOST_UNREAD


def test_batch_of_very_many_windows_is_stored(mariadb_repository: Repository) -> None:
    batch = event_list([audit_event(number * 600) for number in range(1_500)])
    assert receive(mariadb_repository, "prod", batch, NOON_US).stored == 1_500
    assert receive(mariadb_repository, "prod", batch, NOON_US).duplicate == 1_500


@pytest.mark.parametrize("number", [1, 2], ids=["refused", "taken"])
def test_connection_whose_answers_could_not_be_read_in_time_is_not_used_again(
    database: Database, number: int
) -> None:
    with database.write() as cursor:
        cursor.execute(INSERT, (1,))
    with pytest.raises(DuplicateKey), within(0.2), database.write() as cursor, pipeline(cursor).together():
        cursor.execute(INSERT, (number,))
        time.sleep(0.3)
        raise DuplicateKey("found out by the caller")
    with database.write() as cursor:
        cursor.execute("SELECT 42")
        assert cursor.fetchall() == ((42,),)


def test_connection_that_is_lost_before_it_is_rolled_back_is_not_used_again(
    database: Database, mariadb: MariaDB
) -> None:
    with pytest.raises(DuplicateKey), database.write() as cursor:
        cursor.execute(INSERT, (1,))
        opened: Any = cursor
        mariadb.execute(f"KILL {opened.connection.thread_id()}")
        raise DuplicateKey("found out by the caller")
    with database.write() as cursor:
        cursor.execute(INSERT, (2,))
    assert stored(database) == [2]


def test_session_awaits_a_commit_whatever_a_proxy_says_of_it(
    mariadb_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyMySQL asks for that only if the server says that it commits by itself when the connection is made."""
    monkeypatch.setattr(PreparedConnection, "get_autocommit", lambda connection: False)
    opened = open_database(mariadb_config, lambda: None)
    with opened.write() as cursor:
        cursor.execute("SELECT @@autocommit")
        assert cursor.fetchall() == ((0,),)
    opened.close()


def test_connection_that_is_lost_in_between_leaves_nothing(database: Database, mariadb: MariaDB) -> None:
    with pytest.raises(StoreUnavailable), database.write() as cursor, pipeline(cursor).together():
        cursor.execute(INSERT, (1,))
        pipeline(cursor).read_answers()
        opened: Any = cursor
        mariadb.execute(f"KILL {opened.connection.thread_id()}")
        for number in range(2, 5):
            cursor.execute(INSERT, (number,))
    assert stored(database) == []


def test_server_that_is_sent_text_awaits_each_answer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PreparedConnection, "takes_rows", False)
    with database.write() as cursor:
        assert pipeline_of(cursor) is None


def test_batch_of_which_an_event_is_stored_is_told_and_the_next_one_is_stored(repository: Repository) -> None:
    events = [audit_event(number) for number in range(6)]
    receive(repository, "prod", event_list(events[:1]), NOON_US)
    for _ in range(3):
        chunks = lay_out("prod", read_batch("prod", event_list(events[:3]), NOON_US).events.values())
        with pytest.raises(PartlyStored):
            repository.store("prod", chunks, [], NOON_US)
    assert receive(repository, "prod", event_list(events), NOON_US).stored == 5
    assert repository.positions(0).keys() == {repository._head.stream} and repository._head.sequence == 2


@pytest.mark.parametrize("known", [(0, 1, 2), (1,), (0, 2)])
def test_batch_that_is_sent_hastily_and_was_there_adds_only_what_is_new(
    known: tuple[int, ...], repository: Repository
) -> None:
    events = [audit_event(number * 700) for number in range(3)]  # each in a chunk of its own
    receive(repository, "prod", event_list([events[number] for number in known]), NOON_US)
    found = receive(repository, "prod", event_list(events), NOON_US)
    assert (found.stored, found.duplicate) == (3 - len(known), len(known))
    with repository.database.read() as cursor:
        counts = {}
        for table in ("chunks", "events", "seals", "tallies"):
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            ((counts[table],),) = cursor.fetchall()
        cursor.execute("SELECT SUM(events), SUM(duplicates) FROM arrivals")
        assert set(counts.values()) == {3} and [tuple(map(int, row)) for row in cursor.fetchall()] == [(3, len(known))]


def test_seal_that_is_there_already_is_no_chunk_that_is_there_already(repository: Repository) -> None:
    """Or a batch would count as stored that is not."""
    first = repository._head.stream
    for number in range(2):
        receive(repository, "prod", event_list([audit_event(number)]), NOON_US)
    repository._head = Head(first, 1, repository._head.link)
    two_windows = event_list([audit_event(10), audit_event(2_000)])
    chunks = lay_out("prod", read_batch("prod", two_windows, NOON_US).events.values())
    assert len(chunks) == 2
    with pytest.raises(StoreBusy, match="somebody else"):
        repository.store("prod", chunks, [], NOON_US)
    assert receive(repository, "prod", two_windows, NOON_US).stored == 2
    assert repository._head.stream != first


def test_batch_with_values_that_only_text_can_carry_is_stored_once(repository: Repository) -> None:
    """The driver awaits the answer to each statement that it sends as text, and with it those before."""
    broken = [b'{"broken": "' + bytes([65 + number]) * 9_000 for number in range(3)]
    caller = {"username": "u", "groups": [f"group-{number}-{'g' * 60}" for number in range(15)]}
    batch = event_list([audit_event(user=caller), b"[" + b"9" * 9_000 + b"]", *broken])
    for stored in (1, 0, 0):
        found = receive(repository, "prod", batch, NOON_US)
        assert (found.stored, found.duplicate) == (stored, 1 - stored) and found.quarantined
