"""The trials of durability: each makes one thing fail while batches come in, and gives what the store has to show.

`tests/test_faults.py` runs them briefly and `tests/soak.py` at length.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.apiserver import ApiServer, batches
from tests.ledger import Ledger, Verdict
from tests.mariadb import MariaDB
from tests.proxy import Proxy
from tests.service import SERVE, Service

PARALLEL = 4
SPEED = 20.0
_numbers = itertools.count(1)


class Arena:
    """A service on an engine, with the ledger of what was sent to it; without a MariaDB, the engine is SQLite."""

    def __init__(
        self, folder: Path, server: MariaDB | None = None, spool: bool = False, program: tuple[str, ...] = SERVE,
        **settings: str,
    ) -> None:
        """Prepare a fresh database and a folder; nothing is started."""
        self.server = server
        self.folder = folder / f"arena{next(_numbers)}"
        self.folder.mkdir()
        if server is not None:
            settings |= server.environment(f"trial_{next(_numbers)}")
        if spool:
            settings |= {"SPOOL_DIR": str(self.folder / "spool")}
        self.service = Service(self.folder, settings, program)
        self.ledger = Ledger()
        self.api = ApiServer(self.service.url, self.ledger, speed=SPEED)

    @property
    def database(self) -> MariaDB:
        """The MariaDB of this arena."""
        assert self.server is not None
        return self.server

    def judge(self) -> Verdict:
        """Compare the ledger with the store."""
        store = self.service.open_store()
        try:
            return self.ledger.judge(store)
        finally:
            store.close()

    @contextmanager
    def load(self, events: int = 50, parallel: int = PARALLEL) -> Iterator[None]:
        """Send batches during the block, and see the last ones through after it."""
        over = threading.Event()
        endless = itertools.takewhile(lambda batch: not over.is_set(), batches(1_000_000, events))
        sender = threading.Thread(target=self.api.send_all, args=(endless, parallel))
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join()


def kill_service(arena: Arena, kills: int) -> Verdict:
    """Kill the service at random moments under load, and start it again each time."""
    with arena.service:
        with arena.load():
            for _ in range(kills):
                time.sleep(random.uniform(0.05, 0.8))
                arena.service.kill()
                arena.service.start()
        return arena.judge()


def kill_database(arena: Arena, kills: int) -> Verdict:
    """Kill mariadbd at random moments under load, and start it again each time."""
    with arena.service:
        with arena.load():
            for _ in range(kills):
                time.sleep(random.uniform(0.2, 1.2))
                arena.database.stop()
                arena.database.start()
                arena.service.wait_until("/readyz", 200, 15)
        return arena.judge()


def lose_answers(arena: Arena, count: int) -> Verdict:
    """Let the answer of every batch be lost after the commit; each is sent again."""
    with arena.service, Proxy(arena.service.port) as proxy:
        api = ApiServer(proxy.url, arena.ledger, speed=100)
        for batch in batches(count, 400):
            proxy.lose(1)
            assert api.send(batch)
        api.close()
        assert proxy.lost == count
        return arena.judge()


def kill_while_spooling(arena: Arena, kills: int) -> Verdict:
    """Kill the service while it fills the spool, then while it drains it."""
    with arena.service:
        arena.database.stop()
        with arena.load():
            for _ in range(kills):
                time.sleep(random.uniform(0.05, 0.8))
                arena.service.kill()
                arena.service.start()
        arena.database.start()
        for _ in range(kills):
            time.sleep(random.uniform(0.05, 0.8))
            arena.service.kill()
            arena.service.start()
        arena.service.wait_until_drained(120)
        return arena.judge()


def outage(arena: Arena, seconds: float) -> Verdict:
    """Let the database be away under load for a while."""
    with arena.service:
        with arena.load():
            time.sleep(0.5)
            arena.database.stop()
            arena.service.wait_until("/readyz", 200 if "SPOOL_DIR" in arena.service.settings else 503, 5)
            time.sleep(seconds)
            arena.database.start()
            arena.service.wait_until("/readyz", 200, 5)
        if "SPOOL_DIR" in arena.service.settings:
            arena.service.wait_until_drained(seconds * 10 + 60)
        return arena.judge()


def freeze(arena: Arena, seconds: float) -> tuple[Verdict, float]:
    """Let the database hang under load; give also the longest wait for ``/healthz`` meanwhile."""
    slowest = 0.0
    with arena.service:
        with arena.load():
            time.sleep(0.5)
            arena.database.freeze()
            end = time.monotonic() + seconds
            try:
                while time.monotonic() < end:
                    slowest = max(slowest, arena.service.wait_until("/healthz", 200, 5))
                    time.sleep(0.05)
            finally:
                arena.database.thaw()
            arena.service.wait_until("/readyz", 200, 5)
        return arena.judge(), slowest


def send_at_once(arena: Arena, count: int) -> Verdict:
    """Send so many batches in the same moment, as after an outage."""
    with arena.service:
        arena.api.send_all(batches(count, 20), count)
        return arena.judge()


def send_to_two(arena: Arena, count: int) -> Verdict:
    """Send each batch to two services on one database at the same moment."""
    other = Service(arena.folder, {k: v for k, v in arena.service.settings.items() if k != "HTTP_PORT"})
    with arena.service, other:
        apis = [ApiServer(service.url, arena.ledger, speed=SPEED) for service in (arena.service, other)]
        together = threading.Barrier(2)
        sent = list(batches(count, 20))

        def work(api: ApiServer) -> None:
            for batch in sent:
                together.wait(60)
                api.send(batch)
            api.close()

        run_together(*(lambda api=api: work(api) for api in apis))
        return arena.judge()


def run_together(*works: Callable[[], None]) -> None:
    """Run functions at the same time and return when all have ended."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
