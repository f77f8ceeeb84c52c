"""Trials of batches as large as the flags of `/setup` allow: they are stored whole, once, and in bounded memory.

`tests/ingest/test_large.py` runs them at a small scale and `tests/soak.py` in full.
"""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from audit_webhook.events.event import rfc3339
from audit_webhook.evidence.verify.verify import verify
from audit_webhook.storage.keys import Keys
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.apiserver import ApiServer, batches
from tests.factories import audit_event, encode, event_list
from tests.ledger import Ledger, Verdict
from tests.trials import SPEED, Arena, run_together

MIB = 1024**2
MAX_WAIT_SECONDS = 3
"""How long a kube-apiserver with the flags of `/setup` collects a batch."""
LOOK_SECONDS = 0.02
_PAGE = 64


class Seen(NamedTuple):
    """What a trial found beside the verdict: bytes of all processes, before it and at most, and seconds."""

    memory_before: int
    memory: int
    health_seconds: float


class DigestLedger(Ledger):
    """A ledger that holds the hashes of events, of which there are too many bytes to hold."""

    def note_sent(self, events: Iterable[bytes]) -> None:
        """Note what is about to be sent."""
        super().note_sent(sha256(event).digest() for event in events)

    def note_acknowledged(self, events: Iterable[bytes]) -> None:
        """Note what the service has promised to keep."""
        super().note_acknowledged(sha256(event).digest() for event in events)

    def judge(self, repository: Repository) -> Verdict:
        """Compare with all that is stored."""
        stored = [sha256(raw).digest() for raw in _stored(repository)]
        found = set(stored)
        alarms = verify(repository, Keys(None, {})).findings.counts
        return Verdict(
            len(self.acknowledged), len(stored), len(self.acknowledged - found), len(stored) - len(found),
            len(found - self.sent), sum(alarms.values()) - alarms["BAD_SIGNATURE"],
        )


def _stored(repository: Repository) -> Iterator[bytes]:
    """Yield every stored event, newest first."""
    before = LAST
    while located := repository.select_events(EVERYTHING, before, _PAGE):
        for raw in repository.read_chunks(located):
            yield raw.raw
        before = located[-1].id


def large_arena(arena: Arena) -> Arena:
    """Let an arena keep hashes instead of events."""
    arena.ledger = DigestLedger()
    arena.api = ApiServer(arena.service.url, arena.ledger, speed=SPEED)
    return arena


def large_events(count: int, size: int) -> list[bytes]:
    """Return events of about so many bytes, no two alike, that happen now; half of each can be compressed away."""
    noise = random.randbytes(size // 2).hex()
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    found = []
    for number in range(count):
        moment = rfc3339(now + number)
        cut = random.randrange(len(noise))
        body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"blob": noise[cut:] + noise[:cut]}}
        found.append(encode(audit_event(
            level="RequestResponse", verb="create", requestObject=body, stageTimestamp=moment,
            requestReceivedTimestamp=moment,
        )))
    return found


def send_largest(arena: Arena, events: list[bytes]) -> tuple[Verdict, Seen]:
    """Send one batch three times: cut off in the middle, then whole, then again as after a lost answer."""
    with arena.service, _watched(arena) as seen:
        _break_off(arena, event_list(events))
        assert arena.api.send(events) and arena.api.send(events)
        arena.api.close()
        return arena.judge(), seen()


def spool_largest(arena: Arena, events: list[bytes]) -> tuple[Verdict, Seen]:
    """Send one batch while the database is away, and let it be filed once it is back."""
    with arena.service:
        arena.database.stop()
        arena.service.wait_until("/readyz", 200, 15)
        with _watched(arena) as seen:
            assert arena.api.send(events)
            arena.api.close()
            arena.database.start()
            arena.service.wait_until_drained(120)
            return arena.judge(), seen()


def flood(arena: Arena, seconds: int, bytes_a_second: int, size: int) -> tuple[Verdict, Seen]:
    """Send large events at a rate for a while, as one kube-apiserver does, beside small batches of another cluster."""
    over = threading.Event()
    other = ApiServer(arena.service.url, arena.ledger, cluster="quiet", speed=SPEED)

    def send_small() -> None:
        for batch in itertools.takewhile(lambda _: not over.is_set(), batches(1_000_000, 20)):
            assert other.send(batch)
            time.sleep(0.2)
        other.close()

    def send_large() -> None:
        arena.api.send_all(_paced(seconds, bytes_a_second, size), 4)
        over.set()

    with arena.service, _watched(arena) as seen:
        run_together(send_small, send_large)
        return arena.judge(), seen()


def _paced(seconds: int, bytes_a_second: int, size: int) -> Iterator[list[bytes]]:
    due = time.monotonic()
    for _ in range(max(1, seconds // MAX_WAIT_SECONDS)):
        batch = large_events(max(1, bytes_a_second * MAX_WAIT_SECONDS // size), size)
        time.sleep(max(0.0, due - time.monotonic()))
        yield batch
        due += MAX_WAIT_SECONDS


def _break_off(arena: Arena, body: bytes) -> None:
    """Send half of a batch, and close the connection."""
    with socket.create_connection(("127.0.0.1", arena.service.port), 30) as opened:
        head = f"POST /webhook/audit/prod HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        opened.sendall(head.encode() + body[:len(body) // 2])


@contextmanager
def _watched(arena: Arena) -> Iterator["_Watch"]:
    watch = _Watch(arena)
    try:
        yield watch
    finally:
        watch.stop()


class _Watch:
    """Looks at the memory of all processes of a service, and at how long its ``/healthz`` takes."""

    def __init__(self, arena: Arena) -> None:
        process = arena.service.process
        assert process is not None
        self._pid = process.pid
        self._arena = arena
        self._over = threading.Event()
        self._before = self._memory = memory_of_all(self._pid)
        self._health = 0.0
        self._threads = [threading.Thread(target=work) for work in (self._look, self._ask)]
        for thread in self._threads:
            thread.start()

    def __call__(self) -> Seen:
        return Seen(self._before, self._memory, self._health)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._memory = max(self._memory, memory_of_all(self._pid))

    def _ask(self) -> None:
        while not self._over.wait(0.1):
            self._health = max(self._health, self._arena.service.wait_until("/healthz", 200, 10))


def memory_of_all(pid: int) -> int:
    """Return the bytes that a process and its children hold (VmRSS of proc(5)); what they share counts for each."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    own = int(status.partition("VmRSS:")[2].split()[0] or 0) * 1024 if "VmRSS:" in status else 0
    return own + sum(memory_of_all(int(child)) for child in children)
