"""What is no tampering is none: restarts, replays, retention, several writers, old versions; and what verify says."""

from __future__ import annotations

import threading
from functools import partialmethod
from pathlib import Path

import orjson
import pytest

from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.events.event import rfc3339
from audit_webhook.events.ids import to_text
from audit_webhook.events.redaction.settings import make_redaction
from audit_webhook.evidence.store import EvidenceStore
from audit_webhook.evidence.verify import examine
from audit_webhook.ingest.receive import read_batch, receive, store_batch
from audit_webhook.ingest.spool_drain import _batch_of
from audit_webhook.operate import retention
from audit_webhook.storage.repository import open_repository
from audit_webhook.storage.spool.batch_file import BatchFile
from tests.evidence.test_tampering_tables import seal_all_anew
from tests.factories import NOON_US, audit_event, encode, event_list
from tests.sealed_store import MINUTE, Evidence

DAY = 1440 * MINUTE


def batch_of_days_ago(days: float, count: int = 3) -> bytes:
    moment = now() - round(days * DAY)
    return event_list([audit_event(stageTimestamp=rfc3339(moment + number)) for number in range(count)])


def test_restart_is_no_alarm(evidence: Evidence) -> None:
    evidence.fill(2)
    for turn in range(3):
        again = Evidence(evidence.config, evidence.key_file)
        receive(again.repository, "prod", event_list([audit_event(turn)]), NOON_US)
        again.ahead = (turn + 2) * 2 * MINUTE
        again.sign()
        again.repository.close()
    report = evidence.verify(with_anchors=True)
    assert report.is_sound and len(report.streams) == 4 and report.events == 17


def test_what_is_sent_again_whole_or_in_part_is_no_alarm(evidence: Evidence) -> None:
    events = [audit_event(number) for number in range(9)]
    for part in (events[:6], events[:6], events[3:], events, events[::-1], [events[0], events[0]]):
        receive(evidence.repository, "prod", event_list(part), NOON_US)
    evidence.sign()
    assert evidence.found() == [] and evidence.verify().events == 9


