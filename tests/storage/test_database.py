"""Errors of the drivers are classified once, and a transaction is all or nothing."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pymysql
import pytest

from audit_webhook import errors
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.deadline import within
from audit_webhook.storage.database import classify
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.sqlite.file import connect_sqlite
from tests.mariadb import MariaDB


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1213, errors.StoreBusy), (1205, errors.StoreBusy), (1062, errors.DuplicateKey),
        (1045, errors.StoreMisconfigured), (1049, errors.StoreMisconfigured), (1146, errors.StoreMisconfigured),
        (1406, errors.RowRefused), (1366, errors.RowRefused), (2003, errors.StoreUnavailable),
        (2006, errors.StoreUnavailable), (2013, errors.StoreUnavailable), (1040, errors.StoreUnavailable),
        (9007, errors.StoreBusy), (8022, errors.StoreBusy), (8025, errors.RowRefused),
        (1047, errors.StoreUnavailable), (1290, errors.StoreUnavailable), (1114, errors.StoreUnavailable),
    ],
)
def test_code_of_the_server_says_what_to_do(code: int, kind: type[Exception]) -> None:
    assert type(classify(pymysql.err.OperationalError(code, "text"))) is kind


def test_lost_socket_means_that_the_store_is_unavailable() -> None:
    assert type(classify(BrokenPipeError())) is errors.StoreUnavailable


def sqlite_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("text")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_BUSY", errors.StoreBusy), ("SQLITE_LOCKED_SHAREDCACHE", errors.StoreBusy),
        ("SQLITE_CONSTRAINT_PRIMARYKEY", errors.DuplicateKey), ("SQLITE_FULL", errors.StoreUnavailable),
        ("SQLITE_IOERR_WRITE", errors.StoreUnavailable), ("SQLITE_READONLY", errors.StoreUnavailable),
        ("SQLITE_CANTOPEN", errors.StoreMisconfigured), ("SQLITE_NOTADB", errors.StoreMisconfigured),
    ],
)
def test_code_of_sqlite_says_what_to_do(name: str, kind: type[Exception]) -> None:
    assert type(classify(sqlite_error(name))) is kind


def test_transaction_that_fails_in_the_middle_leaves_nothing(repository: Repository) -> None:
    with pytest.raises(RuntimeError), repository.database.write() as cursor:
        cursor.execute("INSERT INTO refusals (cluster, refused, reason, peer) VALUES ('c', 1, 'r', 'p')")
        raise RuntimeError("the process was about to die")
    assert repository.refusals.last_refusals() == []


def test_refused_statement_becomes_an_error_of_the_domain(repository: Repository) -> None:
    with pytest.raises(errors.AuditWebhookError), repository.database.read() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    assert repository.is_ready()


def test_writer_goes_on_after_its_connection_was_killed(mariadb_repository: Repository) -> None:
    with mariadb_repository.database.write() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        ((victim,),) = cursor.fetchall()
    with mariadb_repository.database.read() as reader:
        reader.execute(f"KILL {int(victim)}")
    with pytest.raises(errors.StoreUnavailable), mariadb_repository.database.write() as cursor:
        cursor.execute("SELECT 1")
    mariadb_repository.store("prod", [], [], now())
    assert [contact.cluster for contact in mariadb_repository.contacts()] == ["prod"]


def test_reader_goes_on_after_its_connection_was_killed(mariadb_repository: Repository) -> None:
    with mariadb_repository.database.read() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        ((victim,),) = cursor.fetchall()
    with mariadb_repository.database.write() as killer:
        killer.execute(f"KILL {int(victim)}")
    assert mariadb_repository.contacts() == []


def test_no_call_waits_for_a_frozen_server_beyond_its_deadline(
    mariadb: MariaDB, mariadb_repository: Repository
) -> None:
    mariadb_repository.contacts()
    mariadb_repository.store("prod", [], [], now())
    calls = [lambda: mariadb_repository.store("prod", [], [], now()), mariadb_repository.contacts] * 2
    mariadb.freeze()
    try:
        for call in calls:  # with a connection that was there, then with a new one
            began = time.monotonic()
            with within(0.5), pytest.raises(errors.StoreUnavailable):
                call()
            assert time.monotonic() - began < 1.5
    finally:
        mariadb.thaw()
    mariadb_repository.store("prod", [], [], now())


def test_sync_of_sqlite_that_fails_is_not_taken_for_a_commit(
    sqlite_repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        """A connection whose disk fails at the commit: a failure that cannot be made otherwise."""

        def cursor(self) -> sqlite3.Cursor:
            return real.cursor()

        def commit(self) -> None:
            raise sqlite_error("SQLITE_IOERR_FSYNC")

        def rollback(self) -> None:
            real.rollback()

        def close(self) -> None:
            real.close()

    real = sqlite_repository.database._connect()
    with monkeypatch.context() as broken, pytest.raises(errors.StoreUnavailable):
        broken.setattr(sqlite_repository.database, "_writer", Broken())
        sqlite_repository.store("prod", [], [], now())
    assert sqlite_repository.contacts() == []
    sqlite_repository.store("prod", [], [], now())
    assert [contact.cluster for contact in sqlite_repository.contacts()] == ["prod"]


def test_server_that_refuses_connections_is_unavailable() -> None:
    config = Config.from_env({"WEBHOOK_TOKEN": "t", "DB_HOST": "127.0.0.1", "DB_PORT": "1"})
    repository = open_repository(config)
    with pytest.raises(errors.StoreUnavailable):
        repository.contacts()
    assert not repository.is_ready()


def test_folder_that_does_not_exist_is_a_mistake_in_the_settings(tmp_path: object) -> None:
    repository = open_repository(Config.from_env({"WEBHOOK_TOKEN": "t", "DB_PATH": f"{tmp_path}/none/audit.db"}))
    with pytest.raises(errors.StoreMisconfigured):
        repository.migrate()


def test_new_file_that_another_process_is_just_making_is_waited_for(tmp_path: Path) -> None:
    maker = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, maker.execute, ("COMMIT",))
    release.start()
    opened = connect_sqlite(tmp_path / "new.db")
    assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    release.join()
    opened.close()
    maker.close()
