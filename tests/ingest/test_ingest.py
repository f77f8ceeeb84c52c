"""The webhook, as a kube-apiserver and others use it, on both engines."""

from __future__ import annotations

import gzip
import json
import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.events.redaction.redact import redact
from audit_webhook.events.split import split
from audit_webhook.storage.repository import Raw, Repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.events.test_split import mutate
from tests.factories import audit_event, encode, event_list

DATA = Path(__file__).parents[1] / "data"
BATCHES = [gzip.decompress(path.read_bytes()) for path in sorted((DATA / "webhook").glob("*.json.gz"))]
HOSTILE = gzip.decompress((DATA / "hostile.json.gz").read_bytes())


def close(app: Flask) -> None:
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def everything(repository: Repository) -> list[Raw]:
    return repository.read_chunks(repository.select_events(EVERYTHING, LAST, 1_000_000))


def post(client: FlaskClient, body: bytes, path: str = "/webhook/audit/prod", **headers: str) -> tuple[int, Any]:
    answer = client.post(path, data=body, content_type="application/json", headers=headers)
    return answer.status_code, answer.get_json()


def clean_items(body: bytes) -> set[bytes]:
    """Give a body's items as they must be stored: byte for byte, but for what is redacted."""
    kept = set()
    for raw in split(body).items:
        target = json.loads(raw.decode("utf-8", "replace"), strict=False).get("objectRef") or {}
        kept.add(redact(raw, target.get("resource", ""), target.get("subresource", "")))
    return kept


def test_every_recorded_batch_posted_twice_is_stored_once_byte_for_byte(app: Flask, client: FlaskClient) -> None:
    expected: set[bytes] = set()
    for body in BATCHES:
        first, second = post(client, body), post(client, body)
        assert (first[0], second[0]) == (200, 200)
        assert first[1]["stored"] == first[1]["received"] == second[1]["duplicate"]
        assert (second[1]["stored"], second[1]["quarantined"]) == (0, 0)
        expected |= clean_items(body)
    raws = [raw.raw for raw in everything(context_of(app).repository)]
    assert len(raws) == len(set(raws)) == len(expected)
    assert set(raws) == expected


def test_recorded_batches_posted_by_two_clients_at_once_are_stored_once(app: Flask) -> None:
    answers: list[tuple[int, Any]] = []

    def send_all() -> None:
        with app.test_client() as own:
            answers.extend(post(own, body) for body in BATCHES[:12])

    threads = [threading.Thread(target=send_all) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200}
    expected = {raw for body in BATCHES[:12] for raw in clean_items(body)}
    raws = [raw.raw for raw in everything(context_of(app).repository)]
    assert len(raws) == len(expected) and set(raws) == expected
    assert sum(receipt["stored"] for _, receipt in answers) == len(expected)


def test_same_batch_through_two_processes_at_once_is_stored_once(engine: Config) -> None:
    apps = [create_app(engine) for _ in range(2 if engine.db_host else 1)]
    bodies = [event_list(audit_event(seconds, verb=f"v{batch}") for seconds in range(40)) for batch in range(15)]
    answers: list[int] = []

    def send(app: Flask, order: list[bytes]) -> None:
        with app.test_client() as own:
            answers.extend(post(own, body)[1]["stored"] for body in order)

    senders = [threading.Thread(target=send, args=(app, bodies)) for app in apps * 2]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sum(answers) == 15 * 40
    assert len(everything(context_of(apps[0]).repository)) == 15 * 40
    for app in apps:
        close(app)


def test_event_that_came_before_in_another_batch_is_stored_once(app: Flask, client: FlaskClient) -> None:
    events = [encode(audit_event(second)) for second in range(10)]
    post(client, event_list(events[:6]))
    status, receipt = post(client, event_list(events[3:]))
    assert (status, receipt["stored"], receipt["duplicate"]) == (200, 4, 3)
    assert sorted(raw.raw for raw in everything(context_of(app).repository)) == sorted(events)


