"""Metrics: exact sums over processes, whatever happens to one of them, and a table in the documents that is true."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from audit_webhook.config import Config
from audit_webhook.errors import AuditWebhookError, InvalidParameter, StoreBusy, StoreUnavailable
from audit_webhook.ingest.receive import Receipt
from audit_webhook.operate.disk_space import Room, measure_disks
from audit_webhook.operate.loss_metrics import LossCollector, LossSamples, SenderSample
from audit_webhook.operate.metrics import MEANINGS, OUTCOMES, Metrics, SpoolState, make_counters
from audit_webhook.operate.quarantine_metrics import QuarantineSample, QuarantineWatch
from audit_webhook.operate.sink_metrics import SinkSample, SinkWatch
from audit_webhook.operate.shared_counters import Place, SharedCounters
from audit_webhook.storage.repository import Repository
from tests.factories import audit_event, event_list
from tests.serving import samples

ROOT = Path(__file__).resolve().parents[2]


def exposed(metrics: Metrics) -> dict[str, float]:
    return samples(metrics.expose("")[0])


def scraped(client: FlaskClient) -> dict[str, float]:
    return samples(client.get("/metrics").data)


def outcomes(counted: dict[str, float], what: str = "events") -> dict[str, float]:
    names = {name: f'audit_webhook_{what}_total{{cluster="prod",outcome="{name}"}}' for name in OUTCOMES}
    return {name: counted[key] for name, key in names.items() if counted[key]}


def test_batch_is_counted_where_each_of_its_events_went(client: FlaskClient) -> None:
    body = event_list([audit_event(1), audit_event(2), b"null"])
    for _ in range(2):
        assert client.post("/webhook/audit/prod", data=body).status_code == 200
    counted = scraped(client)
    assert outcomes(counted) == {"stored": 2, "duplicate": 2, "quarantined": 2}
    assert counted['audit_webhook_events_received_total{cluster="prod"}'] == 6
    assert counted['audit_webhook_bytes_received_total{cluster="prod"}'] == 2 * len(body)
    assert sum(outcomes(counted, "bytes").values()) == 2 * len(body)
    assert counted['audit_webhook_lag_seconds_count{cluster="prod"}'] == 1
    assert counted['audit_webhook_last_contact_timestamp_seconds{cluster="prod"}'] > 1_700_000_000


def test_batch_that_could_not_be_stored_is_counted_as_refused(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise StoreUnavailable("away")

    monkeypatch.setattr(Repository, "store", fail)
    assert client.post("/webhook/audit/prod", data=event_list([audit_event(1), audit_event(2)])).status_code == 503
    counted = scraped(client)
    assert outcomes(counted) == {"refused": 2}
    assert counted['audit_webhook_events_received_total{cluster="prod"}'] == 2
    assert counted['audit_webhook_requests_refused_total{reason="store"}'] == 1


def test_requests_are_timed_by_route(sqlite_client: FlaskClient) -> None:
    for path in ("/", "/api/v1/events", "/healthz"):
        sqlite_client.get(path)
    counted = scraped(sqlite_client)
    for route in ("pages", "api", "ops"):
        assert counted[f'audit_webhook_request_seconds_count{{route="{route}"}}'] == 1


def test_processes_are_counted_together_and_by_whichever_is_asked() -> None:
    counters = make_counters(2)
    first, second = Metrics(counters, 0), Metrics(counters, 1)
    first.note_batch("prod", 10, Receipt(3, 3, 0, 0), 1_000_000)
    second.note_batch("prod", 5, Receipt(2, 0, 2, 0), 9_000_000)
    second.note_request("ingest", 0.3)
    assert exposed(first) == exposed(second)
    assert outcomes(exposed(first)) == {"stored": 3, "duplicate": 2}
    assert exposed(first)['audit_webhook_last_contact_timestamp_seconds{cluster="prod"}'] == 9
    assert exposed(first)['audit_webhook_request_seconds_bucket{le="0.25",route="ingest"}'] == 0
    assert exposed(first)['audit_webhook_request_seconds_bucket{le="0.5",route="ingest"}'] == 1


def test_successor_of_a_dead_process_goes_on_from_its_counts() -> None:
    counters = make_counters(2)
    Metrics(counters, 1).note_batch("prod", 10, Receipt(3, 3, 0, 0), 1)
    successor = Metrics(counters, 1)
    successor.note_batch("prod", 10, Receipt(4, 4, 0, 0), 1)
    successor.note_batch("dev", 10, Receipt(1, 1, 0, 0), 1)
    assert outcomes(exposed(Metrics(counters, 0))) == {"stored": 7}
    assert exposed(successor)["audit_webhook_process_starts_total"] == 3


def test_forked_process_counts_into_the_same_sums() -> None:
    counters = make_counters(2)
    child = os.fork()
    if not child:
        Metrics(counters, 1).note_batch("prod", 10, Receipt(3, 3, 0, 0), 1)
        os._exit(0)
    os.waitpid(child, 0)
    assert outcomes(exposed(Metrics(counters, 0))) == {"stored": 3}


def test_update_cut_off_before_its_end_changes_nothing() -> None:
    counters = SharedCounters(1, 2, 3)
    place = Place(counters, 0)
    place.update("prod", {0: 5, 1: 5})
    half = memoryview(bytearray(24)).cast("d")
    counters._words[counters._copy(counters._start(0, 1), 2)] = half  # as far as a killed process may have come
    assert counters.read(0, 1) == [5, 5, 0]
    Place(counters, 0).update("prod", {0: 1, 1: 1})
    assert counters.read(0, 1) == [6, 6, 0]


def test_more_clusters_than_there_is_room_for_are_counted_as_others() -> None:
    counters = SharedCounters(1, 4, 1)
    place = Place(counters, 0)
    for number in range(20):
        place.update(f"c{number}", {0: 1})
    assert [counters.name(0, record) for record in range(4)] == ["", "c0", "c1", "(others)"]
    assert counters.read(0, 3) == [18]


def test_what_was_spooled_and_drained_is_counted() -> None:
    class Spooled:
        received = spooled = 7
        stored = duplicate = quarantined = 0

    metrics = Metrics()
    metrics.spool = lambda: SpoolState(size=123, oldest=4.5)
    metrics.note_batch("prod", 10, Spooled(), 1)
    metrics.note_drained("prod", 7, 10)
    counted = exposed(metrics)
    assert outcomes(counted) == {"spooled": 7} and outcomes(counted, "bytes") == {"spooled": 10}
    assert counted['audit_webhook_events_drained_total{cluster="prod"}'] == 7
    assert (counted["audit_webhook_spool_bytes"], counted["audit_webhook_spool_oldest_seconds"]) == (123, 4.5)


@pytest.mark.parametrize(
    ("error", "reason"), [(StoreBusy(""), "store"), (InvalidParameter(""), "other"), (AuditWebhookError(""), "other")]
)
def test_every_error_has_a_reason(error: AuditWebhookError, reason: str) -> None:
    metrics = Metrics()
    metrics.note_refusal(error)
    assert exposed(metrics)[f'audit_webhook_requests_refused_total{{reason="{reason}"}}'] == 1


def test_open_metrics_are_given_to_who_asks_for_them(sqlite_client: FlaskClient, sqlite_config: Config) -> None:
    answer = sqlite_client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.data.endswith(b"# EOF\n")


def test_room_on_the_disks_is_told(sqlite_client: FlaskClient) -> None:
    counted = scraped(sqlite_client)
    free = counted['audit_webhook_disk_free_bytes{disk="database"}']
    assert 0 < free <= counted['audit_webhook_disk_size_bytes{disk="database"}']


def test_room_on_the_disk_of_a_spool_is_told_beside_a_database_server(mariadb_config: Config, tmp_path: Path) -> None:
    config = replace(mariadb_config, spool_dir=str(tmp_path))
    assert measure_disks(config).keys() == {"spool"}
    assert measure_disks(replace(config, spool_dir="/nowhere")) == {}


def test_documented_metrics_are_those_exposed() -> None:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in MEANINGS.items()]
    table = "\n".join(["| metric | meaning |", "|---|---|", *rows])
    document = (ROOT / "docs/operations.md").read_text("utf-8")
    found = re.search(r"<!-- metrics: .*? -->\n(.*?)<!-- /metrics -->", document, re.DOTALL)
    assert found is not None and found[1].strip() == table
    metrics = Metrics()
    metrics.note_batch("prod", 10, Receipt(3, 3, 0, 0), 1, 0.1)
    metrics.disks = lambda: {"spool": Room(1, 2)}
    metrics.note_checkpoint(0)
    metrics.note_retention(False)
    pair, sender = {("prod", "token"): 1}, SenderSample("prod", "10.0.0.1", 1.0, False)
    metrics.registry.register(LossCollector(lambda: LossSamples([sender], {"prod": 1}, pair, {"prod": 1}, pair)))
    quarantine = QuarantineWatch(lambda: QuarantineSample({"prod": 2}, {"prod": 90}, {"prod": 1}))
    quarantine.work()
    metrics.registry.register(quarantine)
    sinks = SinkWatch(lambda: [SinkSample("hook", 1, 2, 3, 4, 5.0)])
    sinks.work()
    metrics.registry.register(sinks)
    named = {re.split(r"[{]", name)[0] for name in exposed(metrics)}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} == MEANINGS.keys()
