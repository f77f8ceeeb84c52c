"""How a batch is laid out: what says nearly the same stands together, whatever order it came in."""

from __future__ import annotations

import random
from typing import Any

from audit_webhook.ingest.receive import read_batch
from audit_webhook.storage.chunks.columns import Entry
from audit_webhook.storage.chunks.frames import unpack
from audit_webhook.storage.chunks.layout import lay_out, lay_out_chunk
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