def test_batch_of_events_that_came_before_singly_is_all_duplicates(client: FlaskClient) -> None:
    events = [encode(audit_event(second)) for second in range(5)]
    for event in events:
        post(client, event_list([event]))
    assert post(client, event_list(events)) == (
        200, {"received": 5, "stored": 0, "duplicate": 5, "quarantined": 0, "spooled": 0},
    )


def test_event_repeated_within_a_batch_is_stored_once(client: FlaskClient) -> None:
    event = encode(audit_event())
    assert post(client, event_list([event, event]))[1] == {
        "received": 2, "stored": 1, "duplicate": 1, "quarantined": 0, "spooled": 0,
    }


def test_same_audit_id_with_different_content_is_stored_each_time(client: FlaskClient) -> None:
    ids = ["x", "X", "x ", "é", "e\u0301", "x"]
    events = [audit_event(number, auditID=audit_id) for number, audit_id in enumerate(ids)]
    assert post(client, event_list(events))[1]["stored"] == len(ids)


def test_batch_over_many_days_is_stored_whole(app: Flask, client: FlaskClient) -> None:
    events = [encode(audit_event(days * 86_400)) for days in (-9_000, -400, -8, -1, 0, 1, 9, 400, 20_000)]
    assert post(client, event_list(events))[1]["stored"] == len(events)
    assert [raw.raw for raw in everything(context_of(app).repository)] == events[::-1]


POISON = {
    "lone surrogate": b'"\\ud800"',
    "too deep": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "1e400": b"1e400",
    "NaN": b"NaN",
    "huge integer": b"9" * 5_000,
    "bad UTF-8": b'"\xff"',
    "NUL": b'"\x00"',
    "duplicate keys": b'{"a":1,"a":2}',
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_poisoned_item_does_not_cost_its_neighbours(client: FlaskClient, poison: bytes) -> None:
    events = [encode(audit_event(second / 10)) for second in range(399)]
    bad = encode(audit_event(50, user={"username": "mallory"}, verb="patch", requestObject="@")).replace(b'"@"', poison)
    status, receipt = post(client, event_list([*events[:200], bad, *events[200:]]))
    assert (status, receipt["received"]) == (200, 400)
    assert receipt["stored"] + receipt["quarantined"] == 400
    assert len(client.get("/api/v1/events?q=user:alice&limit=500").get_json()["events"]) == 399
    assert [event["user"] for event in client.get("/api/v1/events?q=user:mallory").get_json()["events"]] == ["mallory"]


@pytest.mark.parametrize("item", [b"null", b"7", b'"text"', b"[]", b"true"])
def test_item_that_is_no_event_goes_into_quarantine_with_its_bytes(
    app: Flask, client: FlaskClient, item: bytes
) -> None:
    status, receipt = post(client, event_list([audit_event(1), item, audit_event(2)]))
    assert (status, receipt["stored"], receipt["quarantined"]) == (200, 2, 1)
    (kept,) = context_of(app).repository.quarantine.read_items()
    assert (kept.content, kept.cluster, bool(kept.reason)) == (item, "prod", True)


def test_quarantined_item_sent_again_is_kept_once(app: Flask, client: FlaskClient) -> None:
    for _ in range(2):
        post(client, event_list([b"null"]))
    assert context_of(app).repository.quarantine.usage()["prod"].items == 1


def test_mutated_batches_never_meet_a_fault_of_the_server(sqlite_client: FlaskClient) -> None:
    chance = random.Random(7)
    for number in range(400):
        items = split(BATCHES[number % len(BATCHES)]).items[:3]
        place = number % len(items)
        items[place] = mutate(items[place], chance)
        status, receipt = post(sqlite_client, event_list(items))
        assert status == 200 and receipt["received"] >= len(items) - 1
    for body in (mutate(one[:30_000], chance) for one in BATCHES):
        assert post(sqlite_client, body)[0] in (200, 400)


def test_batch_with_deep_and_broken_bodies_from_a_real_apiserver_is_stored(client: FlaskClient) -> None:
    status, receipt = post(client, HOSTILE)
    assert (status, receipt["quarantined"]) == (200, 0)
    assert receipt["stored"] == receipt["received"] > 1


def test_secrets_are_nowhere_in_the_store(app: Flask, client: FlaskClient) -> None:
    marker = "c3VwZXItc2VjcmV0"
    secret = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": marker}}
    event = audit_event(
        verb="create", objectRef={"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"},
        requestObject=secret, responseObject=secret,
    )
    assert post(client, event_list([event]))[1]["stored"] == 1
    (raw,) = everything(context_of(app).repository)
    assert marker.encode() not in raw.raw and b'"password"' in raw.raw


def test_over_long_values_are_cut_in_the_row_and_whole_in_the_raw_event(app: Flask, client: FlaskClient) -> None:
    event = audit_event(auditID="x" * 10_000, requestURI="/" + "u" * 1_000_000, userAgent="😀" * 2_000)
    assert post(client, event_list([event]))[0] == 200
    (raw,) = everything(context_of(app).repository)
    assert raw.raw == encode(event)


def test_single_event_and_lines_of_events_are_taken_too(client: FlaskClient) -> None:
    lines = b"\n".join(encode(audit_event(second)) for second in range(3))
    assert post(client, encode(audit_event(9)))[1]["stored"] == 1
    assert post(client, lines)[1]["stored"] == 3


def test_empty_list_is_taken(client: FlaskClient) -> None:
    status, receipt = post(client, event_list([]))
    assert (status, set(receipt.values())) == (200, {0})


@pytest.mark.parametrize("body", [b"", b"hello", b"<html>", b"\x1f\x8b\x08\x00\x00"])
def test_body_that_is_no_json_is_answered_with_400(client: FlaskClient, body: bytes) -> None:
    status, answer = post(client, body)
    assert (status, answer["status"]) == (400, 400) and answer["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/webhook/audit/prod", "/webhook/audit/prod/", "/webhook/audit/prod?timeout=30s", "/webhook/audit?cluster=prod",
        "/webhook/audit/?cluster=prod&timeout=30s", "/webhook/audit/prod?cluster=other",
    ],
)
def test_cluster_is_read_from_the_path_before_the_query(app: Flask, client: FlaskClient, path: str) -> None:
    assert post(client, event_list([audit_event()]), path)[0] == 200
    assert [contact.cluster for contact in context_of(app).repository.contacts()] == ["prod"]


