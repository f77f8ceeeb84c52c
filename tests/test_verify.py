"""What is no tampering is none: restarts, replays, retention, several writers, old versions; and what verify says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path
from typing import Any

import orjson
import pytest

from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.errors import NoProof
from audit_webhook.event import rfc3339
from audit_webhook.evidence_store import EvidenceStore
from audit_webhook.identity import from_text
from audit_webhook.parcel import Parcel
from audit_webhook.redaction import make_redaction
from audit_webhook.repository import open_repository
from audit_webhook.services import retention
from audit_webhook.services.drain import _batch_of
from audit_webhook.services.ingest import read_batch, receive, store_batch
from audit_webhook.services.proof import Unproved, check_proof, make_proof
from audit_webhook.wiring import now
from tests.evidence import MINUTE, Evidence
from tests.factories import NOON_US, audit_event, event_list

DAY = 1440 * MINUTE


@pytest.fixture
def evidence(engine: Config, tmp_path: Path) -> Iterator[Evidence]:
    """An empty store with a witness, on each engine."""
    made = Evidence(engine, tmp_path / "evidence.key")
    yield made
    made.repository.close()


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


def test_spooled_batch_that_is_drained_twice_is_no_alarm(evidence: Evidence) -> None:
    redaction = make_redaction("a key of many characters")
    secret = audit_event(
        level="Request", requestURI="/api/v1/namespaces/shop/secrets",
        objectRef={"resource": "secrets", "namespace": "shop", "name": "s", "apiVersion": "v1"},
        requestObject={"kind": "Secret", "data": {"password": "aHVudGVyMg=="}},
    )
    batch = read_batch("prod", event_list([secret, audit_event()]), NOON_US, redaction)
    parcel = Parcel("prod", NOON_US, list(batch.events.values()), [])
    for _ in range(2):
        store_batch(evidence.repository, "prod", _batch_of(parcel, now()), now())
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
        evidence.witness.sign_when_due(is_last=True)
    evidence.witness.sign_when_due(is_last=True)
    report = evidence.verify(with_anchors=True)
    assert report.is_sound and report.events == 3 * 7 + 2 * 40 * 5 and report.unsigned == 0
    for each in (*writers, evidence.repository):
        each.close()


def test_what_retention_deleted_is_no_alarm_and_its_seals_go_too(evidence: Evidence) -> None:
    for days in (9, 8, 2, 7, 1):
        receive(evidence.repository, "prod", batch_of_days_ago(days), now())
    evidence.sign()
    for _ in range(2):
        assert evidence.found() == []
        retention.prune(evidence.repository, 5, now(), witness=evidence.witness)
    report = evidence.verify(with_anchors=True)
    assert report.is_sound and report.events == 6 and report.pruned == 1
    assert [sequence for (sequence,) in evidence.rows("SELECT sequence FROM seals ORDER BY sequence")] == [3, 4, 5]
    receive(evidence.repository, "prod", batch_of_days_ago(0), now())
    evidence.sign()
    assert evidence.found(with_anchors=True) == []


def test_stream_that_was_pruned_wholly_is_no_alarm(evidence: Evidence) -> None:
    receive(evidence.repository, "prod", batch_of_days_ago(9), now())
    evidence.sign()
    retention.prune(evidence.repository, 5, now(), witness=evidence.witness)
    assert evidence.verify(with_anchors=True).batches == 0
    assert evidence.found(with_anchors=True) == []
    receive(evidence.repository, "prod", batch_of_days_ago(1), now())
    evidence.sign()
    assert evidence.found(with_anchors=True) == [] and evidence.verify().events == 3


def test_what_is_deleted_without_a_signed_record_is_missing(evidence: Evidence) -> None:
    for days in (9, 1):
        receive(evidence.repository, "prod", batch_of_days_ago(days), now())
    evidence.sign()
    retention.prune(evidence.repository, 5, now())
    assert [finding.kind for finding in evidence.found()] == ["MISSING"]


def test_what_came_long_after_a_pruning_is_not_excused_by_it(evidence: Evidence) -> None:
    receive(evidence.repository, "prod", batch_of_days_ago(1), now())
    retention.prune(evidence.repository, 5, now(), witness=evidence.witness)
    receive(evidence.repository, "prod", batch_of_days_ago(9), now())
    evidence.change("UPDATE seals SET sealed = sealed + %s WHERE sequence = 2", 3 * 60 * MINUTE)
    evidence.change("DELETE FROM chunks WHERE sequence = 2")
    evidence.change("DELETE FROM events WHERE chunk_id NOT IN (SELECT id FROM chunks)")
    assert "MISSING" in evidence.kinds()


def test_batches_of_an_earlier_version_are_counted_and_one_that_is_added_or_gone_is_found(evidence: Evidence) -> None:
    earlier = open_repository(evidence.config)
    for number in range(4):
        receive(earlier, "prod", event_list([audit_event(number * DAY / 1_000_000)]), NOON_US)
    earlier.close()
    evidence.change("DELETE FROM seals")
    evidence.fill(2)
    report = evidence.verify()
    assert report.is_sound and report.older == 4 and report.events == 14
    with evidence.undone("chunks"):
        evidence.change("DELETE FROM chunks WHERE sequence = 3")
        assert evidence.kinds() == {"MISSING", "EXTRA"}
    with evidence.undone("chunks"):
        row = evidence.rows("SELECT * FROM chunks WHERE sequence = 1")[0]
        evidence.change(f"INSERT INTO chunks VALUES ({', '.join(['%s'] * len(row))})", row[0][:15] + b"x", *row[1:])
        assert evidence.kinds() == {"UNSEALED"}
    assert evidence.found() == []


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


@pytest.fixture
def command(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """The store, for the command line."""
    monkeypatch.setattr("audit_webhook.commands.settings.load", lambda: evidence.config)
    return evidence


def test_command_tells_that_all_is_sound(command: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    command.fill(2)
    key = ["--key", str(command.key_file)]
    assert main(["verify", *key]) == 0
    said = capsys.readouterr().out
    assert said.startswith("SOUND: all 14 events") and "no anchor" in said.lower().splitlines()[0]
    anchors = command.key_file.with_name("anchors")
    anchors.write_text("\n".join(f"line {token} more" for token in command.anchors))
    assert main(["verify", *key, "--anchors", str(anchors)]) == 0
    assert "erified against 1 anchors" in capsys.readouterr().out.splitlines()[0]
    assert main(["verify", *key, "--json", "--since", "2026-11-24"]) == 0
    report = orjson.loads(capsys.readouterr().out)
    assert (report["verdict"], report["events"], report["batches"], report["findings"]) == ("sound", 0, 2, [])


def test_command_names_what_was_changed(command: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    command.fill(2)
    command.change("DELETE FROM seals WHERE sequence = 1")
    assert main(["verify", "--key", str(command.key_file)]) == 1
    verdict, *lines = capsys.readouterr().out.splitlines()
    assert verdict.startswith("TAMPERED: 1 GAP, 1 UNSEALED.") and lines[0].startswith("GAP  stream ")
    assert main(["verify", "--json", "--key", str(command.key_file)]) == 1
    report = orjson.loads(capsys.readouterr().out)
    assert (report["verdict"], report["counts"]) == ("tampered", {"GAP": 1, "UNSEALED": 1})
    assert report["findings"][0]["kind"] == "GAP"


def test_command_that_cannot_tell_says_so(command: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    key = ["--key", str(command.key_file)]
    assert main(["verify", *key]) == 0
    receive(command.repository, "prod", event_list([audit_event()]), NOON_US)
    capsys.readouterr()
    assert main(["verify", *key]) == 2
    assert capsys.readouterr().out.startswith("NOT KNOWN")
    assert main(["verify", "--key", "/nowhere/key"]) == 2
    assert "/nowhere/key" in capsys.readouterr().err
    assert main(["verify", *key, "--anchors", "/nowhere/anchors"]) == 2
    assert main(["verify"]) == 2
    assert "--key" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["verify", "--since", "soon"])


def proof_of_some_event(evidence: Evidence, batch: int) -> dict[str, Any]:
    identifier = evidence.rows("SELECT e.id FROM events e JOIN chunks k ON k.id = e.chunk_id WHERE k.sequence = %s "
                               "ORDER BY e.id", batch)[4][0]
    raw = evidence.repository.find_event(identifier)
    assert raw is not None
    document: dict[str, Any] = orjson.loads(orjson.dumps(make_proof(evidence.repository, raw)))
    assert from_text(document["event"]["id"]) == identifier
    return document


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_proof_holds_without_the_database(
    command: Evidence, batch: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.fill(4)
    path = tmp_path / "proof.json"
    path.write_bytes(orjson.dumps(document := proof_of_some_event(command, batch)))
    command.repository.close()
    assert main(["verify", "--key", str(command.key_file), "--proof", str(path)]) == 0
    assert capsys.readouterr().out.startswith("proved: ")
    document["event"]["raw"] = document["event"]["raw"].replace("alice", "mallory")
    path.write_bytes(orjson.dumps(document))
    assert main(["verify", "--key", str(command.key_file), "--proof", str(path), "--json"]) == 1
    assert orjson.loads(capsys.readouterr().out)["proved"] is False


def test_proof_proves_nothing_once_any_part_of_it_is_changed(evidence: Evidence, tmp_path: Path) -> None:
    evidence.fill(3)
    document = proof_of_some_event(evidence, 2)
    made = check_proof(document, evidence.keys)
    assert abs(made - evidence.clock()) < MINUTE
    text = orjson.dumps({name: value for name, value in document.items() if name != "event"}).decode()
    for place in range(0, len(text), 7):
        changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1:]
        try:
            forged = orjson.loads(changed)
        except orjson.JSONDecodeError:
            continue
        with pytest.raises(Unproved):
            check_proof({"event": document["event"], **forged}, evidence.keys)
    for part in ("cluster", "received", "raw"):
        other = {**document, "event": {**document["event"], part: 5}}
        with pytest.raises(Unproved):
            check_proof(other, evidence.keys)
    with pytest.raises(Unproved, match="not trusted"):
        check_proof(document, Evidence(evidence.config, tmp_path / "other").keys)


def test_event_that_no_checkpoint_covers_has_no_proof_yet(evidence: Evidence) -> None:
    receive(evidence.repository, "prod", event_list([audit_event(number) for number in range(5)]), NOON_US)
    with pytest.raises(NoProof, match="no checkpoint"):
        proof_of_some_event(evidence, 1)
    evidence.sign()
    assert proof_of_some_event(evidence, 1)
    evidence.change("DELETE FROM seals")
    with pytest.raises(NoProof, match="no seal"):
        proof_of_some_event(evidence, 1)


def test_many_windows_are_compared_in_parts(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_webhook.services.verify_content.MANY_EVENTS", 3)
    for name in ("CHUNKS_AT_ONCE", "ROWS_AT_ONCE"):
        monkeypatch.setattr(f"audit_webhook.services.verify_content.{name}", 2)
    for name in ("sealed_chunks", "event_rows"):
        monkeypatch.setattr(EvidenceStore, name, partialmethod(getattr(EvidenceStore, name), limit=2))
    for number in range(9):
        batch = [audit_event(number * 400 + place) for place in range(2)]
        receive(evidence.repository, "prod", event_list(batch), NOON_US)
    evidence.sign()
    assert evidence.found() == [] and evidence.verify().events == 18
    evidence.change("DELETE FROM events WHERE id = (SELECT * FROM (SELECT MAX(id) FROM events) e)")
    assert [each.kind for each in evidence.found()] == ["MISSING"]
