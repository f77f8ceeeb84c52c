"""The trials of durability: each makes one thing fail while batches come in, and gives what the store has to show.

`tests/ingest/test_faults.py` runs them briefly and `tests/soak.py` at length.
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
READY_SECONDS = 15.0  # 5 are promised; a machine that does much else at the same time gets more
_numbers = itertools.count(1)


class Arena:
    """A service on an engine, with the ledger of what was sent to it; without a MariaDB, the engine is SQLite."""

    def __init__(
        self, folder: Path, server: MariaDB | None = None, spool: bool = False, program: tuple[str, ...] = SERVE,
        speed: float = SPEED, parallel: int = PARALLEL, **settings: str,
    ) -> None:
        """Prepare a fresh database and a folder; nothing is started."""
        self.server = server
        self.folder = folder / f"arena{next(_numbers)}"
        self.folder.mkdir()
        if server is not None:
            settings |= server.environment(f"trial_{next(_numbers)}")
        if spool:
            settings = {"SPOOL_DIR": str(self.folder / "spool"), **settings}
        self.service = Service(self.folder, settings, program)
        self.ledger = Ledger()
        self.api = ApiServer(self.service.url, self.ledger, speed=speed)
        self.parallel = parallel

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

    def wait_for_answer(self, status: int) -> None:
        """Wait until a sender has had this answer."""
        end = time.monotonic() + 30
        while status not in self.ledger.statuses():
            assert time.monotonic() < end, f"nobody was answered {status}"
            time.sleep(0.05)

    @contextmanager
    def load(self, events: int = 50, source: Iterator[list[bytes]] | None = None) -> Iterator[None]:
        """Send batches during the block, and see the last ones through after it."""
        over = threading.Event()
        endless = itertools.takewhile(lambda batch: not over.is_set(), source or batches(1_000_000, events))
        sender = threading.Thread(target=self.api.send_all, args=(endless, self.parallel))
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
                arena.service.wait_until("/readyz", 200, READY_SECONDS)
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
            arena.service.wait_until("/readyz", 200 if "SPOOL_DIR" in arena.service.settings else 503, READY_SECONDS)
            time.sleep(seconds)
            arena.database.start()
            arena.service.wait_until("/readyz", 200, READY_SECONDS)
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
                arena.wait_for_answer(503)
            finally:
                arena.database.thaw()
            arena.service.wait_until("/readyz", 200, READY_SECONDS)
        return arena.judge(), slowest


def long_outage(arena: Arena, seconds: float, rate: float) -> tuple[Verdict, float, int]:
    """Let the database be away while so many batches come every second, and go on coming.

    Gives also the speed of the drain, in batches stored from the spool for each that came meanwhile, and by how many
    bytes the service grew.
    """
    with arena.service:
        arena.api.send_all(batches(5, 400), 1)
        before = arena.service.memory()
        arena.database.stop()
        arena.service.wait_until("/readyz", 200, READY_SECONDS)
        paced = paced_batches(rate, 400)
        with arena.load(source=paced):
            time.sleep(seconds)
            arena.database.start()
            most, began = 0, time.monotonic()
            while (waiting := arena.service.spooled()) >= most:
                most = waiting
                assert time.monotonic() - began < 10, "nothing is drained"
                time.sleep(0.02)
            spent = arena.service.wait_until_drained(seconds + 30)
        grown = arena.service.memory() - before
        return arena.judge(), waiting / spent / rate, grown


def paced_batches(rate: float, events: int) -> Iterator[list[bytes]]:
    """Give so many batches a second."""
    due = time.monotonic()
    for batch in batches(1_000_000, events):
        due = max(due + 1 / rate, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        yield batch


def lock_rows(arena: Arena, seconds: float) -> tuple[Verdict, set[int]]:
    """Let another session hold the events' locks in the middle of a batch; give also what others saw of it."""
    batch = next(batches(1, 400))
    seen = set()
    with arena.service:
        blocker, watcher = arena.database.connect(), arena.database.connect()
        name = arena.service.settings["DB_NAME"]
        with blocker.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            cursor.execute("START TRANSACTION")
            cursor.execute(f"SELECT id FROM {name}.events FOR UPDATE")
        sender = threading.Thread(target=arena.api.send_all, args=([batch], 1))
        sender.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end or sender.is_alive():
            with watcher.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM {name}.chunks UNION ALL SELECT COUNT(*) FROM {name}.events")
                seen |= {count for (count,) in cursor.fetchall()}
            time.sleep(0.05)
            if time.monotonic() > end:
                blocker.rollback()
        sender.join()
        blocker.close()
        watcher.close()
        return arena.judge(), seen


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


def share_spool(arena: Arena, seconds: float) -> Verdict:
    """Let two services fill one spool while the database is away, and empty it together."""
    other = Service(arena.folder, {k: v for k, v in arena.service.settings.items() if k != "HTTP_PORT"})
    with arena.service, other:
        arena.database.stop()
        second = ApiServer(other.url, arena.ledger, speed=SPEED)
        end = time.monotonic() + seconds
        few = itertools.takewhile(lambda batch: time.monotonic() < end, batches(1_000_000, 20))
        with arena.load(events=20):
            second.send_all(few, PARALLEL)
        arena.database.start()
        arena.service.wait_until_drained(60)
        return arena.judge()


def run_together(*works: Callable[[], None]) -> None:
    """Run functions at the same time and return when all have ended."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