@pytest.mark.parametrize("name", ["Prod", "a_b", "a" * 64, "é", "a b", "%00", ""])
def test_impossible_cluster_name_is_answered_with_400_and_the_reason(client: FlaskClient, name: str) -> None:
    status, answer = post(client, event_list([audit_event()]), f"/webhook/audit/{name}")
    assert status == 400 and "cluster" in answer["message"]


@pytest.mark.parametrize("path", ["/webhook/audit/a/b", "/webhook//audit/a", "//webhook/audit/a"])
def test_wrong_path_is_404_and_never_a_redirect(client: FlaskClient, path: str) -> None:
    assert post(client, b"{}", path)[0] == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/webhook/audit/prod", "/webhook/audit/prod/", "/webhook/audit"])
def test_other_methods_are_answered_with_405(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_compressed_body_is_answered_with_415(client: FlaskClient) -> None:
    body = gzip.compress(event_list([audit_event()]))
    assert post(client, body, **{"Content-Encoding": "gzip"})[0] == 415


def test_too_large_body_is_answered_with_413_and_the_setting_to_change(engine: Config) -> None:
    app = create_app(replace(engine, max_body_bytes=2048))
    status, answer = post(app.test_client(), event_list(audit_event(second) for second in range(20)))
    assert status == 413 and "MAX_BODY_BYTES" in answer["message"]
    close(app)


def test_cluster_is_heard_from_when_a_batch_came(app: Flask, client: FlaskClient) -> None:
    for _ in range(2):
        post(client, event_list([audit_event(7, auditID="same")]), "/webhook/audit/staging")
    (contact,) = context_of(app).repository.contacts("staging")
    assert (contact.events + contact.duplicates, contact.events >= 1) == (2, True)
