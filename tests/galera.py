"""A real Galera cluster of three nodes on the loopback address, any of which can be killed, cut off and taken back."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pymysql

from tests.mariadb import MariaDB, free_port

NODES = 3
PROVIDER = "/usr/lib/galera/libgalera_smm.so"
READY_SECONDS = 90.0
STOP_SECONDS = 60.0
# How long a silent node is waited for. Galera's own values are 5 and 15 seconds: then a batch waits as long.
PATIENCE = "evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S"


class Node(MariaDB):
    """One node; it takes its data from another one when it starts without any."""

    def __init__(self, folder: Path, group_port: int, members: str) -> None:
        """Lay the node's files into a folder; ``members`` are the addresses of all nodes."""
        super().__init__(folder)
        self.user = database_user()
        self._members = members
        self._provider = [
            "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--innodb-buffer-pool-size=64M",
            "--wsrep-on=ON", f"--wsrep-provider={PROVIDER}", "--wsrep-node-address=127.0.0.1",
            f"--wsrep-node-name={folder.name}", "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
            f"--wsrep-provider-options=base_port={group_port};gmcast.listen_addr=tcp://127.0.0.1:{group_port};"
            f"ist.recv_addr=127.0.0.1:{free_port()};gcache.size=32M;{PATIENCE}",
        ]
        self._make(folder)

    def begin(self) -> None:
        """Install the system tables and start as the first node of a new cluster."""
        self._run_install()
        self._start("gcomm://")

    def start(self) -> None:
        """Start, join the others, and wait until the node takes statements."""
        self._make(self.folder / "data")
        self._start(f"gcomm://{self._members}")
        self.wait_until_ready()

    def _make(self, folder: Path) -> None:
        if not folder.exists():
            folder.mkdir()
            if os.getuid() == 0:
                shutil.chown(folder, self.user, self.user)

    def _start(self, address: str) -> None:
        self.options = (*self._provider, f"--wsrep-cluster-address={address}")
        super().start()

    def terminate(self) -> None:
        """Ask the node to end and wait until it has."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)
        self.process = None

    def forget(self) -> None:
        """Lose all data of the node, which must not run."""
        shutil.rmtree(self.folder / "data")

    def isolate(self, is_isolated: bool = True) -> None:
        """Cut the node off from the others, or let it back; those who connect to it notice nothing of that."""
        self.execute(f"SET GLOBAL wsrep_provider_options = 'gmcast.isolate={int(is_isolated)}'")

    def take_over(self) -> None:
        """Go on without the others, as an operator decides who knows that they are gone."""
        self.execute("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'")

    def status(self, name: str) -> str:
        """Give one of the node's status variables."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW STATUS LIKE %s", (name,))
                return str(dict(cursor.fetchall()).get(name, ""))
        finally:
            connection.close()

    def conflicts(self) -> int:
        """Give how many transactions of this node lost against those of others."""
        return int(self.status("wsrep_local_cert_failures")) + int(self.status("wsrep_local_bf_aborts"))

    def wait_until_ready(self, state: str = "ON") -> None:
        """Wait until the node takes statements, or until it does no more; one that joins may cut us off meanwhile."""

        def has_state() -> bool:
            assert self.process is not None and self.process.poll() is None, (self.folder / "log").read_text()[-5000:]
            with suppress(pymysql.err.OperationalError):
                return self.status("wsrep_ready") == state
            return False

        wait_for(has_state, f"{self.folder.name} is not ready: {state}")


class Galera:
    """Three nodes; they end with the ``with`` block."""

    def __init__(self) -> None:
        """Lay everything out in a folder of its own, which the user of the database can reach."""
        self._folder = tempfile.TemporaryDirectory(prefix="galera")
        os.chmod(self._folder.name, 0o755)
        ports = [free_port() for _ in range(NODES)]
        members = ",".join(f"127.0.0.1:{port}" for port in ports)
        self.nodes = [Node(Path(self._folder.name) / f"node{n}", port, members) for n, port in enumerate(ports)]

    def __enter__(self) -> Self:
        """Start the first node, then the others, one after the other.

        Two that join at once may find each other first, and then take long to find the one that the cluster began with.
        """
        try:
            self.nodes[0].begin()
            for node in self.nodes[1:]:
                node.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every node for sure."""
        self.stop()

    def stop(self) -> None:
        """Kill every node and delete all files."""
        for node in self.nodes:
            node.stop()
        self._folder.cleanup()

    def environment(self, database: str, first: int = 0) -> dict[str, str]:
        """Give the settings that lead the program to a database, this node first."""
        order = [*self.nodes[first:], *self.nodes[:first]]
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in order)
        return {"DB_HOST": hosts, "DB_USER": "root", "DB_NAME": database}

    def wait_until_alike(self, database: str) -> None:
        """Wait until every node holds as many events."""
        counts: list[int] = []

        def are_alike() -> bool:
            counts[:] = [_count_events(node, database) for node in self.nodes]
            return len(set(counts)) == 1

        wait_for(are_alike, f"the nodes hold different numbers of events: {counts}")


def _count_events(node: Node, database: str) -> int:
    connection = node.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {database}.events")
            ((count,),) = cursor.fetchall()
            return int(count)
    finally:
        connection.close()


def database_user() -> str:
    """Give the user that nodes run as: the state transfer of a node does not run as root."""
    return "mysql" if os.getuid() == 0 else MariaDB.user


def run_all(works: Iterable[Callable[[], None]]) -> None:
    """Run functions at the same time; the first error of any is raised when all have ended."""
    failures: list[BaseException] = []

    def attempt(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def wait_for(question: Callable[[], bool], complaint: str, seconds: float = READY_SECONDS) -> None:
    """Ask again and again until the answer is yes."""
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, complaint
        time.sleep(0.1)
