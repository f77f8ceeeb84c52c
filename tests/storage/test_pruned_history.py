"""A pruning excuses what it deleted, and nothing else: no change, no row, no batch that came later."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from audit_webhook.context import now
from audit_webhook.events.event import rfc3339
from audit_webhook.ingest.receive import receive
from audit_webhook.operate import retention
from audit_webhook.storage.chunks.frames import unpack_whole
from audit_webhook.storage.retention import Pruner
from tests.evidence.test_tampering import write_content
from tests.factories import audit_event, event_list
from tests.sealed_store import MINUTE, Evidence

DAY = 1440 * MINUTE
TABLES = ("events", "chunks", "seals", "callers", "actions", "checkpoints", "postings", "tallies")


def store_old(evidence: Evidence, days: float, count: int = 5) -> None:
    """Store a batch whose events happened so many days ago."""
    moment = now() - round(days * DAY)
    events = [audit_event(stageTimestamp=rfc3339(moment + number), verb=f"v{days}") for number in range(count)]
    receive(evidence.repository, "prod", event_list(events), moment)


def prune(evidence: Evidence, days: int) -> None:
    retention.prune(evidence.repository, days, now(), signer=evidence.signer)


def content(evidence: Evidence, chance: random.Random) -> None:
    ((chunk, frames, packed),) = evidence.rows("SELECT id, frames, content FROM chunks")
    write_content(evidence, chunk, unpack_whole(packed, frames).replace(b"alice", b"malry"))


def all_rows(evidence: Evidence, chance: random.Random) -> None:
    evidence.change("DELETE FROM events")


def one_row(evidence: Evidence, chance: random.Random) -> None:
    event, *_ = chance.choice(evidence.rows("SELECT id FROM events"))
    evidence.change("DELETE FROM events WHERE id = %s", event)


def batch(evidence: Evidence, chance: random.Random) -> None:
    for table in ("events", "chunks", "postings", "tallies"):
        evidence.change(f"DELETE FROM {table}")


def other_row(evidence: Evidence, chance: random.Random) -> None:
    evidence.change("UPDATE events SET name = %s", f"x{chance.random()}")


def stray_row(evidence: Evidence, chance: random.Random) -> None:
    row = list(evidence.rows("SELECT * FROM events")[0])
    row[0], row[1] = row[0][:8] + chance.randbytes(8), row[0][:8] + chance.randbytes(8)
    evidence.change(f"INSERT INTO events VALUES ({', '.join(['%s'] * len(row))})", *row)


CHANGES = (content, all_rows, one_row, batch, other_row, stray_row)


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_what_came_after_a_pruning_is_never_excused_by_it(
    evidence: Evidence, change: Callable[[Evidence, random.Random], None]
) -> None:
    store_old(evidence, 200)
    evidence.sign()
    prune(evidence, 90)
    store_old(evidence, 150)  # an old log is imported, within the hour
    evidence.sign()
    assert evidence.found(with_anchors=True) == []
    missed = []
    for number in range(100):
        with evidence.undone(*TABLES):
            change(evidence, random.Random(number))
            if number % 2:
                evidence.change("UPDATE chunks SET received = 0")
            if evidence.found() == []:
                missed.append(number)
    assert missed == [] and evidence.found() == []


def test_pruning_that_was_cut_off_anywhere_is_no_alarm(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_webhook.storage.retention.EVENTS_A_STEP", 3)
    monkeypatch.setattr("audit_webhook.storage.retention.CHUNKS_A_STEP", 1)
    for days in (9, 8, 7, 1):
        store_old(evidence, days)
    evidence.sign()
    steps = [name for name in vars(Pruner) if name.startswith("_delete_") and name != "_delete_before"]
    for turn in range(24):
        chance = random.Random(turn)
        store_old(evidence, 6 + turn / 100, 7)
        evidence.sign()
        name, left = chance.choice(steps), [chance.randrange(1, 4)]
        whole = getattr(Pruner, name)

        def cut(
            pruner: Pruner, low: bytes, bound: bytes, whole: Callable[..., None] = whole, left: list[int] = left
        ) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            whole(pruner, low, bound)

        with monkeypatch.context() as patch:
            patch.setattr(Pruner, name, cut)
            try:
                prune(evidence, 5)
            except KeyboardInterrupt:
                pass
        assert evidence.found(with_anchors=True) == [], (turn, name)
    prune(evidence, 5)
    assert evidence.found(with_anchors=True) == [] and evidence.verify().events == 5


def test_rows_that_a_pruning_has_deleted_and_somebody_has_changed_are_told_apart(evidence: Evidence) -> None:
    for days in (9, 1):
        store_old(evidence, days)
    evidence.sign()
    evidence.signer.sign_pruning(retention.first_kept(5, now()))
    ((event, *_), *_) = evidence.rows("SELECT id FROM events ORDER BY id")
    with evidence.undone("events"):
        evidence.change("DELETE FROM events WHERE id = %s", event)
        assert evidence.found() == []
    with evidence.undone("events"):
        evidence.change("UPDATE events SET name = 'another' WHERE id = %s", event)
        assert [each.kind for each in evidence.found()] == ["MODIFIED"]


def test_batch_that_comes_while_a_pruning_runs_is_excused_only_if_it_went_too(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_old(evidence, 9)
    evidence.sign()
    whole = Pruner.prune

    def with_a_batch(pruner: Pruner, before: int) -> object:
        store_old(evidence, 8)
        return whole(pruner, before)

    with monkeypatch.context() as patch:
        patch.setattr(Pruner, "prune", with_a_batch)
        prune(evidence, 5)
    evidence.ahead += 2 * MINUTE
    evidence.signer.sign_when_due()
    assert evidence.found(with_anchors=True) == [] and evidence.rows("SELECT id FROM chunks") == []


def test_day_that_a_pruning_left_is_never_excused_by_it(evidence: Evidence) -> None:
    """A batch that came late keeps its day; that it is there is what the signed record says."""
    store_old(evidence, 120)
    moment = now() - 120 * DAY
    late = [audit_event(stageTimestamp=rfc3339(moment + number), verb="late") for number in range(3)]
    receive(evidence.repository, "prod", event_list(late), now())
    store_old(evidence, 100)
    evidence.sign()
    prune(evidence, 90)
    assert evidence.found(with_anchors=True) == []
    left = evidence.rows("SELECT id FROM chunks")
    assert len(left) == 2
    for table in ("events", "chunks", "postings", "tallies", "late_chunks"):
        evidence.change(f"DELETE FROM {table}")
    assert "MISSING" in {kind for kind, *_ in evidence.found(with_anchors=True)}
