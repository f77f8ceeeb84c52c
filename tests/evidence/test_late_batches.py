"""The notes by which retention keeps the days of late batches are compared with the batches."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.events.ids import to_text
from audit_webhook.ingest.receive import receive
from audit_webhook.operate import retention
from tests.factories import NOON_US, audit_event, event_list
from tests.sealed_store import Evidence

DAY = 86_400_000_000
TIMES = 30


@pytest.fixture
def evidence(engine: Config, tmp_path: Path) -> Iterator[Evidence]:
    """A store with batches that came in time, and some that came days later."""
    made = Evidence(engine, tmp_path / "evidence.key")
    made.store_batches(3)
    for number in range(3):
        items = [audit_event(7_000 + number, requestURI=f"/late/{number}")]
        receive(made.repository, "prod", event_list(items), NOON_US + (2 + number) * DAY)
    made.sign()
    assert made.found() == [] and len(made.rows("SELECT chunk_id FROM late_chunks")) == 3
    yield made
    made.repository.close()


def test_note_that_was_taken_away_is_found(evidence: Evidence) -> None:
    chance = random.Random(1)
    for _ in range(TIMES):
        with evidence.undone("late_chunks"):
            (chunk,) = chance.choice(evidence.rows("SELECT chunk_id FROM late_chunks"))
            evidence.change("DELETE FROM late_chunks WHERE chunk_id = %s", chunk)
            assert {(each.kind, each.place) for each in evidence.found()} == {("MISSING", to_text(chunk))}
    assert evidence.found() == []


def test_note_that_was_changed_or_added_is_found(evidence: Evidence) -> None:
    chance = random.Random(2)
    for _ in range(TIMES):
        with evidence.undone("late_chunks"):
            chunk, received = chance.choice(evidence.rows("SELECT chunk_id, received FROM late_chunks"))
            changed = received + chance.randrange(-DAY, DAY)
            evidence.change("UPDATE late_chunks SET received = %s WHERE chunk_id = %s", changed, chunk)
            assert {(each.kind, each.place) for each in evidence.found()} == {("MODIFIED", to_text(chunk))}
        with evidence.undone("late_chunks"):
            others = evidence.rows("SELECT id FROM chunks WHERE id NOT IN (SELECT chunk_id FROM late_chunks)")
            chunk = chance.choice([*[identifier for (identifier,) in others], chance.randbytes(16)])
            evidence.change("INSERT INTO late_chunks VALUES (%s, %s)", chunk, received)
            assert {(each.kind, each.place) for each in evidence.found()} == {("EXTRA", to_text(chunk))}


def test_pruning_of_late_batches_is_no_finding(evidence: Evidence) -> None:
    for days in (400, 4, 3, 2, 1, 0):
        retention.prune(evidence.repository, days, NOON_US + 5 * DAY, signer=evidence.signer)
        assert evidence.found() == []
    assert evidence.rows("SELECT chunk_id FROM late_chunks") == []


def test_batch_that_was_sealed_before_it_came_is_noted(evidence: Evidence) -> None:
    receive(evidence.repository, "prod", event_list([audit_event(9_000)]), now() + DAY)
    evidence.sign()
    report = evidence.verify()
    assert report.is_sound and any("a clock was wrong" in note for note in report.notes)
