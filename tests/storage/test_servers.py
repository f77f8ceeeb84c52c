"""Of several database servers the first that takes writes is used, and another one within seconds when it fails."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit_webhook import errors
from audit_webhook.config import Config
from audit_webhook.config_parsers import addresses
from audit_webhook.context import now
from audit_webhook.deadline import within
from audit_webhook.storage.health_probe import HealthProbe
from audit_webhook.storage.mysql.failover import Preference
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.apiserver import ApiServer, batches
from tests.ledger import Ledger
from tests.mariadb import MariaDB, free_port
from tests.service import Service

FAILOVER_SECONDS = 5.0


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A second server, which may be killed and frozen."""
    with MariaDB(tmp_path_factory.mktemp("second")) as server:
        yield server


@pytest.fixture(scope="module")
def third(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A third server, which may be killed and frozen."""
    with MariaDB(tmp_path_factory.mktemp("third")) as server:
        yield server


def several(config: Config, *ports: int) -> Config:
    """Give settings that name servers of this machine."""
    return replace(config, db_host=",".join(f"127.0.0.1:{port}" for port in ports))


def port_of(repository: Repository) -> int:
    """Give the port of the server that answers."""
    with repository.database.read() as cursor:
        cursor.execute("SELECT @@port")
        ((port,),) = cursor.fetchall()
        return int(port)


@pytest.fixture
def opened(mariadb_config: Config) -> Iterator[Callable[..., Repository]]:
    """A function that opens a store on servers of these ports."""
    repositories: list[Repository] = []

    def open_on(*ports: int) -> Repository:
        repositories.append(open_repository(several(mariadb_config, *ports)))
        return repositories[-1]

    yield open_on
    for repository in repositories:
        repository.close()


def test_list_of_servers_gives_each_its_port() -> None:
    assert addresses("db", 3306) == addresses("db,db:3306", 3306) == (("db", 3306),)
    assert addresses("db-0.db:3307, 10.0.0.7,[::1]:3308,fd00::7,[fd00::8]", 3306) == (
        ("db-0.db", 3307), ("10.0.0.7", 3306), ("::1", 3308), ("fd00::7", 3306), ("fd00::8", 3306),
    )


@pytest.mark.parametrize("text", [",", "a,", "a,,b", "a b", "a:0", "a:65536", "a:port", "[a]:1"])
def test_list_of_servers_that_is_none_is_a_mistake_in_the_settings(text: str) -> None:
    with pytest.raises(errors.ConfigError, match="DB_HOST=.*is not a list of hosts"):
        Config.from_env({"WEBHOOK_TOKEN": "t0ken", "DB_HOST": text})


def test_server_in_use_is_kept_and_what_failed_lately_is_tried_last() -> None:
    ticks = iter(range(100))
    a, b, c = ("a", 1), ("b", 1), ("c", 1)
    preference = Preference((a, b, c), lambda: float(next(ticks)))
    assert preference.order() == [a, b, c]
    preference.note_failed(a)
    assert preference.note_used(b) and not preference.note_used(b)
    assert preference.order() == [b, c, a]
    preference.note_failed(b)
    assert preference.order() == [c, a, b]
    assert preference.note_used(a) and preference.order() == [a, c, b]


def test_server_that_refuses_is_passed_over_at_once(mariadb: MariaDB, opened: Callable[..., Repository]) -> None:
    repository = opened(free_port(), mariadb.port)
    began = time.monotonic()
    assert port_of(repository) == mariadb.port
    assert time.monotonic() - began < 1


def test_server_that_says_nothing_costs_a_second_and_only_once(
    mariadb: MariaDB, opened: Callable[..., Repository]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        repository = opened(silent.getsockname()[1], mariadb.port)
        began = time.monotonic()
        assert port_of(repository) == mariadb.port
        assert 0.9 < time.monotonic() - began < 2
        began = time.monotonic()
        repository.migrate()  # over a connection of its own
        repository.store("prod", [], [], now())
        assert time.monotonic() - began < 10 and repository.is_ready()


def test_replica_is_passed_over_until_it_is_promoted(
    mariadb: MariaDB, second: MariaDB, opened: Callable[..., Repository]
) -> None:
    second.execute("SET GLOBAL read_only = 1")
    try:
        assert port_of(opened(second.port, mariadb.port)) == mariadb.port
        with pytest.raises(errors.StoreUnavailable, match="does not take writes now"):
            port_of(opened(free_port(), second.port))
    finally:
        second.execute("SET GLOBAL read_only = 0")
    assert port_of(opened(second.port, mariadb.port)) == second.port


def test_failure_of_all_servers_is_told_within_the_time_that_is_left(opened: Callable[..., Repository]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as other:
        repository = opened(silent.getsockname()[1], other.getsockname()[1])
        began = time.monotonic()
        with within(1.5), pytest.raises(errors.StoreUnavailable):
            repository.contacts()
        assert time.monotonic() - began < 2.5


def test_write_that_waits_for_a_frozen_server_is_told_when_the_breaker_has_found_another(
    second: MariaDB, third: MariaDB, opened: Callable[..., Repository]
) -> None:
    repository = opened(second.port, third.port)
    opened(third.port).migrate()
    repository.migrate()
    repository.store("prod", [], [], now())
    health_probe = HealthProbe(repository.is_ready)
    told: list[float] = []

    def write() -> None:
        with pytest.raises(errors.StoreUnavailable):
            repository.store("prod", [], [], now())
        told.append(time.monotonic())

    second.freeze()
    try:
        began = time.monotonic()
        writer = threading.Thread(target=write)
        writer.start()
        health_probe.look()
        writer.join()
        assert not health_probe.is_open() and told[0] - began < FAILOVER_SECONDS
        repository.store("staging", [], [], now())
    finally:
        second.thaw()
    time.sleep(0.1)
    assert port_of(repository) == third.port, "a server that comes back is not returned to"
    assert [contact.cluster for contact in repository.contacts()] == ["staging"]


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_server_that_fails_under_load_is_left_within_seconds_and_the_spool_catches_what_comes(
    fault: str, mariadb_config: Config, second: MariaDB, third: MariaDB, tmp_path: Path
) -> None:
    settings = {
        "DB_HOST": several(mariadb_config, second.port, third.port).db_host, "DB_USER": "root",
        "DB_NAME": f"failover_{fault}", "SPOOL_DIR": str(tmp_path / "spool"),
    }
    for server in (second, third):
        alone = open_alone(server, settings)
        alone.migrate()
        alone.close()
    ledger = Ledger()
    over = threading.Event()
    with Service(tmp_path, settings) as service:
        api = ApiServer(service.url, ledger, speed=20)
        endless = itertools.takewhile(lambda batch: not over.is_set(), batches(100_000, 20))
        sender = threading.Thread(target=api.send_all, args=(endless, 4))
        sender.start()
        time.sleep(1)
        before = len(ledger.acknowledged)
        second.stop() if fault == "kill" else second.freeze()
        began = time.monotonic()
        try:
            moved = wait_for_events(third, settings["DB_NAME"]) - began
            time.sleep(0.5)
        finally:
            second.start() if fault == "kill" else second.thaw()
            over.set()
            sender.join()
        service.wait_until_drained(30)
    found = stored(second, settings) | stored(third, settings)
    assert 0 < before < len(ledger.acknowledged) and ledger.acknowledged <= found
    assert moved < FAILOVER_SECONDS and ledger.statuses() == {200} and ledger.slowest() < 2 * FAILOVER_SECONDS


def wait_for_events(server: MariaDB, database: str) -> float:
    """Wait until a server has been given events, and give that moment."""
    connection = server.connect()
    end = time.monotonic() + 30
    try:
        while time.monotonic() < end:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM {database}.chunks")
                if cursor.fetchall() != ((0,),):
                    return time.monotonic()
            time.sleep(0.05)
    finally:
        connection.close()
    raise AssertionError("no event came")


def stored(server: MariaDB, settings: dict[str, str]) -> set[bytes]:
    """Give what a server holds."""
    repository = open_alone(server, settings)
    try:
        return {raw.raw for raw in repository.read_chunks(repository.select_events(EVERYTHING, LAST, 1_000_000))}
    finally:
        repository.close()


def open_alone(server: MariaDB, settings: dict[str, str]) -> Repository:
    """Open the store of one server alone."""
    own = server.environment(settings["DB_NAME"])
    return open_repository(Config.from_env({"WEBHOOK_TOKEN": "t", **settings, **own}))
