"""The running service sees when the newest evidence is changed, says so once, and never when nothing was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_webhook.errors import KeyUnusable
from audit_webhook.events.ids import to_text
from audit_webhook.evidence import self_check
from audit_webhook.evidence.checkpointer import Checkpointer
from audit_webhook.evidence.self_check import SelfCheck
from audit_webhook.evidence.signer import Signer
from audit_webhook.operate import retention
from audit_webhook.operate.metrics import Metrics
from audit_webhook.storage.keys import make_or_read_keys
from tests.sealed_store import MINUTE, Evidence
from tests.serving import samples

Change = Callable[[Evidence], tuple[str, str]]
Found = list[tuple[str, str]]


def look(check: SelfCheck) -> Found:
    return [(kind, place) for kind, place, _ in check.run(lambda seconds: None)]


@pytest.fixture
def check(evidence: Evidence) -> SelfCheck:
    """The check of a store with two checkpoints over three batches each, which has looked once."""
    evidence.fill(3)
    evidence.fill(3, first=3)
    made = SelfCheck(evidence.store, str(evidence.key_file))
    assert look(made) == []
    return made


def last_seal(evidence: Evidence) -> tuple[bytes, int, bytes]:
    ((stream, sequence, chunk),) = evidence.rows(
        "SELECT stream, sequence, chunk_id FROM seals ORDER BY sequence DESC LIMIT 1"
    )
    return stream, sequence, chunk


def change_seal(evidence: Evidence) -> tuple[str, str]:
    stream, sequence, _ = last_seal(evidence)
    evidence.change("UPDATE seals SET root = %s WHERE sequence = %s", b"r" * 32, sequence)
    return "BAD_LINK", f"stream {stream.hex()} batch {sequence}"


def remove_seal_in_between(evidence: Evidence) -> tuple[str, str]:
    stream, sequence, _ = last_seal(evidence)
    evidence.change("DELETE FROM seals WHERE sequence = %s", sequence - 1)
    return "GAP", f"stream {stream.hex()} batch {sequence}"


def remove_last_seal(evidence: Evidence) -> tuple[str, str]:
    stream, sequence, _ = last_seal(evidence)
    evidence.change("DELETE FROM seals WHERE sequence = %s", sequence)
    return "TRUNCATED", f"stream {stream.hex()} batch {sequence}"


def make_last_seal_anew(evidence: Evidence) -> tuple[str, str]:
    stream, sequence, _ = last_seal(evidence)
    evidence.change("UPDATE seals SET link = %s WHERE sequence = %s", b"l" * 32, sequence)
    return "BAD_LINK", f"stream {stream.hex()} batch {sequence}"


def remove_batch(evidence: Evidence) -> tuple[str, str]:
    _, _, chunk = last_seal(evidence)
    evidence.change("DELETE FROM chunks WHERE id = %s", chunk)
    return "MISSING", to_text(chunk)


def change_checkpoint(evidence: Evidence) -> tuple[str, str]:
    evidence.change("UPDATE checkpoints SET signature = %s WHERE number = 2", b"s" * 64)
    return "BAD_SIGNATURE", "checkpoint 2"


def make_checkpoint_unreadable(evidence: Evidence) -> tuple[str, str]:
    evidence.change("UPDATE checkpoints SET body = %s WHERE number = 2", b"\xff{]")
    return "BAD_SIGNATURE", "checkpoint 2"


def remove_checkpoint(evidence: Evidence) -> tuple[str, str]:
    evidence.change("DELETE FROM checkpoints WHERE number = 1")
    return "GAP", "checkpoint 2"


def remove_last_checkpoint(evidence: Evidence) -> tuple[str, str]:
    evidence.change("DELETE FROM checkpoints WHERE number = 2")
    return "TRUNCATED", "checkpoint 2"


def remove_all_checkpoints(evidence: Evidence) -> tuple[str, str]:
    evidence.change("DELETE FROM checkpoints")
    return "TRUNCATED", "checkpoint 2"


def sign_anew_with_another_key(evidence: Evidence) -> tuple[str, str]:
    evidence.change("DELETE FROM checkpoints")
    other = evidence.key_file.with_name("other.key")
    Signer(evidence.store, str(other), evidence.clock).sign_when_due()
    return "BAD_SIGNATURE", "checkpoint 1"


CHANGES: tuple[Change, ...] = (
    change_seal, remove_seal_in_between, remove_last_seal, make_last_seal_anew, remove_batch, change_checkpoint,
    make_checkpoint_unreadable, remove_checkpoint, remove_last_checkpoint, remove_all_checkpoints,
    sign_anew_with_another_key,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_change_of_what_is_newest_is_seen_and_told_once(evidence: Evidence, check: SelfCheck, change: Change) -> None:
    expected = change(evidence)
    assert expected in look(check)
    assert look(check) == []


def test_what_a_second_look_does_not_find_is_no_break(evidence: Evidence, check: SelfCheck) -> None:
    kept = evidence.rows("SELECT * FROM chunks")
    remove_batch(evidence)

    def catch_up(seconds: float) -> None:
        (late,) = [row for row in kept if row not in evidence.rows("SELECT * FROM chunks")]
        evidence.change(f"INSERT INTO chunks VALUES ({', '.join(['%s'] * len(late))})", *late)

    assert check.run(catch_up) == []


def test_service_at_work_is_no_break(evidence: Evidence, check: SelfCheck, tmp_path: Path) -> None:
    other = Evidence(evidence.config, evidence.key_file)
    for number in range(25):
        work(evidence if number % 2 else other, number)
        assert look(check) == []
    make_or_read_keys(tmp_path / "new.key")
    with evidence.key_file.open("ab") as file:
        file.write((tmp_path / "new.key").read_bytes())
    renewed = Evidence(evidence.config, evidence.key_file)
    work(renewed, 25)
    assert renewed.keys.public != evidence.keys.public
    assert look(check) == [] and look(SelfCheck(evidence.store, str(evidence.key_file))) == []
    for each in (other, renewed):
        each.repository.close()


def work(evidence: Evidence, number: int) -> None:
    evidence.store_batches(1, first=6 + number)
    assert evidence.signer.sign_when_due(is_last=True)


def test_what_was_pruned_on_purpose_is_no_break(evidence: Evidence, check: SelfCheck) -> None:
    evidence.ahead += 400 * 24 * 60 * MINUTE
    retention.prune(evidence.repository, 1, evidence.clock(), lambda left: None, evidence.signer)
    assert evidence.rows("SELECT id FROM chunks") == [] and evidence.rows("SELECT chunk_id FROM seals") == []
    assert look(check) == [] and look(SelfCheck(evidence.store, str(evidence.key_file))) == []


def test_empty_store_is_no_break(evidence: Evidence) -> None:
    check = SelfCheck(evidence.store, str(evidence.key_file))
    assert look(check) == []
    evidence.sign()
    assert look(check) == []


def test_without_a_key_nothing_can_be_told(evidence: Evidence, check: SelfCheck) -> None:
    evidence.key_file.unlink()
    with pytest.raises(KeyUnusable):
        look(check)


def test_break_is_counted_and_logged_by_the_thread_that_signs(
    evidence: Evidence, check: SelfCheck, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("LOOK_SECONDS", "CHECK_SECONDS"):
        monkeypatch.setattr(f"audit_webhook.evidence.checkpointer.{name}", 0.01)
    monkeypatch.setattr(self_check, "AGAIN_SECONDS", 0.01)
    _, place = change_seal(evidence)
    metrics = Metrics()
    thread = Checkpointer(evidence.signer, check, metrics)
    thread.start()
    deadline = time.monotonic() + 20
    while not breaks(metrics).get("BAD_LINK") and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    thread.stop()
    assert {kind: count for kind, count in breaks(metrics).items() if count} == {"BAD_LINK": 1}
    assert caplog.text.count(f"the evidence is broken: BAD_LINK {place}") == 1


def breaks(metrics: Metrics) -> dict[str, float]:
    prefix = "audit_webhook_evidence_breaks_total{kind="
    exposed = samples(metrics.expose("")[0])
    return {name.split('"')[1]: value for name, value in exposed.items() if name.startswith(prefix)}
