"""Brings the tables to the newest schema step, and keeps a day's partition ready for every day to come.

A step is a file ``sql/<dialect>/NNN_what.sql`` of statements that may be run again: MariaDB commits each DDL statement
by itself, so a start that was cut off begins the same step once more. Several processes may start at once.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from audit_webhook.errors import AuditWebhookError, StoreBusy, StoreMisconfigured
from audit_webhook.events.ids import time_bound
from audit_webhook.paths import SQL
from audit_webhook.storage.database import Cursor, Database

logger: Final = logging.getLogger(__name__)

PARTITIONED: Final = ("events", "chunks", "postings", "tallies")
DAYS_BEHIND: Final = 7
DAYS_AHEAD: Final = 7
LOCK_SECONDS: Final = 8
DROP_LOCK_SECONDS: Final = 1
MIGRATION_SECONDS: Final = 600
DEFAULT_ENGINE: Final = "ENGINE = InnoDB"
"""How each statement of MariaDB's steps names the storage engine, in whose place the one of ``DB_ENGINE`` is put."""
_NO_TABLE: Final = ("no such table", "(1146,")
STEPS_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER NOT NULL PRIMARY KEY, applied VARCHAR(32) NOT NULL)"
)


def migrate(database: Database, now: datetime | None = None) -> list[int]:
    """Apply the steps that are missing and make the partitions; give the numbers of the steps applied."""
    with database.write(MIGRATION_SECONDS) as cursor:
        _lock(cursor, database.dialect)
        try:
            applied = _apply_missing(cursor, database)
            if database.dialect == "mysql":
                make_partitions(cursor, now or min(datetime.now(UTC), _server_time(cursor)))
        finally:
            _unlock(cursor, database.dialect)
    return applied


def _apply_missing(cursor: Cursor, database: Database) -> list[int]:
    dialect = database.dialect
    cursor.execute(STEPS_TABLE)
    cursor.execute("SELECT step FROM schema_steps")
    done = {step for (step,) in cursor.fetchall()}
    known = steps(dialect)
    if done - known.keys():
        raise StoreMisconfigured("another version of this program made the tables; give this one an empty database")
    missing = {number: text for number, text in known.items() if number not in done}
    for number, text in missing.items():
        for statement in statements_of(text):
            cursor.execute(statement.replace(DEFAULT_ENGINE, f"ENGINE = {database.engine}"))
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


def statements_of(text: str) -> list[str]:
    """Return the statements of a step's text."""
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


def drop_partitions(cursor: Cursor, table: str, before: datetime, kept: Collection[str] = ()) -> None:
    """Drop the partitions of the days before a midnight in UTC, but for those that hold a kept day (``p20261123``).

    Waits at most a second for searches that are reading the table: whoever stores something waits behind.
    """
    names = sorted(_partitions(cursor, table))
    needed = {names[bisect_left(names, day)] for day in kept}  # what has no partition of its own lies in the next one
    expired = [name for name in names if name < f"p{before:%Y%m%d}" and name not in needed]
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
    """Split the days from a week ago to a week ahead off the partitions that hold them, in each partitioned table.

    What lies before the first partition goes into it, what lies after the last day into ``p_future``: an event whose
    day has no partition yet is stored all the same. A clock that was ahead has left a partition that holds all days up
    to its own; the days are split off that one.
    """
    first = (now - timedelta(days=DAYS_BEHIND)).date()
    for table in PARTITIONED:
        known = sorted(_partitions(cursor, table))
        if not known:  # seen on Galera, while another node made them
            raise StoreBusy(f"the partitions of {table} cannot be read while another process makes them")
        names = [f"p{first + timedelta(days=offset):%Y%m%d}" for offset in range(DAYS_BEHIND + DAYS_AHEAD + 1)]
        for covering, group in groupby(names, lambda name: known[bisect_left(known, name)]):
            wanted = [name for name in group if name != covering]
            if wanted and (covering != known[0] or covering > names[-1]):
                cursor.execute(_split_statement(table, covering, wanted))


def _server_time(cursor: Cursor) -> datetime:
    """Return what the server's clock shows: of two clocks, the one that is ahead may be wrong by a year."""
    cursor.execute("SELECT UNIX_TIMESTAMP()")
    return datetime.fromtimestamp(int(cursor.fetchall()[0][0]), UTC)


def _midnight_after(day: str) -> int:
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    return int(midnight.timestamp() * 1000)


def _split_statement(table: str, covering: str, names: list[str]) -> str:
    parts = ", ".join(f"PARTITION {name} VALUES LESS THAN ({_bound_of(name)})" for name in (*names, covering))
    return f"ALTER TABLE {table} REORGANIZE PARTITION {covering} INTO ({parts})"


def _bound_of(name: str) -> str:
    if name == "p_future":
        return "MAXVALUE"
    return f"x'{time_bound(_midnight_after(f'{name[1:5]}-{name[5:7]}-{name[7:9]}')).hex()}'"


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
