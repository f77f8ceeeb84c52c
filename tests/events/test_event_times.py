"""An event is filed by the time that it says, from wherever it says it, and else by its receipt, and marked so."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.config import Config
from audit_webhook.context import context_of, now
from audit_webhook.evidence.verify.verify import verify
from audit_webhook.ingest.import_log import LogImport, Watcher
from audit_webhook.ingest.receive import receive
from audit_webhook.operate import retention
from audit_webhook.query.edit import quote
from audit_webhook.storage.keys import read_keys
from audit_webhook.storage.quarantine_store import QuarantineStore
from audit_webhook.storage.repository import Repository
from tests.factories import audit_event, encode, event_list
from tests.sealed_store import Evidence

ZERO: Final = "0001-01-01T00:00:00Z"
TIME: Final = "2026-03-04T05:06:07.000000Z"
MINUTE: Final = 60_000_000
WATCHER: Final = Watcher(lambda report: None, lambda line: None)


def timeless(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return an event without any time."""
    event = audit_event(number, auditID=f"timeless-{number}", **changes)
    for member in ("stageTimestamp", "requestReceivedTimestamp"):
        event.pop(member, None)
    return event | changes


def post(client: FlaskClient, *events: dict[str, Any]) -> None:
    assert client.post("/webhook/audit/prod", data=event_list(list(events))).status_code == 200


def found(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = client.get("/api/v1/events", query_string={"q": query}).get_json()["events"]
    return events


@pytest.mark.parametrize("members", [
    {"stageTimestamp": TIME}, {"requestReceivedTimestamp": TIME}, {"timestamp": TIME},
    {"metadata": {"creationTimestamp": TIME}},
    {"stageTimestamp": ZERO, "requestReceivedTimestamp": TIME}, {"stageTimestamp": None, "timestamp": TIME},
    {"stageTimestamp": "nonsense", "requestReceivedTimestamp": ZERO, "metadata": {"creationTimestamp": TIME}},
    {"stageTimestamp": "1970-01-01T00:00:00Z", "timestamp": TIME}, {"stageTimestamp": 7, "timestamp": TIME},
])
def test_time_is_taken_from_wherever_the_event_has_one(client: FlaskClient, members: dict[str, Any]) -> None:
    post(client, timeless(**members))
    (event,) = found(client)
    assert (event["time"], event["time_recorded"]) == (TIME, True)


@pytest.mark.parametrize("members", [
    {}, {"stageTimestamp": ZERO, "requestReceivedTimestamp": ZERO}, {"stageTimestamp": "", "timestamp": None},
    {"metadata": {"creationTimestamp": None}}, {"metadata": 5}, {"stageTimestamp": "23:59:60.5Z"},
])
def test_event_without_a_time_is_filed_by_its_receipt_and_marked(
    client: FlaskClient, members: dict[str, Any]
) -> None:
    post(client, timeless(**members))
    (event,) = found(client, "since:1h")
    assert event["time_recorded"] is False
    assert abs(_moment(event["time"]) - _moment(event["received"])) < 2
    assert "Time not recorded" in client.get("/").get_data(as_text=True)
    assert "Time not recorded" in client.get(f"/events/{event['id']}").get_data(as_text=True)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_event_without_a_time_that_is_sent_again_later_is_stored_once(repository: Repository) -> None:
    body = event_list([timeless(1), timeless(2), audit_event(3), {**timeless(4), "auditID": ""}])
    first = receive(repository, "prod", body, now() - 7 * MINUTE)
    again = receive(repository, "prod", body, now())
    assert (first.stored, again.stored, again.duplicate) == (4, 0, 4)
    other = receive(repository, "prod", event_list([timeless(1, verb="patch")]), now())
    assert other.stored == 1


def test_log_with_events_without_a_time_is_imported_once(repository: Repository, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"".join(encode(timeless(number)) + b"\n" for number in range(5)))
    moments = (now() - MINUTE, now())
    stored = [LogImport(repository, "prod", moment, WATCHER).run([str(log)]).stored for moment in moments]
    assert stored == [5, 0]


def test_event_without_a_time_is_not_pruned_as_old(repository: Repository) -> None:
    receive(repository, "prod", event_list([timeless()]), now())
    assert retention.prune(repository, 30, now()).events == 0


def test_events_without_a_time_are_no_false_alarm_of_verify(engine: Config, tmp_path: Path) -> None:
    evidence = Evidence(engine, tmp_path / "evidence.key")
    receive(evidence.repository, "prod", event_list([timeless(1), audit_event(2), timeless(3)]), now())
    evidence.signer.sign_when_due()
    report = verify(evidence.repository, read_keys(evidence.key_file), ())
    assert report.is_sound and report.events == 3
    evidence.repository.close()


@pytest.mark.parametrize(("version", "group"), [("apps/v1beta1", "apps"), ("v1", ""), ("", ""), ("a.b/v1", "a.b")])
def test_group_in_an_old_version_of_the_reference_is_the_group(client: FlaskClient, version: str, group: str) -> None:
    post(client, audit_event(objectRef={"resource": "deployments", "name": "web", "apiVersion": version}))
    (event,) = found(client, f"group:{quote(group)}")
    assert event["group"] == (group or None)


@pytest.mark.parametrize("item", [
    {"auditID": "x", "requestURI": "/api"}, {"level": "Loud", "auditID": "x"}, {"stage": "ResponseComplete"},
    {"kind": "AdmissionReview", "request": {"verb": "x"}},
])
def test_what_has_neither_a_verb_nor_a_known_level_is_no_event(app: Flask, item: dict[str, Any]) -> None:
    client = app.test_client()
    post(client, item, audit_event(1))
    assert len(found(client)) == 1
    assert len(QuarantineStore(context_of(app).repository.database).read_items()) == 1
