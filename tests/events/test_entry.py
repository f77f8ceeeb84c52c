"""The short way from an event's bytes to its rows gives what the long way gives, whatever the event holds."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest

from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.split import split
from audit_webhook.ingest.read_events import identify, read_events
from audit_webhook.storage.chunks import columns as entry
from audit_webhook.storage.chunks.columns import Entry, to_entries
from audit_webhook.storage.chunks.layout import has_own_id
from tests.factories import audit_event, encode
from tests.recorded import BATCHES

STRANGE: Final[tuple[Any, ...]] = (
    None, "", 7, True, [], {}, ["a", 7], "a" * 256, "ü" * 130, "a\nb", "a\0b", "\ud800", "/x?fieldManager=" + "m" * 200,
    "/x?dryRun=All&fieldManager=kubectl-apply", {"code": 1000}, {"code": -1}, {"username": "u" * 300}, ["10.0.0.1" * 9],
)


def by_the_long_way(raw: bytes) -> Entry:
    return entry._entry_of(by_the_short_way(raw), to_event(read_wire(raw), raw, "prod"))


def by_the_short_way(raw: bytes) -> Entry:
    (filed,) = to_entries("prod", [bytes(16)], [read_wire(raw)], [raw], [bytes(32)])
    return filed


def mutated(count: int) -> Iterator[bytes]:
    """Give events in which some members, of the event or within one of its members, are something else."""
    chance = random.Random(5)
    for _ in range(count):
        event = audit_event(verb=chance.choice(("get", "create", "delete", "patch")))
        for _ in range(chance.randint(1, 3)):
            place = chance.choice([event, *(value for value in event.values() if isinstance(value, dict))])
            place[chance.choice(list(place) or ["verb"])] = deepcopy(chance.choice(STRANGE))
        yield json.dumps(event).encode()


@pytest.mark.parametrize("path", BATCHES, ids=lambda path: path.name)
def test_recorded_events_are_filed_the_same_by_both_ways(path: Path) -> None:
    raws = split(gzip.decompress(path.read_bytes())).items
    assert raws
    for raw in raws:
        assert by_the_short_way(raw) == by_the_long_way(raw)


def test_events_that_hold_anything_are_filed_the_same_by_both_ways() -> None:
    for raw in mutated(5_000):
        assert by_the_short_way(raw) == by_the_long_way(raw), raw


def test_events_of_a_batch_are_filed_as_each_of_them_alone() -> None:
    raws = [*mutated(600), encode(audit_event(requestURI="/x?" + "y" * 2000))]
    together = to_entries("prod", [bytes(16)] * len(raws), list(map(read_wire, raws)), raws, [bytes(32)] * len(raws))
    assert together == [by_the_long_way(raw) for raw in raws]


def test_group_of_an_assumed_user_is_not_the_caller_s() -> None:
    own = {"username": "alice", "groups": ["system:masters"]}
    plain = by_the_short_way(encode(audit_event(user=own)))
    assumed = by_the_short_way(encode(audit_event(user=own, impersonatedUser={"username": "bob"})))
    assert entry.groups_of(plain.caller) == ("system:masters",) and entry.groups_of(assumed.caller) == ()


def test_name_that_the_server_chose_is_found_also_when_its_member_is_escaped() -> None:
    answer = encode(audit_event(
        verb="create", objectRef={"resource": "pods", "namespace": "shop"},
        responseObject={"metadata": {"name": "web-7x"}},
    ))
    assert by_the_short_way(answer).name == "web-7x"
    assert by_the_short_way(answer.replace(b'"responseObject"', b'"response\\u004fbject"')).name == "web-7x"


def test_event_that_cannot_be_read_once_it_is_masked_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_webhook.ingest.read_events.redact", lambda *_: b"[")
    plain = [encode(audit_event(second, objectRef={"resource": "pods"})) for second in range(3)]
    secret = encode(audit_event(objectRef={"resource": "secrets"}, requestObject={"data": {"a": "b"}}))
    entries, unread = read_events("prod", [*plain[:2], secret, plain[2]])
    assert [each.raw for each in entries] == plain and [each.place for each in unread] == [2]
    assert [each.id for each in entries] == [identify("prod", raw).id for raw in plain]


def test_lone_surrogate_in_a_name_costs_no_neighbour() -> None:
    strange = json.dumps(audit_event(auditID="\ud800", objectRef={"resource": "\udfff", "name": "\ud800"})).encode()
    entries, unread = read_events("prod", [strange, encode(audit_event())])
    assert len(entries) == 2 and not unread


def test_batch_of_items_that_are_no_events_has_no_entries() -> None:
    assert read_events("prod", [b"null", b'{"note":1}'])[0] == []
    assert read_events("prod", []) == ([], [])


@pytest.mark.parametrize(("body", "word"), [
    ({"spec": {"unschedulable": True}}, "cordon"), ({"spec": {"unschedulable": None}}, "uncordon"),
    ({"spec": {"unschedulable": False}}, "uncordon"), ({"spec": {}}, "uncordon"), (None, "cordon"),
    ({"spec": {"unschedulable": "yes"}}, "uncordon"),
])
def test_body_tells_uncordon_from_cordon(body: object, word: str) -> None:
    event = audit_event(
        verb="patch", level="Request", requestURI="/api/v1/nodes/a", objectRef={"resource": "nodes", "name": "a"},
        userAgent="kubectl/v1.36.2 (linux/amd64) kubernetes/98b3519",
    )
    raw = encode(event if body is None else {**event, "requestObject": body})
    (entry,), _ = read_events("prod", [raw])
    assert entry.action[10] == to_event(read_wire(raw), raw, "prod").command == word
    assert has_own_id(entry.action)
