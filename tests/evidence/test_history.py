"""History that was signed once is never signed anew, and whoever means to go on with another one leaves a record."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.errors import HistoryRefused
from audit_webhook.evidence import checkpoints, self_check
from audit_webhook.evidence.checkpointer import Checkpointer
from audit_webhook.evidence.checkpoints import Checkpoint, sign
from audit_webhook.evidence.memory import Memory
from audit_webhook.evidence.self_check import SelfCheck
from audit_webhook.evidence.signer import Signer
from audit_webhook.operate.metrics import Metrics
from audit_webhook.storage.chunks.hash_chain import BEGINNING, Head
from audit_webhook.storage.keys import make_or_read_keys
from tests.factories import NOON_US
from tests.sealed_store import MINUTE, Evidence

YEAR = 365 * 24 * 60 * MINUTE


def restarted(evidence: Evidence) -> Signer:
    """Return the witness of a process that was just started."""
    return Signer(evidence.store, str(evidence.key_file), evidence.clock, evidence.anchors.append)


def forget(evidence: Evidence) -> None:
    """Delete what is remembered, as where there is no place to remember anything."""
    evidence.key_file.with_name("evidence.key.last").unlink()


def delete_all_checkpoints(evidence: Evidence) -> str:
    evidence.change("DELETE FROM checkpoints")
    return "TRUNCATED"


def delete_newest_checkpoint(evidence: Evidence) -> str:
    evidence.change("DELETE FROM checkpoints WHERE number = 3")
    return "TRUNCATED"


def exchange_newest_checkpoint(evidence: Evidence) -> str:
    evidence.change("UPDATE checkpoints SET body = %s WHERE number = 3", b"broken")
    return "BAD_LINK"


def put_older_checkpoint_in_its_place(evidence: Evidence) -> str:
    ((made, body, signature),) = evidence.rows("SELECT made, body, signature FROM checkpoints WHERE number = 2")
    columns = "made = %s, body = %s, signature = %s"
    evidence.change(f"UPDATE checkpoints SET {columns} WHERE number = 3", made, body, signature)
    return "BAD_LINK"


def append_checkpoint_of_another_key(evidence: Evidence) -> str:
    keys = make_or_read_keys(evidence.key_file.with_name("other.key"))
    last = evidence.store.last_checkpoint()
    assert last is not None
    signed = sign(Checkpoint(4, evidence.clock(), last[1].digest, keys.public), keys)
    evidence.store.insert_checkpoint(4, evidence.clock(), signed)
    return "BAD_SIGNATURE"


def append_older_checkpoint_far_ahead(evidence: Evidence) -> str:
    ((made, body, signature),) = evidence.rows("SELECT made, body, signature FROM checkpoints WHERE number = 2")
    evidence.change("INSERT INTO checkpoints VALUES (%s, %s, %s, %s)", 1 << 62, made, body, signature)
    return "BAD_LINK"


CHANGES: tuple[Callable[[Evidence], str], ...] = (
    delete_all_checkpoints, delete_newest_checkpoint, exchange_newest_checkpoint, put_older_checkpoint_in_its_place,
    append_checkpoint_of_another_key, append_older_checkpoint_far_ahead,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_history_that_does_not_continue_what_was_signed_is_signed_by_nobody(
    evidence: Evidence, change: Callable[[Evidence], str]
) -> None:
    for number in range(3):
        evidence.fill(2, first=2 * number)
    kind = change(evidence)
    count = len(evidence.rows("SELECT number FROM checkpoints"))
    for signer in (evidence.signer, restarted(evidence)):
        evidence.store_batches(1, first=10 + count)
        evidence.ahead += 2 * MINUTE
        with pytest.raises(HistoryRefused) as caught:
            signer.sign_when_due()
        assert caught.value.kind == kind and "accept-history" in str(caught.value)
        with pytest.raises(HistoryRefused):
            signer.sign_pruning(NOON_US)
    assert len(evidence.rows("SELECT number FROM checkpoints")) == count
    assert evidence.kinds() & {"TRUNCATED", "BAD_LINK", "BAD_SIGNATURE"}
    restarted_check = SelfCheck(evidence.store, str(evidence.key_file))
    assert restarted_check.run(lambda seconds: None) != []


def test_rolled_back_database_is_found_without_anchors(evidence: Evidence) -> None:
    for number in range(4):
        evidence.fill(3, first=3 * number)
    for (chunk,) in evidence.rows("SELECT chunk_id FROM seals WHERE sequence > 6"):
        for table, column in (("events", "chunk_id"), ("chunks", "id"), ("seals", "chunk_id")):
            evidence.change(f"DELETE FROM {table} WHERE {column} = %s", chunk)
    evidence.change("DELETE FROM checkpoints WHERE number > 2")
    assert "TRUNCATED" in evidence.kinds() and "TRUNCATED" in evidence.kinds(with_anchors=True)


def test_nothing_is_signed_from_the_beginning_when_a_seal_is_older_than_the_key(evidence: Evidence) -> None:
    evidence.fill(3)
    evidence.change("DELETE FROM checkpoints")
    forget(evidence)
    evidence.change("UPDATE seals SET sealed = %s WHERE sequence = 1", evidence.clock() - YEAR)
    with pytest.raises(HistoryRefused, match="before the key was made"):
        restarted(evidence).sign_when_due()


def test_restored_backup_is_accepted_by_one_command_that_stays_on_record(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = ("events", "chunks", "seals", "checkpoints", "postings", "tallies", "arrivals")
    evidence.fill(2)
    with evidence.undone(*tables):
        evidence.fill(2, first=2)
        evidence.fill(2, first=4)
    assert "TRUNCATED" in evidence.kinds(with_anchors=True)
    config = Config.from_env({"ENVIRONMENT": "development", "EVIDENCE_KEY_FILE": str(evidence.key_file), **(
        {"DB_PATH": evidence.config.db_path} if not evidence.config.db_host else {
            "DB_HOST": evidence.config.db_host, "DB_PORT": str(evidence.config.db_port),
            "DB_USER": evidence.config.db_user, "DB_PASSWORD": evidence.config.db_password,
            "DB_NAME": evidence.config.db_name,
        }
    )})
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: config)
    assert main(["accept-history", "--reason", "restored the backup of Monday"]) == 0
    said = capsys.readouterr().out
    assert "checkpoint 3 was the newest" in said and "ends with checkpoint 1" in said
    assert main(["accept-history", "--reason", "once more"]) == 1
    again = Evidence(evidence.config, evidence.key_file)
    again.anchors = evidence.anchors
    again.ahead = evidence.ahead + MINUTE
    again.fill(2, first=6)
    for with_anchors in (False, True):
        report = again.verify(with_anchors)
        assert report.findings.first == [] and report.events == 28
        assert any("restored the backup of Monday" in note for note in report.notes)
    assert SelfCheck(again.store, str(again.key_file)).run(lambda seconds: None) == []
    again.change("DELETE FROM seals WHERE sequence = 2 AND stream = (SELECT * FROM (SELECT MAX(stream) FROM seals) s)")
    assert again.found(with_anchors=True) != []
    again.repository.close()


def test_replica_with_a_memory_of_its_own_takes_what_was_accepted_elsewhere(evidence: Evidence, tmp_path: Path) -> None:
    replica = Signer(
        evidence.store, str(evidence.key_file), evidence.clock, memory=Memory(tmp_path / "replica.last")
    )
    evidence.fill(2)
    evidence.fill(1, first=2)
    assert not replica.sign_when_due()
    evidence.fill(1, first=3)
    evidence.change("DELETE FROM checkpoints WHERE number > 1")
    assert evidence.signer.accept("a trial") is not None
    evidence.store_batches(1, first=4)
    evidence.ahead += 2 * MINUTE
    assert replica.sign_when_due() and evidence.found(with_anchors=True) == []


def test_empty_database_for_a_key_that_has_signed_needs_to_be_accepted(
    evidence: Evidence, sqlite_config: Config, tmp_path: Path
) -> None:
    evidence.fill(2)
    config = Config.from_env({"ENVIRONMENT": "development", "DB_PATH": str(tmp_path / "new.db")})
    other = Evidence(config, evidence.key_file)
    with pytest.raises(HistoryRefused):
        other.signer.sign_when_due()
    assert other.signer.accept("a new database") is not None
    other.fill(2)
    assert other.found() == [] and [head for head in other.signed()] != []
    other.repository.close()


def test_thread_that_signs_raises_the_alarm_and_says_once_why(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("audit_webhook.evidence.checkpointer.LOOK_SECONDS", 0.01)
    monkeypatch.setattr(self_check, "AGAIN_SECONDS", 0.01)
    evidence.fill(2)
    evidence.change("DELETE FROM checkpoints")
    metrics = Metrics()
    thread = Checkpointer(restarted(evidence), SelfCheck(evidence.store, str(evidence.key_file)), metrics)
    thread.start()
    alarm = 'audit_webhook_evidence_breaks_total{kind="TRUNCATED"} 0.0'
    deadline = time.monotonic() + 20
    while alarm in metrics.expose("")[0].decode() and time.monotonic() < deadline:
        time.sleep(0.02)
    thread.stop()
    assert alarm not in metrics.expose("")[0].decode()
    assert caplog.text.count("no checkpoint can be made") == 1


def test_clock_that_was_ahead_stops_nothing(evidence: Evidence) -> None:
    evidence.fill(3)
    evidence.ahead += YEAR
    evidence.fill(1, first=3)
    evidence.ahead -= YEAR - 24 * 60 * MINUTE
    for number, signer in enumerate((evidence.signer, restarted(evidence))):
        evidence.store_batches(1, first=4 + number)
        assert signer.sign_when_due()
        evidence.ahead += 2 * MINUTE
    report = evidence.verify(with_anchors=True)
    assert report.is_sound and report.unsigned == 0
    assert any("a clock was wrong" in note for note in report.notes)


def test_clock_that_differs_from_the_database_s_is_logged_once_and_stops_nothing(
    evidence: Evidence, caplog: pytest.LogCaptureFixture
) -> None:
    signer = Signer(evidence.store, str(evidence.key_file), evidence.clock, skew=lambda: -86_400.0)
    for number in range(3):
        evidence.store_batches(1, first=number)
        evidence.ahead += 2 * MINUTE
        assert signer.sign_when_due()
    assert caplog.text.count("the database's clock is -86400 seconds ahead") == 1


@pytest.mark.parametrize("made", [0, 4_000_000_000_000_000])
def test_changed_time_of_a_checkpoint_s_row_is_found_and_stops_nothing(evidence: Evidence, made: int) -> None:
    evidence.fill(3)
    evidence.fill(1, first=3)
    evidence.change("UPDATE checkpoints SET made = %s WHERE number = 2", made)
    evidence.fill(1, first=4)
    assert [(each.kind, each.place) for each in evidence.found()] == [("MODIFIED", "checkpoint 2")]
    assert evidence.verify().unsigned == 0


def test_streams_are_signed_by_their_numbers_whatever_their_seals_say_of_the_time(evidence: Evidence) -> None:
    evidence.fill(2)
    evidence.store_batches(1, first=2)
    evidence.change("UPDATE seals SET sealed = 1 WHERE sequence = 3")
    evidence.sign()
    (head,) = checkpoints.read(list(evidence.signed())[-1].body).heads
    assert head.sequence == 3


def test_two_checkpoints_of_one_number_among_the_anchors_are_found(evidence: Evidence) -> None:
    evidence.fill(1)
    head = Head(bytes(8), 1, bytes(32))
    other = sign(Checkpoint(1, NOON_US, BEGINNING, evidence.keys.public, (head,)), evidence.keys)
    evidence.anchors.append(other.token)
    assert "BAD_LINK" in evidence.kinds(with_anchors=True)
