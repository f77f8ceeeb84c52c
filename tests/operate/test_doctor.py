"""The doctor finds what was broken on purpose, says what to do about it, and changes nothing himself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_webhook.access.authentication import HOUR
from audit_webhook.config import Config
from audit_webhook.context import context_of, now
from audit_webhook.evidence.signer import Signer
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.ingest.receive import receive
from audit_webhook.operate.doctor import disk, examine, spool
from audit_webhook.operate.doctor.server import judge_galera
from audit_webhook.storage import server_status as engine_state
from audit_webhook.storage import schema
from audit_webhook.storage.access_store import AccessStore, Token
from audit_webhook.storage.keys import make_or_read_keys
from audit_webhook.storage.repository import Repository, open_repository
from tests.conftest import Server
from tests.doctor import GIB, LONG_TOKEN, found, only
from tests.factories import audit_event, event_list
from tests.mariadb import MariaDB, free_port
from tests.readers import add_user

TUNED = (
    "--log-bin=log", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2", "--skip-innodb-doublewrite",
    "--max-allowed-packet=1M", "--read-only", "--character-set-server=latin1",
)


@pytest.fixture
def production(
    request: pytest.FixtureRequest, engine: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Config:
    """Settings for real use, on each engine, on a machine with a real disk that has room."""
    monkeypatch.setattr(disk, "room_of", lambda folder: (500 * GIB, 1000 * GIB))
    monkeypatch.setattr(spool, "file_system_of", lambda folder: "ext4")
    if engine.db_host:
        request.getfixturevalue("mariadb").execute(f"ALTER DATABASE {engine.db_name} CHARACTER SET utf8mb4")
    add_user(tmp_path / "users.txt", "root", "admin")
    make_or_read_keys(tmp_path / "evidence.key")
    return replace(
        engine, environment="production", evidence_key_file=str(tmp_path / "evidence.key"),
        webhook_token=LONG_TOKEN, ui_users_file=str(tmp_path / "users.txt"),
        spool_dir=str(tmp_path / "spool"), spool_max_bytes=1024**2, http_port=free_port(),
    )


@contextmanager
def serving(config: Config) -> Iterator[Server]:
    """Serve with these settings, on a port of its own."""
    server = Server(config)
    try:
        yield server
    finally:
        server.stop()


def test_all_is_well_with_a_sound_installation(production: Config) -> None:
    with serving(production) as server:
        findings = list(examine(server.config, (), now()))
    assert [each for each in findings if each.status != "ok"] == []
    checks = {each.check for each in findings}
    assert checks >= {
        "settings", "webhook tokens", "readers",
        "evidence", "database", "durability", "schema", "clock", "API tokens", "disk",
        "spool", "port",
    }
    assert (checks >= {"packet", "charset", "rights", "partitions"}) == bool(production.db_host)


def test_examination_makes_neither_database_nor_file(production: Config, mariadb: MariaDB) -> None:
    config = replace(production, db_name="not_there", db_path=f"{production.db_path}.not-there")
    status, what = only(config, "database")
    assert status == "fail" and "not_there" in what if config.db_host else status == "warn"
    assert not Path(config.db_path).exists() and not Path(config.spool_dir).exists()
    with pytest.raises(Exception, match="doesn't exist"):
        mariadb.execute("DROP DATABASE not_there")


def test_database_that_does_not_answer_is_a_failure(production: Config) -> None:
    config = replace(production, db_host="127.0.0.1", db_port=free_port())
    assert only(config, "database")[0] == "fail"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A database on a server that was made quick at the cost of everything else."""
    with MariaDB(tmp_path_factory.mktemp("tuned"), *TUNED) as server:
        server.execute("CREATE DATABASE audit")
        config = Config.from_env(server.environment("audit"), is_serving=False)
        repository = open_repository(config)
        repository.migrate()
        repository.close()
        yield config


