"""Connections are spread over the processes on one socket, and none waits for a process that does not answer."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from audit_webhook.config import Config
from audit_webhook.operate.server import balance
from audit_webhook.operate.server.balance import Balance, Counts
from tests.operate.test_workers import settings_of, wait_for
from tests.serving import Service, get, serving

WORKERS = 3
ESTABLISHED = "01"


def connections(service: Service) -> Counter[int]:
    """Count the connections that each worker has accepted, as the kernel knows them (proc(5))."""
    local = f":{service.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(local) and row[3] == ESTABLISHED}
    return Counter({
        child: sum(_target(link) in sockets for link in Path(f"/proc/{child}/fd").iterdir())
        for child in service.children()[:WORKERS]
    })


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # closed in the meantime
        return ""


def test_no_worker_has_twice_the_connections_of_another(mariadb_config: Config, tmp_path: Path) -> None:
    with serving(tmp_path, WORKERS=str(WORKERS), **settings_of(mariadb_config)) as service, ExitStack() as opened:
        wait_for(lambda: service.log.read_text().count("listening on") == WORKERS and not connections(service).total())
        for _ in range(8 * WORKERS):
            opened.enter_context(socket.create_connection(("127.0.0.1", service.port), 10))
        wait_for(lambda: connections(service).total() == 8 * WORKERS)
        assert max(connections(service).values()) <= 2 * min(connections(service).values())


def test_frozen_worker_keeps_no_connection_waiting(mariadb_config: Config, tmp_path: Path) -> None:
    with serving(tmp_path, WORKERS="2", **settings_of(mariadb_config)) as service, ExitStack() as opened:
        wait_for(lambda: service.log.read_text().count("listening on") == 2)
        for _ in range(2):
            opened.enter_context(socket.create_connection(("127.0.0.1", service.port), 10))
        wait_for(lambda: connections(service).total() == 2)
        frozen = service.children()[0]
        os.kill(frozen, signal.SIGSTOP)
        try:
            answers = [get(f"{service.url}/healthz", 2) for _ in range(4)]
        finally:
            os.kill(frozen, signal.SIGCONT)
        assert [answer.status for answer in answers] == [200] * 4
        assert max(answer.seconds for answer in answers) < 1


def test_process_with_more_connections_leaves_the_next_for_a_moment_only() -> None:
    counts = Counts(2)
    ours, theirs = Balance(counts, 0), Balance(counts, 1)
    assert not ours.leaves_it()
    ours.note(1)
    assert (ours.leaves_it(), theirs.leaves_it()) == (True, False)
    assert ours.is_waiting()
    time.sleep(balance.WAIT_SECONDS)
    assert (ours.leaves_it(), ours.is_waiting()) == (False, False)
    assert ours.leaves_it()
    theirs.note(1)
    assert not ours.leaves_it()


def test_process_that_starts_again_has_no_connections() -> None:
    counts = Counts(2)
    Balance(counts, 0).note(7)
    assert list(counts.numbers) == [7, 0]
    Balance(counts, 0)
    assert list(counts.numbers) == [0, 0]
