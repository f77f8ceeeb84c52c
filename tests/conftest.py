"""Real things for the tests: a MariaDB, a SQLite file, the application, a server that listens, a browser."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.operate.server import create_server, run_in_thread
from audit_webhook.storage.repository import Repository, open_repository
from tests.browser import Watcher, open_browser
from tests.mariadb import ROCKSDB, MariaDB, free_port
from tests.sealed_store import Evidence

MEMORY: Final = Path("/dev/shm")
ROOM_BYTES: Final = 8 * 1024**3
_numbers = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def nothing_goes_on() -> Iterator[None]:
    """Let no application outlive its module: what it logs in the background would be taken for another test's."""
    yield
    assert "checkpointer" not in {thread.name for thread in threading.enumerate()}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let all tests that touch MariaDB run with its other storage engine: ``make test ARGS="--rocksdb"``."""
    parser.addoption("--rocksdb", action="store_true", help="make the tables of MariaDB with MyRocks")


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[MariaDB]:
    """A MariaDB server for the whole run; in memory where there is room, as each test makes and drops its tables."""
    options = ROCKSDB if request.config.getoption("--rocksdb") else ()
    if not has_room(MEMORY):
        with MariaDB(tmp_path_factory.mktemp("mariadb"), *options) as server:
            yield server
        return
    with TemporaryDirectory(prefix="mariadb-", dir=MEMORY) as folder, MariaDB(Path(folder), *options) as server:
        yield server


def has_room(folder: Path) -> bool:
    """Return whether a folder can hold what all tests together store."""
    return folder.is_dir() and shutil.disk_usage(folder).free > ROOM_BYTES


@pytest.fixture
def mariadb_config(mariadb: MariaDB) -> Iterator[Config]:
    """Settings that lead to a fresh, empty database of the server."""
    name = f"audit_{next(_numbers)}"
    mariadb.execute(f"CREATE DATABASE {name}")
    yield development(**mariadb.environment(name))
    mariadb.execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def sqlite_config(tmp_path: Path) -> Config:
    """Settings that lead to a fresh SQLite file."""
    return development(DB_PATH=str(tmp_path / "audit.db"))


def development(**settings: str) -> Config:
    """Give settings for a trial on this machine, in which nothing is signed."""
    return Config.from_env({"ENVIRONMENT": "development", "EVIDENCE_KEY_FILE": "none", **settings})


@pytest.fixture(params=["sqlite", "mariadb"])
def engine(request: pytest.FixtureRequest) -> Config:
    """Settings for each of the two engines in turn."""
    config: Config = request.getfixturevalue(f"{request.param}_config")
    return config


@pytest.fixture
def repository(engine: Config) -> Iterator[Repository]:
    """An empty store, ready, on each engine."""
    yield from _opened(engine)


@pytest.fixture
def mariadb_repository(mariadb_config: Config) -> Iterator[Repository]:
    """An empty store, ready, on MariaDB."""
    yield from _opened(mariadb_config)


@pytest.fixture
def sqlite_repository(sqlite_config: Config) -> Iterator[Repository]:
    """An empty store, ready, on SQLite."""
    yield from _opened(sqlite_config)


def _opened(config: Config) -> Iterator[Repository]:
    repository = open_repository(config)
    repository.migrate()
    yield repository
    repository.close()


@pytest.fixture
def app(engine: Config) -> Iterator[Flask]:
    """The application, on each engine."""
    yield from _created(engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the application that needs no socket."""
    return app.test_client()


@pytest.fixture
def sqlite_app(sqlite_config: Config) -> Iterator[Flask]:
    """The application on SQLite, for what does not depend on the engine."""
    yield from _created(sqlite_config)


@pytest.fixture
def sqlite_client(sqlite_app: Flask) -> FlaskClient:
    """A client of the application on SQLite."""
    return sqlite_app.test_client()


def _created(config: Config) -> Iterator[Flask]:
    app = create_app(config)
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


@pytest.fixture
def make_production(engine: Config, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Make applications in production, on each engine; senders have the token `t`."""
    made: list[Flask] = []

    def make_app(**settings: Any) -> Flask:
        basis = replace(engine, environment="production", webhook_token="t", ui_users_file=str(tmp_path / "users"))
        made.append(create_app(replace(basis, **settings)))
        return made[-1]

    yield make_app
    for app in made:
        app.extensions["workers"].stop()
        context_of(app).repository.close()


class Server:
    """The application as waitress serves it, on a free port."""

    def __init__(self, config: Config) -> None:
        """Listen; `url` is where."""
        self.config = replace(config, http_port=free_port())
        self.app = create_app(self.config)
        self.url = f"http://127.0.0.1:{self.config.http_port}"
        self.listener = create_server(self.app, self.config)
        self._thread = run_in_thread(self.listener)

    def stop(self) -> None:
        """Listen no more."""
        self.listener.drain()
        self._thread.join(10)
        self.app.extensions["workers"].stop()
        context_of(self.app).repository.close()


@pytest.fixture
def server(sqlite_config: Config) -> Iterator[Server]:
    """The application really served, on SQLite."""
    running = Server(sqlite_config)
    yield running
    running.stop()


@pytest.fixture
def served(engine: Config) -> Iterator[Server]:
    """The application really served, on each engine."""
    running = Server(engine)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the distribution's package."""
    with open_browser() as opened:
        yield opened


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile."""
    opened = browser.new_context(viewport={"width": 1440, "height": 900})
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that fails the test when the browser reports a violation of the policy or an error of a script."""
    opened = context.new_page()
    watcher = Watcher(opened)
    yield opened
    assert watcher.complaints == []


@pytest.fixture
def evidence(engine: Config, tmp_path: Path) -> Iterator[Evidence]:
    """An empty store with a witness, on each engine."""
    made = Evidence(engine, tmp_path / "evidence.key")
    yield made
    made.repository.close()
