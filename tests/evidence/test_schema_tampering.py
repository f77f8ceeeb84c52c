"""A schema that this program did not make is found: views, triggers, other columns, keys and indexes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_webhook.config import Config
from audit_webhook.evidence.verify.schema_tables import find_differences, find_inconsistencies
from tests.factories import NOON_US
from tests.sealed_store import Evidence

ON_SQLITE = (
    ("DROP INDEX events_name; CREATE INDEX events_name ON events (name) WHERE name <> 'web-0'", "events_name"),
    ("DROP INDEX events_audit; CREATE INDEX events_audit ON events (hex(audit_key))", "events_audit"),
    ("CREATE TRIGGER hide AFTER INSERT ON events BEGIN DELETE FROM events WHERE name = 'web-0'; END", "hide"),
    ("ALTER TABLE callers RENAME TO others; CREATE VIEW callers AS SELECT * FROM others", "callers"),
    ("ALTER TABLE callers RENAME COLUMN kind TO sort", "callers"),
    ("CREATE UNIQUE INDEX one ON callers (username)", "one"),
)
ON_MARIADB = (
    ("RENAME TABLE callers TO others; CREATE VIEW callers AS SELECT * FROM others", "callers"),
    ("CREATE TRIGGER hide BEFORE INSERT ON seals FOR EACH ROW SET NEW.events = 0", "hide"),
    ("CREATE EVENT hide ON SCHEDULE EVERY 1 HOUR DO DELETE FROM seals", "hide"),
    ("ALTER TABLE callers MODIFY username VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL", "callers.username"),
    ("ALTER TABLE callers ADD COLUMN hidden INT AS (last_day + 1) VIRTUAL", "callers.hidden"),
    ("ALTER TABLE callers ADD COLUMN hidden INT NOT NULL", "callers.hidden"),
    ("ALTER TABLE callers MODIFY client VARBINARY(32) NULL", "callers.client"),
    ("ALTER TABLE events DROP KEY events_name, ADD KEY events_name (name(3))", "events.events_name"),
    ("ALTER TABLE seals ENGINE = MyISAM", "table seals"),
    ("ALTER TABLE events REMOVE PARTITIONING", "partitions of events"),
    ("ALTER TABLE actions ALTER COLUMN verb SET DEFAULT 'get'", "actions.verb"),
)


def run(evidence: Evidence, statements: str) -> None:
    """Run statements that begin no transaction."""
    for statement in statements.split("; ") if "TRIGGER" not in statements else [statements]:
        with evidence.repository.database.write() as cursor:
            cursor.execute(statement)


def changes(config: Config) -> Iterator[tuple[str, str]]:
    """Yield what is changed on an engine; RocksDB knows no columns that are computed."""
    known = ON_MARIADB if config.db_host else ON_SQLITE
    yield from (each for each in known if config.db_engine != "ROCKSDB" or "VIRTUAL" not in each[0])


@pytest.mark.parametrize("number", range(len(ON_MARIADB)))
def test_schema_that_was_changed_is_found(evidence: Evidence, number: int) -> None:
    evidence.fill(1)
    wanted = list(changes(evidence.config))
    if number >= len(wanted):
        return  # this engine has fewer ways
    statements, place = wanted[number]
    run(evidence, statements)
    found = find_differences(evidence.repository.database)
    assert any(place in each.name for each in found), found
    report = evidence.verify()
    assert "SCHEMA" in report.findings.counts


def test_schema_as_it_was_made_is_right(evidence: Evidence) -> None:
    evidence.fill(1)
    assert find_differences(evidence.repository.database) == []
    if not evidence.config.db_host:
        run(evidence, "ANALYZE")
    run(evidence, "CREATE TABLE of_another_program (id INTEGER)")
    assert find_differences(evidence.repository.database) == [] == find_inconsistencies(evidence.repository.database)


def test_index_that_holds_a_part_of_the_rows_under_the_old_statement_is_found(
    sqlite_config: Config, tmp_path: Path
) -> None:
    evidence = Evidence(sqlite_config, tmp_path / "evidence.key")
    evidence.store_batches(2)
    ((sql,),) = evidence.rows("SELECT sql FROM sqlite_master WHERE name = 'events_name'")
    run(evidence, "DROP INDEX events_name; CREATE INDEX events_name ON events (name) WHERE name <> 'web-0'")
    with evidence.repository.database.write() as cursor:
        cursor.execute("PRAGMA writable_schema = ON")
        cursor.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'events_name'", (sql,))
    evidence.repository.close()
    again = Evidence(sqlite_config, tmp_path / "evidence.key")
    assert find_differences(again.repository.database) == []
    assert any("events_name" in each.text for each in find_inconsistencies(again.repository.database))
    again.store_batches(1, first=NOON_US % 7)
    assert "SCHEMA" in again.kinds()
    again.repository.close()