def test_lines_of_a_log_file_are_compared_without_reading_each_again(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
    lines = [encode({**head, **audit_event(number)}) for number in range(5)]
    receive(evidence.repository, "prod", b"\n".join(lines), NOON_US)
    evidence.sign()
    monkeypatch.setattr(examine, "identify", lambda *_: pytest.fail("an event was read a second time"))
    assert evidence.found() == [] and evidence.verify().events == 5


def test_spooled_batch_that_is_drained_twice_is_no_alarm(evidence: Evidence) -> None:
    redaction = make_redaction("a key of many characters")
    secret = audit_event(
        level="Request", requestURI="/api/v1/namespaces/shop/secrets",
        objectRef={"resource": "secrets", "namespace": "shop", "name": "s", "apiVersion": "v1"},
        requestObject={"kind": "Secret", "data": {"password": "aHVudGVyMg=="}},
    )
    batch = read_batch("prod", event_list([secret, audit_event()]), NOON_US, redaction)
    batch_file = BatchFile("prod", NOON_US, list(batch.events.values()), [])
    for _ in range(2):
        store_batch(evidence.repository, "prod", _batch_of(batch_file, now()), now())
    evidence.sign()
    assert evidence.found() == [] and evidence.verify().events == 2


def test_event_with_line_breaks_in_it_is_no_alarm(evidence: Evidence) -> None:
    pretty = orjson.dumps(audit_event(), option=orjson.OPT_INDENT_2)
    receive(evidence.repository, "prod", event_list([audit_event(), pretty, audit_event(1)]), NOON_US)
    evidence.sign()
    assert evidence.found() == [] and evidence.verify().events == 3


def test_two_writers_at_once_and_a_verification_meanwhile_are_no_alarm(
    mariadb_config: Config, tmp_path: Path
) -> None:
    evidence = Evidence(mariadb_config, tmp_path / "evidence.key")
    writers = [open_repository(evidence.config) for _ in range(2)]

    def write(number: int) -> None:
        for turn in range(40):
            batch = event_list([audit_event(turn + place / 10, verb=f"verb{number}") for place in range(5)])
            receive(writers[number], "prod", batch, NOON_US)

    evidence.fill(3)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert evidence.found() == []
        evidence.signer.sign_when_due(is_last=True)
    evidence.signer.sign_when_due(is_last=True)
    report = evidence.verify(with_anchors=True)
    assert report.is_sound and report.events == 3 * 7 + 2 * 40 * 5 and report.unsigned == 0
    for each in (*writers, evidence.repository):
        each.close()


def test_what_retention_deleted_is_no_alarm_and_its_seals_go_too(evidence: Evidence) -> None:
    for days in (9, 8, 2, 7, 1):
        receive(evidence.repository, "prod", batch_of_days_ago(days), now() - days * DAY)
    evidence.sign()
    for _ in range(2):
        assert evidence.found() == []
        retention.prune(evidence.repository, 5, now(), signer=evidence.signer)
    report = evidence.verify(with_anchors=True)
    assert report.is_sound and report.events == 6 and report.pruned == 1
    assert [sequence for (sequence,) in evidence.rows("SELECT sequence FROM seals ORDER BY sequence")] == [3, 4, 5]
    receive(evidence.repository, "prod", batch_of_days_ago(0), now() - 0 * DAY)
    evidence.sign()
    assert evidence.found(with_anchors=True) == []


def test_stream_that_was_pruned_wholly_is_no_alarm(evidence: Evidence) -> None:
    receive(evidence.repository, "prod", batch_of_days_ago(9), now() - 9 * DAY)
    evidence.sign()
    retention.prune(evidence.repository, 5, now(), signer=evidence.signer)
    assert evidence.verify(with_anchors=True).batches == 0
    assert evidence.found(with_anchors=True) == []
    receive(evidence.repository, "prod", batch_of_days_ago(1), now() - 1 * DAY)
    evidence.sign()
    assert evidence.found(with_anchors=True) == [] and evidence.verify().events == 3


def test_what_is_deleted_without_a_signed_record_is_missing(evidence: Evidence) -> None:
    for days in (9, 1):
        receive(evidence.repository, "prod", batch_of_days_ago(days), now() - days * DAY)
    evidence.sign()
    retention.prune(evidence.repository, 5, now())
    assert [finding.kind for finding in evidence.found()] == ["MISSING"]


def test_row_that_says_something_else_than_its_event_is_found_whoever_has_sealed_it(evidence: Evidence) -> None:
    for number, column in enumerate(("namespace", "name", "request_uri")):
        evidence.store_batches(1, first=number)
        event = evidence.rows("SELECT e.id FROM events e JOIN chunks k ON k.id = e.chunk_id WHERE k.sequence = %s "
                              "ORDER BY e.id", number + 1)[3][0]
        evidence.change(f"UPDATE events SET {column} = %s WHERE id = %s", "another", event)
        seal_all_anew(evidence)
        assert ("MODIFIED", to_text(event)) in [(each.kind, each.place) for each in evidence.found()]


def test_copy_of_the_database_verifies(sqlite_config: Config, tmp_path: Path) -> None:
    original = Evidence(sqlite_config, tmp_path / "evidence.key")
    original.fill(3)
    copy = tmp_path / "copy.db"
    original.change("DELETE FROM quarantine")
    with original.repository.database.read() as cursor:
        cursor.execute("VACUUM INTO ?", (str(copy),))
    restored = Evidence(Config.from_env({"ENVIRONMENT": "development", "DB_PATH": str(copy)}), original.key_file)
    assert restored.found() == [] and restored.verify().events == 21
    original.repository.close()
    restored.repository.close()


def test_seal_number_that_somebody_took_costs_no_batch(evidence: Evidence) -> None:
    evidence.fill(1)
    row = evidence.rows("SELECT * FROM seals")[0]
    evidence.change(f"INSERT INTO seals VALUES ({', '.join(['%s'] * len(row))})", row[0], 2, *row[2:])
    assert receive(evidence.repository, "prod", event_list([audit_event()]), NOON_US).stored == 1
    assert evidence.kinds() == {"BAD_LINK"}
    assert len(evidence.verify().streams) == 2


def test_many_windows_are_compared_in_parts(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_webhook.evidence.verify.content.MANY_EVENTS", 3)
    for name in ("CHUNKS_AT_ONCE", "ROWS_AT_ONCE"):
        monkeypatch.setattr(f"audit_webhook.evidence.verify.content.{name}", 2)
    for name in ("sealed_chunks", "event_rows"):
        monkeypatch.setattr(EvidenceStore, name, partialmethod(getattr(EvidenceStore, name), limit=2))
    for number in range(9):
        batch = [audit_event(number * 400 + place) for place in range(2)]
        receive(evidence.repository, "prod", event_list(batch), NOON_US)
    evidence.sign()
    assert evidence.found() == [] and evidence.verify().events == 18
    evidence.change("DELETE FROM events WHERE id = (SELECT * FROM (SELECT MAX(id) FROM events) e)")
    assert [each.kind for each in evidence.found()] == ["MISSING"]
