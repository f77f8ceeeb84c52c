"""The doctor finds what was broken on purpose, says what to do about it, and changes nothing himself."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_webhook import engine_state, schema
from audit_webhook.config import Config
from audit_webhook.doctor import disk, examine, spool
from audit_webhook.doctor.disk import judge_room
from audit_webhook.doctor.finding import say_size
from audit_webhook.doctor.server import judge_galera
from audit_webhook.evidence_store import EvidenceStore
from audit_webhook.reader_store import ReaderStore, Token
from audit_webhook.repository import Repository, open_repository
from audit_webhook.services.ingest import receive
from audit_webhook.services.readers import HOUR
from audit_webhook.services.witness import Witness
from audit_webhook.signing import make_or_read_keys
from audit_webhook.wiring import now, wiring
from tests.conftest import Server
from tests.factories import audit_event, event_list
from tests.mariadb import MariaDB, free_port
from tests.readers import add_user

LONG_TOKEN = "0123456789abcdef0123456789abcdef"
GIB = 1024**3
TUNED = (
    "--log-bin=log", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2", "--skip-innodb-doublewrite",
    "--max-allowed-packet=1M", "--read-only", "--character-set-server=latin1",
)


def found(config: Config, check: str, *warnings: str) -> list[tuple[str, str]]:
    """Give status and text of what a check finds, good news left out."""
    said = [each for each in examine(config, warnings, now()) if each.check == check]
    assert said, f"the doctor says nothing about {check}"
    assert all(bool(each.advice) == (each.status != "ok") for each in said)
    return [(each.status, each.what) for each in said if each.status != "ok"]


def only(config: Config, check: str) -> tuple[str, str]:
    """Give the one thing that is wrong with a check."""
    (problem,) = found(config, check)
    return problem


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
        ("DELETE FROM schema_steps WHERE step = 4", "warn", "step 4 is missing"),
        ("INSERT INTO schema_steps (step, applied) VALUES (999, 'now')", "fail", "newer version has written step 999"),
        ("DROP TABLE schema_steps", "warn", "is missing"),
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
        ReaderStore(repository.database).insert_token(Token(name.encode().ljust(32), "alice", name, 0, ends, 0))
    assert only(engine, "API tokens") == ("warn", "within a week end: 'soon' of alice")


def test_what_is_not_signed_is_noticed(repository: Repository, engine: Config, tmp_path: Path) -> None:
    key = tmp_path / "key"
    config = replace(engine, evidence_key_file=str(key))
    assert [status for status, _ in found(replace(engine, evidence_key_file=""), "evidence")] == ["warn"]
    make_or_read_keys(key)
    assert found(config, "evidence") == []
    receive(repository, "prod", event_list([audit_event()]), now())
    assert only(config, "evidence") == ("warn", "batches are stored, and none is signed yet")
    witness = Witness(EvidenceStore(repository.database), str(key), lambda: now() + HOUR // 30)
    assert witness.sign_when_due() and found(config, "evidence") == []
    repository.store("prod", [], [], now() + 2 * HOUR)
    assert [status for status, _ in found(config, "evidence")] == ["warn"]
    key.write_text("no key")
    assert "fail" in [status for status, _ in found(config, "evidence")]


@pytest.mark.parametrize(
    ("free", "status"), [(100 * GIB, "warn"), (200 * 1024**2, "fail"), (101 * GIB, "ok")]
)
def test_disk_without_room_is_noticed(free: int, status: str) -> None:
    finding = judge_room("/data", free, 1010 * GIB if status == "ok" else 1001 * GIB)
    assert finding.status == status and say_size(free) in finding.what


def test_folder_of_the_database_that_is_missing_is_a_failure(sqlite_config: Config) -> None:
    assert only(replace(sqlite_config, db_path="/nowhere/audit.db"), "disk")[0] == "fail"


def spooling(config: Config, folder: Path, **changes: int) -> Config:
    """Give settings with a spool."""
    return replace(config, spool_dir=str(folder), **{"spool_max_bytes": 1024**2, **changes})


def test_spool_that_is_no_folder_is_a_failure(sqlite_config: Config, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    assert only(spooling(sqlite_config, tmp_path / "spool"), "spool")[0] == "fail"


def test_spool_whose_disk_cannot_sync_is_a_failure(
    sqlite_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        status, what = only(spooling(sqlite_config, tmp_path), "spool")
    assert status == "fail" and "Input/output error" in what
    assert list(tmp_path.iterdir()) == []


def test_spool_in_memory_is_a_failure_in_production(sqlite_config: Config) -> None:
    config = replace(spooling(sqlite_config, Path("/dev/shm")), environment="production")
    status, what = only(config, "spool")
    assert status == "fail" and "tmpfs" in what


def test_spool_that_promises_more_than_its_disk_holds_is_noticed(sqlite_config: Config, tmp_path: Path) -> None:
    status, what = only(spooling(sqlite_config, tmp_path, spool_max_bytes=1024**5), "spool")
    assert status == "warn" and "SPOOL_MAX_BYTES is 1 PiB" in what


def test_what_waits_and_what_was_set_aside_is_noticed(sqlite_config: Config, tmp_path: Path) -> None:
    for folder in ("tmp", "new", "corrupt"):
        (tmp_path / folder).mkdir()
    (tmp_path / "corrupt" / "cut").write_bytes(b"x")
    (tmp_path / "new" / f"{now() - 3 * HOUR:017d}-0123").write_bytes(b"x")
    problems = found(spooling(sqlite_config, tmp_path), "spool")
    assert [status for status, _ in problems] == ["warn", "warn"]
    assert problems[0][1].endswith("not stored: 1") and "the oldest for 3 hours" in problems[1][1]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"prod": LONG_TOKEN}, []),
        ({"prod": "short"}, [("warn", "a token of prod has less than 24 characters and may be guessed")]),
        ({"prod": LONG_TOKEN, "dev": f"# old\n{LONG_TOKEN}\n"}, [("warn", "dev, prod have the same token")]),
        ({"prod": LONG_TOKEN, "My Cluster": LONG_TOKEN}, [("warn", "the file 'My Cluster' counts for nobody")]),
        ({"prod": LONG_TOKEN, "dev": "\n"}, [("warn", "the file 'dev' holds no token")]),
        ({}, [("fail", "nobody may send")]),
    ],
)
def test_tokens_of_clusters_are_looked_at(
    sqlite_config: Config, tmp_path: Path, files: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    problems = found(replace(sqlite_config, webhook_tokens_dir=str(folder)), "webhook tokens")
    assert [status for status, _ in problems] == [status for status, _ in expected]
    assert all(text in what for (_, what), (_, text) in zip(problems, expected, strict=True))


def test_common_token_that_may_be_guessed_is_noticed(sqlite_config: Config) -> None:
    assert only(replace(sqlite_config, webhook_token="secret"), "webhook tokens")[0] == "warn"
    assert only(sqlite_config, "webhook tokens")[0] == "warn"


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
        wiring(server.app).stopping.set()
        assert only(server.config, "port")[0] == "fail"


def test_settings_that_serve_would_refuse_are_a_failure(sqlite_config: Config) -> None:
    config = replace(sqlite_config, environment="production", workers=4, spool_dir="/tmp")
    assert "WORKERS=4" in only(config, "settings")[1]
    assert found(replace(config, spool_dir="", workers=1, webhook_token=LONG_TOKEN), "settings", ".env: odd") == [
        ("warn", ".env: odd"),
        ("warn", "SPOOL_DIR is not set: events are lost when the database is away for longer than a kube-apiserver "
         "tries again, one to four minutes"),
    ]
