"""The schema comes up by itself, once, and takes events of any day."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from audit_webhook.config import Config
from audit_webhook.errors import StoreBusy, StoreMisconfigured
from audit_webhook.paths import SQL
from audit_webhook.storage import schema
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.schema import make_partitions, steps


def test_schema_is_made_at_the_first_start_and_left_alone_at_the_second(engine: Config) -> None:
    repository = open_repository(engine)
    assert not repository.is_ready()
    assert repository.migrate() == sorted(steps(repository.database.dialect))
    assert repository.migrate() == []
    assert repository.is_ready()
    repository.close()


def test_several_processes_may_start_at_once(engine: Config) -> None:
    repositories = [open_repository(engine) for _ in range(4)]
    applied: list[list[int]] = []
    threads = [threading.Thread(target=lambda each=each: applied.append(each.migrate())) for each in repositories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, applied)) == [0, 0, 0, len(steps(repositories[0].database.dialect))]
    for each in repositories:
        assert each.is_ready()
        each.close()


def test_schema_that_another_process_changes_for_long_is_left_alone(
    mariadb_repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_SECONDS", 0)
    with mariadb_repository.database.read() as cursor:
        cursor.execute("SELECT GET_LOCK(CONCAT('audit_webhook.', DATABASE()), 0)")
        assert cursor.fetchall() == ((1,),)
        with pytest.raises(StoreBusy):
            mariadb_repository.migrate()


def test_start_that_was_cut_off_is_taken_up_again(engine: Config) -> None:
    repository = open_repository(engine)
    repository.migrate()
    with repository.database.write() as cursor:
        cursor.execute("DELETE FROM schema_steps")
        cursor.execute("DROP TABLE quarantine")
    assert repository.migrate() == sorted(steps(repository.database.dialect))
    assert repository.quarantine.usage() == {}
    repository.close()


def test_tables_of_another_version_are_left_alone(repository: Repository) -> None:
    with repository.database.write() as cursor:
        cursor.execute("INSERT INTO schema_steps (step, applied) VALUES (6, 'then')")
    with pytest.raises(StoreMisconfigured, match="another version"):
        repository.migrate()


def partitions(repository: Repository, table: str) -> list[str]:
    with repository.database.read() as cursor:
        cursor.execute(
            "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() "
            "AND table_name = %s ORDER BY partition_ordinal_position",
            (table,),
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.parametrize("table", ["events", "chunks", "postings", "tallies"])
def test_partitions_reach_from_a_week_ago_to_a_week_ahead(mariadb_repository: Repository, table: str) -> None:
    today = datetime.now(UTC).date()
    days = [f"p{today + timedelta(days=offset):%Y%m%d}" for offset in range(-7, 8)]
    assert partitions(mariadb_repository, table) == [*days, "p_future"]


def test_partitions_are_made_ahead_as_days_go_by(mariadb_repository: Repository) -> None:
    later = datetime.now(UTC) + timedelta(days=3)
    with mariadb_repository.database.write() as cursor:
        make_partitions(cursor, later)
    newest = f"p{(later + timedelta(days=7)).date():%Y%m%d}"
    names = partitions(mariadb_repository, "events")
    assert (len(names), names[-2:]) == (19, [newest, "p_future"])


def test_steps_are_numbered_alike_on_both_engines() -> None:
    files = [path.name for path in (SQL / "mysql").glob("*.sql")]
    assert sorted(files) == sorted(path.name for path in (SQL / "sqlite").glob("*.sql"))
    assert list(steps("mysql")) == list(steps("sqlite")) == sorted(int(name[:3]) for name in files)


def test_database_that_is_missing_is_created(mariadb_repository: Repository, mariadb_config: Config) -> None:
    with mariadb_repository.database.write() as cursor:
        cursor.execute(f"DROP DATABASE `{mariadb_config.db_name}`")
    repository = open_repository(mariadb_config)
    assert repository.migrate() == sorted(steps("mysql"))
    repository.close()