@pytest.mark.parametrize(
    ("check", "status", "texts"),
    [
        ("durability", "fail", ["innodb_flush_log_at_trx_commit=2", "innodb_doublewrite=OFF", "sync_binlog=0"]),
        ("packet", "warn", ["max_allowed_packet is 1 MiB"]),
        ("charset", "warn", ["latin1"]),
        ("database", "fail", ["read-only"]),
    ],
)
def test_server_s_weak_setting_is_named(tuned: Config, check: str, status: str, texts: list[str]) -> None:
    problems = found(tuned, check)
    assert len(problems) == len(texts)
    for (how, what), text in zip(problems, texts, strict=True):
        assert how == status and text in what


def test_each_of_several_servers_is_looked_at(
    mariadb_repository: Repository, mariadb_config: Config, tuned: Config
) -> None:
    there = open_repository(replace(tuned, db_name=mariadb_config.db_name))
    there.migrate()
    there.close()
    addresses = [f"127.0.0.1:{port}" for port in (mariadb_config.db_port, tuned.db_port, free_port())]
    config = replace(mariadb_config, db_host=",".join(addresses))
    ((status, what),) = found(config, "database")
    assert status == "warn" and what.startswith(f"{addresses[2]} does not answer")
    assert {what.partition(": ")[0] for _, what in found(config, "durability")} == {addresses[1]}
    alone = replace(config, db_host=",".join(addresses[1:]))
    assert [status for status, _ in found(alone, "database")] == ["warn", "fail"], "none of them takes writes"


@pytest.mark.parametrize(
    ("ready", "size", "status"), [("ON", "3", "ok"), ("ON", "2", "warn"), ("OFF", "1", "fail")]
)
def test_node_without_its_cluster_is_noticed(ready: str, size: str, status: str) -> None:
    galera = {"wsrep_provider_name": "Galera", "wsrep_ready": ready, "wsrep_cluster_size": size}
    assert [each.status for each in judge_galera(galera, 3)] == [status]
    assert list(judge_galera({}, 1)) == []


@pytest.mark.parametrize(
    ("grant", "missing"),
    [
        ("GRANT SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO few", "may not CREATE, ALTER, DROP"),
        ("GRANT ALL PRIVILEGES ON `{}`.* TO few", ""),
        ("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP ON `audit\\_%`.* TO few", ""),
        ("GRANT ALL PRIVILEGES ON *.* TO few", ""),
    ],
)
def test_right_that_is_missing_is_named(mariadb: MariaDB, mariadb_config: Config, grant: str, missing: str) -> None:
    mariadb.execute("CREATE USER few IDENTIFIED BY 'pass word'")
    try:
        mariadb.execute(grant.format(mariadb_config.db_name))
        problems = found(replace(mariadb_config, db_user="few", db_password="pass word"), "rights")
    finally:
        mariadb.execute("DROP USER few")
    assert [missing in what for _, what in problems] == ([True] if missing else [])


@pytest.mark.parametrize(("days", "status"), [(1, ""), (3, "warn"), (12, "fail")])
def test_partitions_that_nobody_makes_any_more_are_noticed(mariadb_config: Config, days: int, status: str) -> None:
    repository = open_repository(mariadb_config)
    schema.migrate(repository.database, datetime.now(UTC) - timedelta(days=days))
    repository.close()
    assert [how for how, _ in found(mariadb_config, "partitions")] == ([status] if status else [])


def test_journal_in_memory_is_a_failure(sqlite_config: Config) -> None:
    assert only(replace(sqlite_config, db_path=":memory:"), "durability")[0] == "fail"


def test_file_that_is_no_database_is_a_failure(sqlite_config: Config) -> None:
    Path(sqlite_config.db_path).write_text("this is not a database, whatever its name says\n" * 100)
    assert only(sqlite_config, "database")[0] == "fail"


@pytest.mark.parametrize(
    ("statement", "status", "text"),
    [
        ("DELETE FROM schema_steps", "warn", "these steps are missing: 10, 20"),
        ("INSERT INTO schema_steps (step, applied) VALUES (999, 'now')", "fail", "newer version has written step 999"),
        ("DROP TABLE schema_steps", "warn", "these steps are missing: 10, 20"),
    ],
)
def test_schema_of_another_version_is_noticed(
    repository: Repository, engine: Config, statement: str, status: str, text: str
) -> None:
    with repository.database.write() as cursor:
        cursor.execute(statement)
    how, what = only(engine, "schema")
    assert how == status and text in what


