"""Trouble with the database at the start and later: said clearly, not ready, alive, and well once mended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from audit_webhook.config import Config
from tests.factories import audit_event, event_list
from tests.mariadb import MariaDB
from tests.serving import Answer, Service, get, post

BATCH: Final = event_list([audit_event(user={"username": "żółw 😀"})])
LOOKED_SECONDS: Final = 3.5  # one try to prepare the database more
PATIENCE: Final = 15.0  # 5 are promised; a machine that does much else at the same time gets more
MOST_LINES: Final = 6


class Starting(Service):
    """A service of which nobody expects that it becomes ready."""

    def wait(self, path: str, status: int) -> float:
        """Wait until a page is answered so; give the seconds that it took."""
        began = time.monotonic()
        while get(self.url + path).status != status:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - began < PATIENCE, self.log.read_text()
            time.sleep(0.05)
        return time.monotonic() - began


@contextmanager
def starting(monkeypatch: pytest.MonkeyPatch, folder: Path, **settings: str) -> Iterator[Starting]:
    """Start a service, and wait until it is alive."""
    with monkeypatch.context() as patched:
        patched.setattr("tests.serving.get", lambda url: get(url.replace("/readyz", "/healthz")))
        service = Starting(folder, **settings)
    try:
        yield service
    finally:
        service.end()


def stays_unready(service: Starting, reason: str) -> None:
    """For some seconds it is alive, not ready, refuses batches with a time to come again, and says why, calmly."""
    pid = service.process.pid
    end = time.monotonic() + LOOKED_SECONDS
    while time.monotonic() < end:
        assert (get(f"{service.url}/healthz").status, get(f"{service.url}/readyz").status) == (200, 503)
        time.sleep(0.2)
    answer = post(service.url, BATCH)
    assert answer.status == 503 and answer.headers["Retry-After"].isdigit()
    text = service.log.read_text()
    assert reason in text and "Traceback" not in text
    assert text.count("the database cannot be prepared") <= MOST_LINES
    assert service.process.pid == pid and service.process.poll() is None


def becomes_well(service: Starting) -> None:
    service.wait("/readyz", 200)
    assert post(service.url, BATCH).status == 200
    (event,) = json.loads(get(f"{service.url}/api/v1/events").body)["events"]
    assert event["user"] == "żółw 😀"


@pytest.fixture
def limited(mariadb: MariaDB, mariadb_config: Config) -> Iterator[dict[str, str]]:
    """Settings with a database user who may only read, until a test gives him more."""
    mariadb.execute(f"GRANT SELECT ON {mariadb_config.db_name}.* TO 'weak'@'%' IDENTIFIED BY 'pass'")
    yield {**mariadb.environment(mariadb_config.db_name), "DB_USER": "weak", "DB_PASSWORD": "pass"}
    mariadb.execute("DROP USER 'weak'@'%'")


OPEN: Final = {"ENVIRONMENT": "development"}


def test_missing_right_is_named_until_it_is_given(
    mariadb: MariaDB, limited: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with starting(monkeypatch, tmp_path, **limited, **OPEN) as service:
        stays_unready(service, "command denied to user")
        mariadb.execute(f"GRANT ALL ON {limited['DB_NAME']}.* TO 'weak'@'%'")
        becomes_well(service)


def test_wrong_password_is_named_and_not_repeated(
    limited: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with starting(monkeypatch, tmp_path, **{**limited, "DB_PASSWORD": "not-the-passw0rd"}, **OPEN) as service:
        stays_unready(service, "Access denied for user")
        assert "not-the-passw0rd" not in service.log.read_text()


def test_read_only_server_is_named_until_it_takes_writes(
    mariadb: MariaDB, limited: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mariadb.execute(f"GRANT ALL ON {limited['DB_NAME']}.* TO 'weak'@'%'")
    mariadb.execute("SET GLOBAL read_only = 1")
    try:
        with starting(monkeypatch, tmp_path, **limited, **OPEN) as service:
            stays_unready(service, "--read-only")
            mariadb.execute("SET GLOBAL read_only = 0")
            becomes_well(service)
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3"])
def test_database_of_another_character_set_keeps_every_character(
    mariadb: MariaDB, mariadb_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, charset: str
) -> None:
    mariadb.execute(f"ALTER DATABASE {mariadb_config.db_name} CHARACTER SET {charset}")
    with starting(monkeypatch, tmp_path, **mariadb.environment(mariadb_config.db_name), **OPEN) as service:
        becomes_well(service)
        assert "the database server runs with" not in service.log.read_text()


def test_server_that_does_not_sync_each_commit_is_named_at_the_start(
    mariadb: MariaDB, mariadb_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mariadb.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    try:
        with starting(monkeypatch, tmp_path, **mariadb.environment(mariadb_config.db_name), **OPEN) as service:
            becomes_well(service)
            said = "innodb_flush_log_at_trx_commit=2: a power failure takes transactions that were acknowledged; set"
            assert service.log.read_text().count(said) == 1
    finally:
        mariadb.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")


def test_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.db"
    path.write_bytes(b"somebody's notes, and no database at all. " * 1000)
    with starting(monkeypatch, tmp_path, **OPEN) as service:
        stays_unready(service, "file is not a database")
        assert path.read_bytes().startswith(b"somebody's notes")


def test_probes_tell_within_seconds_that_nothing_can_be_stored_and_that_it_can_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "database").mkdir()
    with MariaDB(tmp_path / "database") as server:
        server.execute("CREATE DATABASE audit")
        with starting(monkeypatch, tmp_path, **server.environment("audit"), **OPEN) as service:
            service.wait("/readyz", 200)
            with watched(lambda: get(f"{service.url}/healthz")) as alive:
                server.stop()
                service.wait("/readyz", 503)
                server.start()
                service.wait("/readyz", 200)
            assert {answer.status for answer in alive} == {200} and max(answer.seconds for answer in alive) < 1


@contextmanager
def watched(ask: Callable[[], Answer]) -> Iterator[list[Answer]]:
    """Ask again and again in the background while the block runs."""
    seen: list[Answer] = []
    done = threading.Event()

    def run() -> None:
        while not done.wait(0.1):
            seen.append(ask())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
