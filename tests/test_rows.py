"""How a batch is laid out: what says nearly the same stands together, whatever order it came in."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from audit_webhook import transaction
from audit_webhook.chunk import pack, unpack, unpack_whole
from audit_webhook.entry import Entry
from audit_webhook.identity import to_text
from audit_webhook.rows import lay_out, lay_out_chunk
from audit_webhook.sealing import leaves_of, record_of, root_of
from audit_webhook.services.ingest import read_batch
from audit_webhook.services.proof import Unproved, check_proof, make_proof
from tests.evidence import Evidence
from tests.factories import NOON_US, audit_event, event_list


def event_about(resource: str, name: str, number: int) -> dict[str, Any]:
    words = " ".join(f"{resource}/{name} says {word}" for word in range(40))
    reference = {"resource": resource, "namespace": "shop", "name": name, "apiVersion": "v1"}
    return audit_event(number, objectRef=reference, requestObject={"text": words})


def mixed_entries(count: int = 24) -> list[Entry]:
    resources = ("pods", "leases", "secrets")
    events = [event_about(resources[number % 3], f"object-{number % 4}", number) for number in range(count)]
    return list(read_batch("prod", event_list(events), NOON_US).events.values())


def test_events_of_one_object_follow_each_other_in_the_order_sent() -> None:
    entries = mixed_entries()
    (chunk,) = lay_out("prod", entries)
    stored = [row[0] for row in sorted(chunk.events, key=lambda row: row[2])]
    wanted = sorted(entries, key=lambda entry: (entry.action[3], entry.name, entry.id))
    assert stored == [entry.id for entry in wanted] != [entry.id for entry in entries]


def test_each_row_points_to_its_own_event_and_rows_come_in_the_order_sent() -> None:
    entries = mixed_entries()
    (chunk,) = lay_out("prod", entries)
    assert [row[0] for row in chunk.events] == [entry.id for entry in entries]
    raws = unpack(chunk.content, chunk.frames, [(row[2], row[3]) for row in chunk.events])
    assert dict(zip((row[0] for row in chunk.events), raws, strict=True)) == {each.id: each.raw for each in entries}


def test_what_repeats_of_many_objects_is_kept_about_once() -> None:
    texts = [random.Random(number).randbytes(4_000).hex() for number in range(40)]
    events = [
        audit_event(turn + number / 100, objectRef={"resource": "pods", "name": f"pod-{number}"}, requestObject=text)
        for turn in range(10) for number, text in enumerate(texts)
    ]
    entries = list(read_batch("prod", event_list(events), NOON_US).events.values())
    (together,) = lay_out("prod", entries)
    as_sent = lay_out_chunk("prod", entries, range(400))
    assert len(together.content) < 2 * 40 * 4_000 < len(as_sent.content) / 3


@pytest.fixture
def older(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """A store with a batch as earlier releases laid it out and sealed it."""
    chunk = lay_out_chunk("prod", mixed_entries(), range(24))
    leaves = leaves_of("prod", unpack_whole(chunk.content, chunk.frames).splitlines(), form=1)
    monkeypatch.setattr(transaction, "record_of", partial(record_of, form=1))
    evidence.repository.store("prod", [chunk._replace(root=root_of(leaves))], [], NOON_US)
    evidence.sign()
    return evidence


def test_batch_sealed_by_an_earlier_release_is_sound_and_a_changed_row_is_named_alone(older: Evidence) -> None:
    assert older.found() == []
    ((identifier,),) = older.rows("SELECT id FROM events WHERE chunk_offset = 0")
    older.change("UPDATE events SET name = 'another' WHERE id = %s", identifier)
    assert [(found.kind, found.place) for found in older.found()] == [("MODIFIED", to_text(identifier))]


def test_event_sealed_by_an_earlier_release_is_found_when_it_is_changed(older: Evidence) -> None:
    ((identifier, length),) = older.rows("SELECT id, chunk_length FROM events WHERE chunk_offset = 0")
    ((content, frames),) = older.rows("SELECT content, frames FROM chunks")
    whole = unpack_whole(content, frames)
    packed = pack([b" " * length, *whole.splitlines()[1:]])
    older.change("UPDATE chunks SET content = %s, frames = %s", packed.content, packed.frames)
    assert [(found.kind, found.place) for found in older.found()] == [("MODIFIED", to_text(identifier))]


@pytest.mark.parametrize("form", [1, 2])
def test_event_of_either_form_of_seal_is_proved_by_a_file_that_says_its_form(
    form: int, evidence: Evidence, request: pytest.FixtureRequest
) -> None:
    if form == 1:
        request.getfixturevalue("older")
    else:
        evidence.fill(1)
    ((identifier,),) = evidence.rows("SELECT id FROM events ORDER BY id LIMIT 1")
    event = evidence.repository.find_event(identifier)
    assert event is not None
    proof = make_proof(evidence.repository, event)
    assert proof["format"] == f"audit-webhook proof {form}" and check_proof(proof, evidence.keys) > 0
    moved = {**proof["record"], "rows": proof["record"]["rows"] + b"pr".hex()}
    with pytest.raises(Unproved):
        check_proof({**proof, "record": moved, "event": {**proof["event"], "cluster": "od"}}, evidence.keys)
    for wrong in (f"audit-webhook proof {3 - form}", "audit-webhook proof 3"):
        with pytest.raises(Unproved):
            check_proof({**proof, "format": wrong}, evidence.keys)
