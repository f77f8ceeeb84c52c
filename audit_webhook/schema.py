"""Brings the tables to the newest schema step, and keeps a day's partition ready for every day to come.

A step is a file ``sql/<dialect>/NNN_what.sql`` of statements that may be run again: MariaDB commits each DDL statement
by itself, so a start that was cut off begins the same step once more. Several processes may start at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from audit_webhook.database import Cursor, Database
from audit_webhook.errors import AuditWebhookError, StoreBusy, StoreMisconfigured
from audit_webhook.identity import time_bound
from audit_webhook.resources import SQL

logger: Final = logging.getLogger(__name__)

PARTITIONED: Final = ("events", "chunks", "postings", "tallies")
DAYS_BEHIND: Final = 7
DAYS_AHEAD: Final = 7
LOCK_SECONDS: Final = 8
DROP_LOCK_SECONDS: Final = 1
MIGRATION_SECONDS: Final = 600
_NO_TABLE: Final = ("no such table", "(1146,")
_STEPS_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER NOT NULL PRIMARY KEY, applied VARCHAR(32) NOT NULL)"
)


def migrate(database: Database, now: datetime | None = None) -> list[int]:
    """Apply the steps that are missing and make the partitions; give the numbers of the steps applied."""
    with database.write(MIGRATION_SECONDS) as cursor:
        _lock(cursor, database.dialect)
        try:
            applied = _apply_missing(cursor, database.dialect)
            if database.dialect == "mysql":
                make_partitions(cursor, now or datetime.now(UTC))
        finally:
            _unlock(cursor, database.dialect)
    return applied


def _apply_missing(cursor: Cursor, dialect: str) -> list[int]:
    cursor.execute(_STEPS_TABLE)
    cursor.execute("SELECT step FROM schema_steps")
    done = {step for (step,) in cursor.fetchall()}
    known = steps(dialect)
    if done - known.keys():
        raise StoreMisconfigured("another version of this program made the tables; give this one an empty database")
    missing = {number: text for number, text in known.items() if number not in done}
    for number, text in missing.items():
        for statement in _statements(text):
            cursor.execute(statement)
        placeholder = "?" if dialect == "sqlite" else "%s"
        cursor.execute(
            f"INSERT INTO schema_steps (step, applied) VALUES ({placeholder}, {placeholder})",
            (number, datetime.now(UTC).isoformat(timespec="seconds")),
        )
        logger.info("schema step %d applied", number)
    return sorted(missing)


def steps(dialect: str) -> dict[int, str]:
    """Give the texts of a dialect's schema steps by their numbers, in order."""
    return {int(path.name[:3]): path.read_text("utf-8") for path in sorted((SQL / dialect).glob("[0-9]*.sql"))}


def _statements(text: str) -> list[str]:
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in bare.split(";") if statement.strip()]


def _lock(cursor: Cursor, dialect: str) -> None:
    """Let one process at a time change the schema; SQLite's write transaction already does."""
    if dialect == "mysql":
        # A lock's name has at most 64 characters, as many as a database's.
        cursor.execute("SELECT GET_LOCK(LEFT(CONCAT('audit_webhook.', DATABASE()), 64), %s)", (LOCK_SECONDS,))
        if cursor.fetchall()[0][0] != 1:
            raise StoreBusy("another process is changing the schema")


def _unlock(cursor: Cursor, dialect: str) -> None:
    if dialect == "mysql":
        cursor.execute("SELECT RELEASE_LOCK(LEFT(CONCAT('audit_webhook.', DATABASE()), 64))")
        cursor.fetchall()


@contextmanager
def locked(cursor: Cursor) -> Iterator[None]:
    """Let no other process change partitions of a MariaDB meanwhile."""
    _lock(cursor, "mysql")
    try:
        yield
    finally:
        _unlock(cursor, "mysql")


def drop_partitions(cursor: Cursor, table: str, before: datetime) -> None:
    """Drop the partitions of the days before a midnight in UTC.

    Waits at most a second for searches that are reading the table: whoever stores something waits behind.
    """
    expired = sorted(name for name in _partitions(cursor, table) if name < f"p{before:%Y%m%d}")
    if expired:
        cursor.execute(f"SET SESSION lock_wait_timeout = {DROP_LOCK_SECONDS}")
        cursor.execute(f"ALTER TABLE {table} DROP PARTITION {', '.join(expired)}")
        cursor.execute("SET SESSION lock_wait_timeout = DEFAULT")


def _partitions(cursor: Cursor, table: str) -> set[str]:
    cursor.execute(
        "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = %s",
        (table,),
    )
    return {name.decode() if isinstance(name, bytes) else name for (name,) in cursor.fetchall()}


def make_partitions(cursor: Cursor, now: datetime) -> None:
    """Split the days from a week ago to a week ahead off the last partition, in each partitioned table.

    What lies before the first partition goes into it, what lies after the last day into ``p_future``: an event whose
    day has no partition yet is stored all the same.
    """
    first = (now - timedelta(days=DAYS_BEHIND)).date()
    for table in PARTITIONED:
        newest = max(_partitions(cursor, table) - {"p_future"}, default="")
        days = [first + timedelta(days=offset) for offset in range(DAYS_BEHIND + DAYS_AHEAD + 1)]
        names = {f"p{day:%Y%m%d}": time_bound(_midnight_after(day.isoformat())).hex() for day in days}
        wanted = {name: bound for name, bound in names.items() if name > newest}
        if wanted:
            cursor.execute(_split_statement(table, wanted))


def _midnight_after(day: str) -> int:
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    return int(midnight.timestamp() * 1000)


def _split_statement(table: str, bounds: dict[str, str]) -> str:
    days = ", ".join(f"PARTITION {name} VALUES LESS THAN (x'{bound}')" for name, bound in bounds.items())
    future = "PARTITION p_future VALUES LESS THAN (MAXVALUE)"
    return f"ALTER TABLE {table} REORGANIZE PARTITION p_future INTO ({days}, {future})"


def is_current(database: Database) -> bool:
    """Whether every schema step has been applied."""
    try:
        return not missing_steps(database)
    except AuditWebhookError:
        return False


def missing_steps(database: Database) -> list[int]:
    """Give the steps that were not applied yet, all of them where there are no tables; raises what `classify` makes."""
    done: set[int] = set()
    try:
        with database.read() as cursor:
            cursor.execute("SELECT step FROM schema_steps")
            done = {step for (step,) in cursor.fetchall()}
    except StoreMisconfigured as error:
        if not str(error).startswith(_NO_TABLE):
            raise
    return sorted(steps(database.dialect).keys() - done)
