"""The trials of a Galera cluster: nodes die, part, restart and join while batches come in.

`tests/storage/test_galera.py` runs some of them briefly and `tests/soak.py` all of them at length.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from audit_webhook.config import Config
from audit_webhook.storage.repository import open_repository
from tests.apiserver import ApiServer, batches
from tests.galera import Galera, Node
from tests.ledger import Verdict
from tests.service import Service
from tests.trials import SPEED, Arena, run_together

DRAIN_SECONDS = 120.0
PROGRESS_SECONDS = 30.0
_numbers = itertools.count(1)


class ClusterArena:
    """A service with a spool on a cluster, its first node first, and the ledger of what was sent to it."""

    def __init__(self, folder: Path, cluster: Galera) -> None:
        """Prepare a fresh database; the service is not started."""
        self.cluster = cluster
        self.database = f"galera_{next(_numbers)}"
        self.arena = Arena(folder, spool=True, **cluster.environment(self.database))

    @property
    def service(self) -> Service:
        """The service."""
        return self.arena.service

    def used_node(self) -> Node:
        """Give the node that has the service's writing connection."""
        return max(self.cluster.nodes, key=lambda node: _connections(node, self.database))

    def wait_for_progress(self) -> float:
        """Wait until another event is acknowledged and stored directly, and give how long that took."""
        began = time.monotonic()
        before = len(self.arena.ledger.acknowledged)
        while len(self.arena.ledger.acknowledged) == before:
            assert time.monotonic() - began < PROGRESS_SECONDS, self.service.log()[-3000:]
            time.sleep(0.02)
        return time.monotonic() - began

    def judge(self) -> Verdict:
        """Compare the ledger with every node, and give the worst that one has to show."""
        self.service.wait_until_drained(DRAIN_SECONDS)
        self.cluster.wait_until_alike(self.database)
        return max((self._judge_node(node) for node in self.cluster.nodes), key=lambda verdict: verdict[2:])

    def _judge_node(self, node: Node) -> Verdict:
        settings = {**self.service.settings, **node.environment(self.database)}
        repository = open_repository(Config.from_env(settings))
        try:
            return self.arena.ledger.judge(repository)
        finally:
            repository.close()


def _connections(node: Node, database: str) -> int:
    if node.process is None:
        return -1
    connection = node.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s", (database,))
            ((count,),) = cursor.fetchall()
            return int(count)
    finally:
        connection.close()


def disturb(arena: ClusterArena, fault: Callable[[ClusterArena], None], times: int) -> Verdict:
    """Do something to the cluster under load, so many times."""
    with arena.service:
        with arena.arena.load(events=20):
            for _ in range(times):
                arena.wait_for_progress()
                fault(arena)
        return arena.judge()


def kill_used_node(arena: ClusterArena) -> None:
    """Kill the node that the service writes to, and start it again."""
    _kill(arena, [arena.used_node()])


def kill_any_node(arena: ClusterArena) -> None:
    """Kill a random node after a random time, and start it again."""
    time.sleep(random.uniform(0, 1))
    _kill(arena, [random.choice(arena.cluster.nodes)])


def _kill(arena: ClusterArena, nodes: list[Node]) -> None:
    for node in nodes:
        node.stop()
    arena.wait_for_progress()
    for node in nodes:
        node.start()


def kill_two_nodes(arena: ClusterArena) -> None:
    """Kill two nodes at once; the third waits until it is told to go on alone, and the spool takes what comes."""
    killed = random.sample(arena.cluster.nodes, 2)
    (left,) = (node for node in arena.cluster.nodes if node not in killed)
    for node in killed:
        node.stop()
    left.wait_until_ready("OFF")
    arena.wait_for_progress()
    left.take_over()
    left.wait_until_ready()
    for node in killed:
        node.start()


def part_used_node(arena: ClusterArena) -> None:
    """Cut the node that the service writes to off from the others for a while; clients still reach it."""
    node = arena.used_node()
    node.isolate()
    try:
        node.wait_until_ready("OFF")
        arena.wait_for_progress()
        time.sleep(2)
    finally:
        node.isolate(False)
    node.wait_until_ready()


def restart_all(arena: ClusterArena) -> None:
    """Restart one node after the other in good order, as for an upgrade."""
    for node in arena.cluster.nodes:
        node.terminate()
        arena.wait_for_progress()
        node.start()


def join_anew(arena: ClusterArena) -> None:
    """Let a node that has lost all its data join: another one has to stand still and give it everything."""
    node = random.choice(arena.cluster.nodes)
    node.terminate()
    node.forget()
    node.start()


def send_to_two_nodes(arena: ClusterArena, count: int) -> tuple[Verdict, int]:
    """Send each batch at once to two services that write to two nodes; give also how many transactions collided."""
    settings = {**arena.service.settings, **arena.cluster.environment(arena.database, 1)}
    settings["SPOOL_DIR"] += "-other"
    del settings["HTTP_PORT"]
    other = Service(arena.arena.folder, settings)
    before = sum(node.conflicts() for node in arena.cluster.nodes)
    together = threading.Barrier(2)
    sent = list(batches(count, 20))
    with arena.service, other:
        def work(api: ApiServer) -> None:
            for batch in sent:
                together.wait(60)
                api.send(batch)
            api.close()

        apis = [ApiServer(service.url, arena.arena.ledger, speed=SPEED) for service in (arena.service, other)]
        run_together(*(lambda api=api: work(api) for api in apis))
        other.wait_until_drained(DRAIN_SECONDS)
        return arena.judge(), sum(node.conflicts() for node in arena.cluster.nodes) - before
