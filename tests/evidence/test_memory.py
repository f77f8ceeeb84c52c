"""The newest checkpoint is remembered outside of the database, by each process, and never goes back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from audit_webhook.errors import HistoryRefused, KeyUnusable
from audit_webhook.evidence import checkpoints
from audit_webhook.evidence.checkpoints import Checkpoint, Signed, sign
from audit_webhook.evidence.memory import Memory
from audit_webhook.evidence.signer import Signer
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.chunks.hash_chain import BEGINNING
from audit_webhook.storage.keys import make_or_read_keys
from tests.factories import NOON_US, audit_event, event_list
from tests.sealed_store import MINUTE, Evidence


def restarted(evidence: Evidence) -> Signer:
    """Return the witness of a process that was just started."""
    return Signer(evidence.store, str(evidence.key_file), evidence.clock, evidence.anchors.append)


def test_process_that_cannot_write_down_what_it_knows_still_knows_it(
    evidence: Evidence, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    signer = Signer(
        evidence.store, str(evidence.key_file), evidence.clock, memory=Memory(tmp_path / "missing" / "last")
    )
    for number in range(2):
        evidence.store_batches(1, first=number)
        evidence.ahead += 2 * MINUTE
        assert signer.sign_when_due()
    assert caplog.text.count("cannot be remembered") == 1
    evidence.change("DELETE FROM checkpoints")
    with pytest.raises(HistoryRefused):
        signer.sign_when_due()


def test_newest_checkpoint_is_remembered_whichever_process_signs(evidence: Evidence, tmp_path: Path) -> None:
    replica = Signer(
        evidence.store, str(evidence.key_file), evidence.clock, memory=Memory(tmp_path / "replica.last")
    )
    for number in range(5):
        evidence.store_batches(1, first=number)
        evidence.ahead += 2 * MINUTE
        assert (replica if number % 2 else evidence.signer).sign_when_due()
        assert not evidence.signer.sign_when_due() and not replica.sign_when_due()
        for memory in (evidence.signer.memory, replica.memory):
            remembered = memory.read()
            assert remembered is not None and checkpoints.read(remembered.body).number == number + 1
    assert evidence.found(with_anchors=True) == []


def test_processes_that_share_a_file_never_let_it_go_back(tmp_path: Path) -> None:
    keys = make_or_read_keys(tmp_path / "key")
    made = [sign(Checkpoint(number, NOON_US, BEGINNING, keys.public), keys) for number in range(1, 41)]

    def write(start: int) -> None:
        memory = Memory(tmp_path / "last")
        for signed in made[start::4]:
            memory.write(signed)

    threads = [threading.Thread(target=write, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Memory(tmp_path / "last").read() == made[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "last"]


@pytest.mark.parametrize("content", ["", "nothing", "audit-checkpoint.e30." + "A" * 86])
def test_file_that_holds_no_checkpoint_stops_signing(evidence: Evidence, content: str) -> None:
    evidence.fill(1)
    evidence.key_file.with_name("evidence.key.last").write_text(content)
    with pytest.raises(KeyUnusable, match="does not hold a checkpoint"):
        restarted(evidence).sign_when_due()


def test_checkpoint_that_a_crash_kept_from_being_remembered_is_taken(evidence: Evidence) -> None:
    evidence.fill(1)
    remembered = evidence.signer.memory.read()
    evidence.fill(1, first=1)
    assert remembered is not None
    evidence.key_file.with_name("evidence.key.last").write_text(remembered.token)
    again = restarted(evidence)
    evidence.store_batches(1, first=2)
    evidence.ahead += 2 * MINUTE
    assert again.sign_when_due() and evidence.found(with_anchors=True) == []


def test_new_key_in_the_same_file_goes_on(evidence: Evidence, tmp_path: Path) -> None:
    evidence.fill(1)
    make_or_read_keys(tmp_path / "new.key")
    with evidence.key_file.open("ab") as file:
        file.write((tmp_path / "new.key").read_bytes())
    renewed = Evidence(evidence.config, evidence.key_file)
    renewed.ahead = evidence.ahead
    renewed.fill(1, first=1)
    assert renewed.found(with_anchors=True) == [] and evidence.keys.public != renewed.keys.public
    renewed.repository.close()


def test_signed_bytes_are_those_that_are_remembered(evidence: Evidence) -> None:
    receive(evidence.repository, "prod", event_list([audit_event()]), NOON_US)
    evidence.sign()
    assert [evidence.signer.memory.read()] == [Signed(*each) for each in evidence.signed()]
