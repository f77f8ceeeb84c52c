"""On a real Galera cluster of three nodes nothing acknowledged is lost or stored twice, whichever node fails: briefly.

`make soak` runs the same at length, with more faults; docs/reliability.md has its results.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_webhook.config import Config
from audit_webhook.errors import AuditWebhookError
from audit_webhook.storage.database import pipeline_of
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.schema import steps
from tests import galera_trials as trials
from tests.galera import Galera, run_all, wait_for
from tests.galera_trials import ClusterArena


@pytest.fixture(scope="module")
def cluster() -> Iterator[Galera]:
    """Three nodes."""
    with Galera() as nodes:
        yield nodes


def test_node_killed_under_load_is_not_noticed_by_the_sender(cluster: Galera, tmp_path: Path) -> None:
    arena = ClusterArena(tmp_path, cluster)
    verdict = trials.disturb(arena, trials.kill_used_node, times=1)
    assert verdict.is_clean and verdict.stored == verdict.acknowledged > 0
    assert arena.arena.ledger.statuses() == {200}


def test_batch_that_two_services_write_to_two_nodes_at_once_is_stored_once(cluster: Galera, tmp_path: Path) -> None:
    arena = ClusterArena(tmp_path, cluster)
    verdict, collisions = trials.send_to_two_nodes(arena, count=40)
    assert verdict.is_clean and verdict.stored == 800
    assert arena.arena.ledger.statuses() == {200} and collisions > 0


@pytest.mark.parametrize("servers", [1, 3])
def test_galera_is_sent_text_however_many_of_its_nodes_are_named(cluster: Galera, servers: int) -> None:
    """Of prepared rows it was seen to answer a conflict as a duplicate key."""
    settings = cluster.environment("as_text", 0)
    settings["DB_HOST"] = ",".join(settings["DB_HOST"].split(",")[:servers])
    repository = open_repository(Config.from_env({"WEBHOOK_TOKEN": "t", **settings}))
    with repository.database.write() as cursor:
        assert pipeline_of(cursor) is None
    repository.close()


def test_processes_that_start_at_once_on_different_nodes_agree_on_the_schema(cluster: Galera) -> None:
    settings = [cluster.environment("schema_race", first) for first in (0, 1, 2, 0)]
    repositories = [open_repository(Config.from_env({"WEBHOOK_TOKEN": "t", **each})) for each in settings]
    run_all([lambda repository=repository: prepare(repository) for repository in repositories])
    for repository in repositories:
        with repository.database.read() as cursor:
            cursor.execute("SELECT step FROM schema_steps ORDER BY step")
            assert [step for (step,) in cursor.fetchall()] == sorted(steps("mysql"))
        repository.close()


def prepare(repository: Repository) -> None:
    """Bring the schema up to date as a starting process does: what fails is tried again."""

    def is_prepared() -> bool:
        try:
            repository.migrate()
        except AuditWebhookError:
            return False
        return repository.is_ready()

    wait_for(is_prepared, "the schema is not there", 20)
