"""Poison and bad input, sent to the running server on each engine: nothing costs a neighbour, nothing stops it."""

from __future__ import annotations

import copy
import gzip
import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from audit_webhook.context import context_of
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.conftest import Server
from tests.factories import audit_event, encode, event_list
from tests.ingest.test_ingest import POISON
from tests.kubectl.test_kubectl_hostile import places, put
from tests.mariadb import MariaDB
from tests.serving import TOKEN, connect, exchange, get, memory, post, serving

MEBIBYTE: Final = 1024**2
JUNK: Final = (
    None, True, -1, 0.5, 2**70, "", "x" * 400, "\u202e", [], {}, [[]], [None], {"a": {}}, ["a", 1], "Secret",
)


@pytest.fixture(params=["sqlite", "mariadb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings with which a process of its own uses each of the two engines."""
    if request.param == "sqlite":
        return {"DB_PATH": str(tmp_path / "audit.db")}
    server: MariaDB = request.getfixturevalue("mariadb")
    return server.environment(request.getfixturevalue("mariadb_config").db_name)


def stored(server: Server) -> list[bytes]:
    """Give the bytes of every event that is stored."""
    repository = context_of(server.app).repository
    return [raw.raw for raw in repository.read_chunks(repository.select_events(EVERYTHING, LAST, 20_000))]


def found(server: Server, query: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(get(f"{server.url}/api/v1/events?limit=500&q={query}").body)["events"]
    return events


def test_every_poison_in_one_batch_costs_none_of_its_neighbours(served: Server) -> None:
    chance = random.Random(22)
    sound = [encode(audit_event(second / 10)) for second in range(400 - len(POISON))]
    bad = [
        encode(audit_event(50, user={"username": "mallory"}, requestObject="@")).replace(b'"@"', poison)
        for poison in POISON.values()
    ]
    batch = [*sound]
    for one in bad:
        batch.insert(chance.randrange(len(batch)), one)
    answer = post(served.url, event_list(batch))
    receipt = json.loads(answer.body)
    assert (answer.status, receipt["received"]) == (200, 400)
    assert receipt["stored"] + receipt["quarantined"] == 400
    assert len(found(served, "user:alice")) == len(sound)
    kept = {*stored(served), *(item.content for item in context_of(served.app).repository.quarantine.read_items())}
    assert set(sound) <= kept
    assert len([one for one in bad if one in kept]) == len(bad)


def test_enormous_values_are_stored_whole(served: Server) -> None:
    enormous = [
        audit_event(auditID="a" * 10_000), audit_event(auditID="b" * MEBIBYTE), audit_event(userAgent="😀👩‍👩‍👧 kubectl"),
        audit_event(requestURI="/api?" + "u" * MEBIBYTE),
        audit_event(objectRef={"resource": "pods", "namespace": "shop", "name": "n" * 300}),
        audit_event(annotations={f"example.com/{number}": "v" for number in range(10_000)}),
        audit_event(user={"username": "many", "groups": [f"group-{number}" for number in range(5_000)]}),
    ]
    batch = [encode(event) for event in (*enormous, audit_event(1))]
    answer = post(served.url, event_list(batch))
    assert (answer.status, json.loads(answer.body)["stored"]) == (200, len(batch))
    assert sorted(stored(served)) == sorted(batch)
    assert get(f"{served.url}/").status == 200 and len(found(served, "")) == len(batch)


@pytest.mark.parametrize("body", [
    b'{"kind":"EventList","items":null}', b'{"kind":"EventList"}', b'{"items":[]}', b'{"items":7}', b'{"items":"x"}',
    b'{"items":[[[]]]}', b'{"items":[null,"x",7,[],true]}', b'{"items":{"a":{}}}', b"[]", b"null", b'"text"', b"7",
])
def test_odd_list_is_answered_and_never_a_fault(
    served: Server, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert post(served.url, body).status in (200, 400)
    assert post(served.url, event_list([audit_event()])).status == 200 and len(found(served, "user:alice")) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]


def wrong_types(count: int) -> Iterator[dict[str, Any]]:
    """Give events in which some fields have values of other types."""
    chance = random.Random(24)
    whole = audit_event(
        level="RequestResponse", impersonatedUser={"username": "bob", "groups": []}, requestObject={"a": [1]},
        responseObject={"metadata": {"name": "x"}}, user={"username": "mallory", "groups": [], "extra": {"a": ["b"]}},
    )
    paths = [path for path in places(whole) if path]
    for number in range(count):
        event = copy.deepcopy(whole)
        for path in chance.sample(paths, chance.randint(1, 3)):
            try:
                put(event, path, chance.choice(JUNK))
            except (TypeError, KeyError, IndexError, AttributeError):
                continue  # what led there is junk already
        event["auditID"] = chance.choice([f"fuzz-{number}", number, None])
        yield event


def test_ten_thousand_events_with_wrong_types_cost_no_neighbour(
    served: Server, caplog: pytest.LogCaptureFixture
) -> None:
    mutated = list(wrong_types(10_000))
    sound = 0
    for start in range(0, len(mutated), 500):
        neighbours = [audit_event(start + number, user={"username": "neighbour"}) for number in range(5)]
        sound += len(neighbours)
        batch = [*mutated[start:start + 250], *neighbours, *mutated[start + 250:start + 500]]
        answer = post(served.url, event_list(batch))
        receipt = json.loads(answer.body)
        assert (answer.status, receipt["received"]) == (200, len(batch))
        assert receipt["stored"] + receipt["duplicate"] + receipt["quarantined"] == len(batch)
    assert len(found(served, "user:neighbour")) == sound
    for path in ("/?q=", "/?q=&show=events", "/api/v1/facets", "/api/v1/commands?limit=500", "/actors?cluster=prod"):
        assert get(served.url + path, timeout=30).status == 200, path
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]


def test_newer_versions_and_unknown_fields_are_kept_as_they_came(served: Server) -> None:
    odd = [
        encode({"apiVersion": "audit.k8s.io/v1beta1", "kind": "Event", **audit_event(1)}),
        encode({"apiVersion": "audit.k8s.io/v2", "kind": "Event", "shape": {"new": [1]}, **audit_event(2)}),
        encode(audit_event(3, stage="SomethingNew", level="Verbose", future={"a": 1})),
    ]
    body = event_list(odd).replace(b"audit.k8s.io/v1\",\"metadata", b"audit.k8s.io/v9\",\"metadata")
    assert json.loads(post(served.url, body).body)["stored"] == 3
    assert sorted(stored(served)) == sorted(odd)
    assert [event["stage"] for event in found(served, "stage:SomethingNew")] == ["SomethingNew"]


def test_what_is_no_batch_and_bombs_are_refused_and_cost_no_memory(settings: dict[str, str], tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 16 * MEBIBYTE) * 64  # a gigabyte, in members
    with serving(tmp_path, **settings) as service:
        post(service.url, event_list([audit_event()]))
        before = memory(service.children()[0], "VmRSS")
        for body in (b"", b"hello", b"<html>", gzip.compress(event_list([audit_event(1)])), bomb):
            assert post(service.url, body).status == 400
            head = (
                f"POST /webhook/audit/prod HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
                f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode()
            assert exchange(service.url, head + body)[9:12] == b"415"
        cut = event_list([audit_event(2)])
        with connect(service.url) as opened:
            opened.sendall(
                f"POST /webhook/audit/prod HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
                f"Content-Length: {len(cut) + 100}\r\n\r\n".encode() + cut
            )
        assert memory(service.children()[0], "VmRSS") - before < 20 * MEBIBYTE
        assert post(service.url, event_list([audit_event(3)])).status == 200
        counted = get(f"{service.url}/metrics").body
    assert b'audit_webhook_events_total{cluster="prod",outcome="stored"} 2.0' in counted
