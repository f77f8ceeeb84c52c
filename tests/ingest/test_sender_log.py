"""Senders are known by address and habit, missed when they fall silent, and few however many names are made up."""

from __future__ import annotations

import itertools
import json

import pytest

from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.ingest import senders as log
from audit_webhook.ingest.admission import RejectionLog
from audit_webhook.ingest.import_losses import import_losses
from audit_webhook.ingest.senders import SenderLog, merge, state_of
from audit_webhook.storage import loss_store, sender_store
from audit_webhook.storage.loss_store import PAUSE, RESTART, LossStore
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.sender_store import MOST_REFUSED_SENDERS, MOST_SENDERS, Sender, SenderStore
from tests.factories import NOON_US
from tests.ingest.test_apiserver_log import klog, message

SECOND = 1_000_000
AGENT = "kube-apiserver/v1.36.2 (linux/amd64) kubernetes/abc"
NEWER = "kube-apiserver/v1.36.3 (linux/amd64) kubernetes/def"


class Notes:
    """A log of senders whose clock a test turns."""

    def __init__(self, repository: Repository) -> None:
        self.now = NOON_US
        self.senders = SenderStore(repository.database)
        self.losses = LossStore(repository.database)
        self.log = SenderLog(self.senders, self.losses, lambda: self.now)

    def send(self, batches: int, every: int = 3, address: str = "10.0.0.1", agent: str = AGENT) -> None:
        """Take batches of ten events, one each so many seconds, written down after each ten of them."""
        for number in range(batches):
            self.now += every * SECOND
            self.log.note_batch("prod", address, agent, 10, 1000, self.now)
            if number % 10 == 9:
                self.log.write_now()
        self.log.write_now()

    def state(self, address: str = "10.0.0.1") -> str:
        return {each.address: state_of(each, self.now) for each in self.senders.read_senders()}[address]

    def gaps(self) -> list[tuple[str, int]]:
        found, _ = self.losses.list_losses(0, 2 * NOON_US)
        return sorted((each.kind, (each.ended - each.happened) // SECOND) for each in found)


@pytest.fixture
def notes(repository: Repository) -> Notes:
    return Notes(repository)


# Senders


def test_sender_is_known_by_address_program_counts_and_habit(notes: Notes) -> None:
    notes.send(30)
    notes.send(10, address="10.0.0.2")
    first, second = notes.senders.read_senders()
    assert (first.address, first.user_agent, first.batches, first.events, first.raw_bytes) == (
        "10.0.0.1", AGENT, 30, 300, 30_000,
    )
    assert first.usual_gap == 3 * SECOND and second.batches == 10
    assert first.first_heard == NOON_US + 3 * SECOND and first.last_heard == NOON_US + 90 * SECOND


def test_sender_that_falls_silent_is_missed_within_two_minutes_while_the_other_goes_on(notes: Notes) -> None:
    notes.send(20, address="10.0.0.2")
    notes.send(30)
    assert (notes.state(), notes.state("10.0.0.2")) == ("heard", "silent")
    notes.now += 5 * SECOND
    assert notes.state() == "heard"
    notes.now += 120 * SECOND
    assert notes.state() == "silent"
    notes.now += log.GONE_AFTER
    assert notes.state() == "gone"


def test_sender_with_a_slow_habit_is_given_its_time(notes: Notes) -> None:
    notes.send(12, every=30)
    notes.now += 300 * SECOND
    assert notes.state() == "heard"
    notes.now += 400 * SECOND
    assert notes.state() == "silent"


def test_sender_of_which_everything_is_refused_was_never_heard(notes: Notes) -> None:
    notes.log.note_refusal("prod", "10.0.0.9", AGENT, "token", notes.now)
    notes.log.write_now()
    assert notes.state("10.0.0.9") == "never"
    notes.send(3, address="10.0.0.9")
    assert notes.state("10.0.0.9") == "heard"
    notes.log.note_refusal("prod", "10.0.0.9", AGENT, "token", notes.now + SECOND)
    notes.log.write_now()
    assert notes.state("10.0.0.9") == "refused"


def test_silence_that_ends_is_recorded_as_a_gap_and_is_not_learned_as_a_habit(notes: Notes) -> None:
    notes.send(20)
    assert notes.gaps() == []
    notes.now += 600 * SECOND
    notes.send(1)
    notes.send(20)
    assert notes.gaps() == [(PAUSE, 603)]
    assert notes.senders.read_senders()[0].usual_gap == 3 * SECOND
    (loss,), _ = notes.losses.list_losses(0, 2 * NOON_US)
    assert loss.reason.startswith("no batch for 603 s; usually one every 3 s") and loss.events == 0


def test_new_version_is_a_restart_and_another_program_is_not(notes: Notes) -> None:
    notes.send(2, agent="curl/8.5.0")
    notes.send(2)
    assert notes.gaps() == []
    notes.send(2, agent=NEWER)
    assert notes.gaps() == [(RESTART, 3)]


def test_two_processes_count_one_sender_together_and_see_no_gap_between_their_batches(repository: Repository) -> None:
    one, two = Notes(repository), Notes(repository)
    for number in range(40):
        writer = (one, two)[number % 2]
        writer.now = NOON_US + number * 3 * SECOND
        writer.log.note_batch("prod", "10.0.0.1", AGENT, 1, 1, writer.now)
        if number % 8 > 5:
            writer.log.write_now()
    for each in (one, two):
        each.log.write_now()
    (sender,) = one.senders.read_senders()
    assert (sender.batches, sender.last_heard) == (40, NOON_US + 39 * 3 * SECOND)
    assert 2 * SECOND <= sender.usual_gap <= 7 * SECOND and one.gaps() == []


def test_merging_notes_in_any_order_counts_the_same() -> None:
    parts = [Sender("c", "a", AGENT, at, at, 1, 2, 3) for at in (10, 20, 30)]
    parts.append(Sender("c", "a", "", refused=1, last_refused=25, refused_kind="token"))
    for order in itertools.permutations(parts):
        known = Sender("c", "a")
        for part in order:
            known = merge(known, part)
        assert known._replace(usual_gap=0) == Sender("c", "a", AGENT, 10, 30, 3, 6, 9, 0, 1, 25, "token")


# Bounds


def test_thousands_of_clusters_and_addresses_stay_few_rows(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_store, "MOST_CLUSTERS", 50)
    monkeypatch.setattr(sender_store, "MOST_REFUSED_CLUSTERS", 10)
    notes.send(1)
    for number in range(150):
        notes.log.note_batch(f"c{number}", "10.0.0.1", AGENT, 1, 1, notes.now)
        notes.log.note_batch("prod", f"10.0.1.{number}", AGENT, 1, 1, notes.now)
        notes.log.note_refusal(f"r{number}", "10.0.0.1", AGENT, "token", notes.now)
        notes.log.note_refusal("prod", f"10.0.2.{number}", AGENT, "token", notes.now)
    notes.log.write_now()
    known = notes.senders.read_senders()
    own = [each for each in known if each.cluster == "prod"]
    assert len([each for each in own if each.batches]) == MOST_SENDERS + 1
    assert len([each for each in own if not each.batches]) == MOST_REFUSED_SENDERS
    assert len({each.cluster for each in known}) <= 50 + 10 + 2
    assert sum(each.batches for each in known) == 301 and sum(each.refused for each in known) == 300


def test_flood_of_notes_takes_no_memory(notes: Notes) -> None:
    for number in range(5 * log.MOST_NOTES):
        notes.log.note_refusal(f"c{number}", "10.0.0.1", AGENT, "token", notes.now)
    assert len(notes.log._notes) <= log.MOST_NOTES + 1


def test_refusals_of_many_addresses_and_names_stay_few_rows(repository: Repository) -> None:
    store = LossStore(repository.database)
    book = RejectionLog(repository.refusals, store)
    for round_ in range(4):
        for number in range(300):
            book.note("prod", "token", "wrong", f"2001:db8::{round_:x}:{number:x}", NOON_US)
        book.flush()
    found, _ = store.list_losses(0, 2 * NOON_US)
    assert sum(loss.requests for loss in found) == 1200
    assert len(found) <= loss_store.MOST_ADDRESSES + 2
    for number in range(3000):
        book.note(f"x{number}", "token", "wrong", f"10.0.{number // 250}.{number % 250}", NOON_US)
    book.flush()
    found, _ = store.list_losses(0, 2 * NOON_US)
    assert sum(loss.requests for loss in found) == 4200
    assert len(found) <= loss_store.MOST_ADDRESSES_AN_HOUR + 300


def test_lost_events_are_named_no_longer_than_events_are_kept(repository: Repository) -> None:
    store = LossStore(repository.database)
    import_losses(store, "prod", "x", [line.encode() for line in klog(message(1))], NOON_US)
    for days, left in ((0, 1), (90, 1), (30, 0)):
        SenderLog(SenderStore(repository.database), store, lambda: NOON_US, days).forget_old(NOON_US + 40 * log.DAY)
        assert len(store.list_losses(0, 2 * NOON_US)[0]) == left


def test_old_senders_and_losses_are_forgotten(notes: Notes) -> None:
    notes.send(1)
    notes.log.forget_old(notes.now + 10 * log.DAY)
    assert len(notes.senders.read_senders()) == 1
    notes.log.forget_old(notes.now + 32 * log.DAY)
    assert notes.senders.read_senders() == []


def test_sender_that_is_gone_for_good_is_forgotten(
    engine: Config, repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: engine)
    store = SenderStore(repository.database)
    notes = [Sender("prod", f"10.0.0.{number}", "kube-apiserver/v1.36", 1, 1, 5, 50) for number in (1, 2)]
    store.merge(notes, merge)
    assert main(["senders", "list", "prod"]) == 0
    assert [line.split()[1:3] for line in capsys.readouterr().out.splitlines()] == [
        ["10.0.0.1", "gone,"], ["10.0.0.2", "gone,"],
    ]
    assert main(["senders", "forget", "prod"]) == 2
    assert main(["senders", "forget", "prod", "10.0.0.2"]) == 0
    assert main(["senders", "forget", "prod", "10.0.0.2"]) == 1
    assert "10.0.0.2 of prod is forgotten" in capsys.readouterr().out
    assert main(["senders", "list", "--json"]) == 0
    assert [each["address"] for each in json.loads(capsys.readouterr().out)] == ["10.0.0.1"]
    store.merge(notes[1:], merge)
    assert len(store.read_senders()) == 2
