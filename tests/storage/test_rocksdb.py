"""MariaDB's other storage engine, MyRocks, keeps every promise; the whole suite runs on it with ``--rocksdb``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_webhook.config import Config
from audit_webhook.errors import StoreMisconfigured
from audit_webhook.events.event import rfc3339
from audit_webhook.evidence.verify.schema_tables import find_differences
from audit_webhook.ingest.receive import receive
from audit_webhook.operate.doctor.server import check_server
from audit_webhook.search import feed
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.schema import PARTITIONED, drop_partitions
from tests import trials
from tests.conftest import development
from tests.factories import NOON_US, audit_event, event_list
from tests.mariadb import ROCKSDB, MariaDB
from tests.trials import Arena

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB with MyRocks, which may be killed."""
    with MariaDB(tmp_path_factory.mktemp("rocksdb"), *ROCKSDB) as running:
        yield running


@pytest.fixture
def config(server: MariaDB) -> Iterator[Config]:
    """Settings that lead to an empty database of the server."""
    name = f"rocks_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name}")
    yield development(**server.environment(name))
    server.execute(f"DROP DATABASE {name}")


@pytest.fixture
def rocks(config: Config) -> Iterator[Repository]:
    """An empty store in MyRocks."""
    repository = open_repository(config)
    repository.migrate()
    yield repository
    repository.close()


def engines(repository: Repository) -> set[str]:
    with repository.database.read() as cursor:
        cursor.execute("SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() "
                       "AND table_name <> 'schema_steps'")
        return {str(engine) for (engine,) in cursor.fetchall()}


def test_every_table_is_made_in_the_engine_and_is_as_this_program_makes_it(rocks: Repository) -> None:
    assert engines(rocks) == {"ROCKSDB"}
    assert find_differences(rocks.database) == []
    with rocks.database.write() as cursor:
        cursor.execute("ALTER TABLE seals ENGINE = InnoDB")
    assert [each.name.partition(".")[0] for each in find_differences(rocks.database)][0] in ("key seals", "table seals")


def test_batch_is_stored_once_and_found(rocks: Repository) -> None:
    body = event_list([audit_event(number) for number in range(50)])
    assert receive(rocks, "prod", body, NOON_US).stored == 50
    assert receive(rocks, "prod", body, NOON_US).duplicate == 50
    for query, count in (("", 50), ("verb:get", 50), ("verb:delete", 0)):
        assert len(feed.page(rocks, query, None, 100, NOON_US + 60_000_000).events) == count


def test_days_are_dropped_with_their_partitions(rocks: Repository) -> None:
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    for days in (0, 3):
        moment = int((today - timedelta(days=days)).timestamp() * 1e6)
        receive(rocks, "prod", event_list([audit_event(stageTimestamp=rfc3339(moment))]), moment)
    with rocks.database.write() as cursor:
        for table in PARTITIONED:
            drop_partitions(cursor, table, today - timedelta(days=2))
    left = feed.page(rocks, "", None, 10, int(today.timestamp() * 1e6) + 60_000_000)
    assert len(left.events) == 1


def test_database_killed_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path, server: MariaDB) -> None:
    verdict = trials.kill_database(Arena(tmp_path, server), kills=2)
    assert verdict.is_clean and verdict.acknowledged > 0


def test_server_without_the_engine_is_told_so(mariadb: MariaDB, tmp_path: Path) -> None:
    with ExitStack() as opened:
        has_engine = ROCKSDB[0] in mariadb.options
        plain = opened.enter_context(MariaDB(tmp_path)) if has_engine else mariadb
        plain.execute("CREATE DATABASE without_rocks")
        repository = open_repository(replace(development(**plain.environment("without_rocks")), db_engine="ROCKSDB"))
        with pytest.raises(StoreMisconfigured, match="mariadb-plugin-rocksdb"):
            repository.migrate()
        repository.close()
        plain.execute("DROP DATABASE without_rocks")


def test_doctor_names_a_setting_with_which_commits_can_be_lost(
    rocks: Repository, config: Config, server: MariaDB
) -> None:
    def said() -> str:
        return " ".join(str(finding) for finding in check_server(config, rocks.database))

    assert "rocksdb_flush_log_at_trx_commit=2" not in said()
    server.execute("SET GLOBAL rocksdb_flush_log_at_trx_commit = 2")
    try:
        assert "rocksdb_flush_log_at_trx_commit=2" in said()
    finally:
        server.execute("SET GLOBAL rocksdb_flush_log_at_trx_commit = 1")