@pytest.mark.parametrize(("seconds", "status"), [(5, "warn"), (-45, "fail")])
def test_clock_that_differs_from_the_database_s_is_noticed(
    repository: Repository, engine: Config, monkeypatch: pytest.MonkeyPatch, seconds: int, status: str
) -> None:
    ours = engine_state.time.time

    class Clock:
        """A clock that is wrong."""

        time = staticmethod(lambda: ours() + seconds)

    monkeypatch.setattr(engine_state, "time", Clock)
    how, what = only(engine, "clock")
    assert how == status and ("behind" if seconds > 0 else "ahead of") in what


def test_batch_from_the_future_is_noticed(repository: Repository, engine: Config) -> None:
    repository.store("prod", [], [], now() + 3 * HOUR)
    assert only(engine, "clock") == ("warn", "the last batch was received 3 hours from now")


def test_api_token_that_ends_soon_is_named(repository: Repository, engine: Config) -> None:
    for name, hours in (("over", -1), ("soon", 100), ("later", 1000)):
        ends = now() + hours * HOUR
        AccessStore(repository.database).insert_token(Token(name.encode().ljust(32), "alice", name, 0, ends, 0))
    assert only(engine, "API tokens") == ("warn", "within a week end: 'soon' of alice")


def test_what_is_not_signed_is_noticed(repository: Repository, engine: Config, tmp_path: Path) -> None:
    key = tmp_path / "key"
    config = replace(engine, evidence_key_file=str(key))
    assert [status for status, _ in found(replace(engine, evidence_key_file=""), "evidence")] == ["warn"]
    make_or_read_keys(key)
    assert found(config, "evidence") == []
    receive(repository, "prod", event_list([audit_event()]), now())
    assert only(config, "evidence") == ("warn", "batches are stored, and none is signed yet")
    signer = Signer(EvidenceStore(repository.database), str(key), lambda: now() + HOUR // 30)
    assert signer.sign_when_due() and found(config, "evidence") == []
    repository.store("prod", [], [], now() + 2 * HOUR)
    assert [status for status, _ in found(config, "evidence")] == ["warn"]
    key.write_text("no key")
    assert "fail" in [status for status, _ in found(config, "evidence")]


def test_users_file_that_lets_nobody_in_is_noticed(production: Config) -> None:
    assert only(replace(production, ui_users_file="/nowhere/users.txt"), "readers")[0] == "warn"
    path = Path(production.ui_users_file)
    path.write_text("root:admin:everything\nalice:viewer:*:*:0:-\n")
    assert [status for status, _ in found(production, "readers")] == ["fail", "warn"]
    path.unlink()
    path.mkdir()
    assert only(production, "readers")[0] == "fail"


def test_port_where_nothing_or_another_program_answers_is_told(production: Config, mariadb: MariaDB) -> None:
    assert only(production, "port")[0] == "warn"
    assert only(replace(production, http_port=mariadb.port), "port")[0] == "warn"
    with serving(production) as server:
        pages = replace(server.config, ui_port=server.config.http_port, http_port=free_port())
        assert [status for status, _ in found(pages, "port")] == ["warn"]
        context_of(server.app).stopping.set()
        assert only(server.config, "port")[0] == "fail"


def test_settings_that_serve_would_refuse_are_a_failure(sqlite_config: Config) -> None:
    config = replace(sqlite_config, environment="production", workers=4, spool_dir="/tmp")
    assert "WORKERS=4" in only(config, "settings")[1]
    assert found(replace(config, spool_dir="", workers=1, webhook_token=LONG_TOKEN), "settings", ".env: odd") == [
        ("warn", ".env: odd"),
        ("warn", "SPOOL_DIR is not set: events are lost when the database is away for longer than a kube-apiserver "
         "tries again, four to seven minutes with the flags of /setup"),
    ]
