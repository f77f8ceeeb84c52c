"""A receipt means committed or synced to the spool, and what waited there arrives as if it had never waited."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from audit_webhook import errors
from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.ingest.durable import DurableStore
from audit_webhook.ingest.spool_drain import SpoolDrain
from audit_webhook.storage.health_probe import HealthProbe
from audit_webhook.storage.repository import Raw, Repository, open_repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from audit_webhook.storage.spool.batch_file import BatchFile, Item
from audit_webhook.storage.spool.spool import Spool
from tests.factories import NOON_US, audit_event, encode, event_list
from tests.mariadb import MariaDB
from tests.small_disk import MIB

SECRET = audit_event(
    verb="create", objectRef={"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"},
    requestObject={"kind": "Secret", "data": {"password": "c3VwZXItc2VjcmV0"}},
)


class Answers:
    """What the breaker is told; a stand-in for a database that goes away and comes back."""

    def __init__(self) -> None:
        """Say that all is well."""
        self.are_well = True

    def __call__(self) -> bool:
        """Answer."""
        return self.are_well


class Setting:
    """A store of each engine with a spool, and a database that is away at will."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        """Put the parts together; nothing runs in the background."""
        self.repository = repository
        self.answers = Answers()
        self.health_probe = HealthProbe(self.answers)
        self.folder = folder
        self.spool = Spool(folder, 64 * 1024**2)
        self.durable = DurableStore(repository, self.health_probe, self.spool)
        self.spool_drain = SpoolDrain(self.spool, repository, self.health_probe, now)

    def take_away(self, is_away: bool = True) -> None:
        """Let the database be away, or be back."""
        self.answers.are_well = not is_away
        self.health_probe.look()

    def stored(self) -> list[Raw]:
        """Give all events that are stored."""
        return self.repository.read_chunks(self.repository.select_events(EVERYTHING, LAST, 1000))


@pytest.fixture
def setting(repository: Repository, tmp_path: Path) -> Setting:
    """Everything that keeps batches, on each engine."""
    return Setting(repository, tmp_path / "spool")


def test_batch_goes_through_the_spool_with_the_same_ids_bytes_and_quarantine(setting: Setting) -> None:
    twice = encode(audit_event(1))
    body = event_list([twice, encode(SECRET), b"null", b'"text"', twice])
    setting.take_away()
    assert setting.durable.receive("prod", body, now())[:5] == (5, 0, 1, 0, 4)
    assert setting.stored() == []
    setting.take_away(False)
    assert setting.spool_drain.drain() == 1
    drained = setting.stored()
    assert setting.durable.receive("prod", body, now())[:5] == (5, 0, 3, 2, 0)
    assert len(drained) == 2 and {raw.id for raw in drained} == {raw.id for raw in setting.stored()}
    assert twice in {raw.raw for raw in drained}
    assert {item.content for item in setting.repository.quarantine.read_items()} == {b"null", b'"text"'}


def test_secrets_are_nowhere_in_the_spool(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_webhook.storage.spool.batch_file.LEVEL", -100)  # so weak that text stays readable
    setting.take_away()
    setting.durable.receive("prod", event_list([encode(SECRET)]), now())
    (path,) = (setting.folder / "new").iterdir()
    content = path.read_bytes()
    assert b"password" in content and b"c3VwZXItc2VjcmV0" not in content


def test_file_that_is_drained_twice_is_stored_once(setting: Setting) -> None:
    setting.take_away()
    setting.durable.receive("prod", event_list([audit_event(1), audit_event(2)]), now())
    (path,) = (setting.folder / "new").iterdir()
    content = path.read_bytes()
    setting.take_away(False)
    setting.spool_drain.drain()
    path.write_bytes(content)  # as after a crash between the commit and the removal
    assert setting.spool_drain.drain() == 1
    assert len(setting.stored()) == 2
    assert setting.spool.state().files == 0


def test_drained_events_are_counted_by_cluster(setting: Setting) -> None:
    setting.take_away()
    for cluster, count in (("prod", 3), ("staging", 1), ("prod", 2)):
        setting.durable.receive(cluster, event_list(audit_event(n) for n in range(count)), now())
    setting.take_away(False)
    setting.spool_drain.drain()
    state = setting.durable.spool_state()
    assert state is not None and state.drained == {"prod": 5, "staging": 1}


def test_direct_writes_go_on_while_an_old_spool_waits(setting: Setting) -> None:
    setting.take_away()
    setting.durable.receive("prod", event_list([audit_event(1)]), now())
    setting.take_away(False)
    assert setting.durable.receive("prod", event_list([audit_event(2)]), now()).stored == 1
    assert setting.spool.state().files == 1


@pytest.mark.parametrize("error", [errors.StoreUnavailable, errors.StoreBusy, errors.StoreMisconfigured])
def test_batch_that_the_database_does_not_take_goes_into_the_spool(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(setting.repository, "store", refuse_with(error))
    assert setting.durable.receive("prod", event_list([audit_event()]), now()).spooled == 1
    assert not setting.health_probe.is_storing() and setting.durable.is_ready()


def refuse_with(error: type[Exception]) -> Any:
    """Give a stand-in for `Repository.store` that refuses every batch."""

    def store(cluster: str, chunks: Any, quarantined: Any, received: int) -> int:
        raise error("refused")

    return store


@pytest.mark.parametrize("error", [errors.StoreUnavailable, OSError, TypeError])
def test_file_that_cannot_be_stored_does_not_hold_up_the_others(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    setting.take_away()
    for cluster in ("poison", "prod", "staging"):
        setting.durable.receive(cluster, event_list([audit_event()]), now())
        time.sleep(0.001)
    setting.take_away(False)
    real = setting.repository.store

    def store(cluster: str, chunks: Any, quarantined: Any, received: int) -> int:
        if cluster == "poison":
            raise error("not this one")
        return real(cluster, chunks, quarantined, received)

    monkeypatch.setattr(setting.repository, "store", store)
    assert [setting.spool_drain.drain() for _ in range(4)] == [0, 0, 2, 0]  # its second failure makes it wait
    assert {raw.cluster for raw in setting.stored()} == {"prod", "staging"}
    assert setting.spool.state().files == 1


def test_event_that_the_database_refuses_goes_into_quarantine_alone(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = setting.repository.store
    bad = encode(audit_event(5, verb="bad"))

    def store(cluster: str, chunks: Any, quarantined: Any, received: int) -> int:
        if any("bad" in str(action) for chunk in chunks for action in chunk.actions.values()):
            raise errors.RowRefused("Data too long")
        return real(cluster, chunks, quarantined, received)

    monkeypatch.setattr(setting.repository, "store", store)
    body = event_list([*(audit_event(second) for second in range(9)), bad, b"null"])
    assert setting.durable.receive("prod", body, now()) == (11, 9, 0, 2, 0, NOON_US)
    assert {item.content for item in setting.repository.quarantine.read_items()} == {bad, b"null"}


def test_event_larger_than_any_packet_costs_neither_its_neighbours_nor_the_service(
    mariadb: MariaDB, mariadb_config: Config
) -> None:
    noise = random.randbytes(7 * MIB).hex()  # no word in it looks like a secret
    huge, text = encode(audit_event(5, responseObject={"noise": noise})), encode(audit_event())[:-1] + noise.encode()
    mariadb.execute(f"SET GLOBAL max_allowed_packet = {5 * MIB}")
    try:
        repository = open_repository(mariadb_config)
        repository.migrate()
        health_probe = HealthProbe(repository.is_ready)
        durable = DurableStore(repository, health_probe, None)
        receipt = durable.receive("prod", event_list([audit_event(1), huge, audit_event(2)]), now())
        durable.receive("other", text, now())
        other, kept = sorted(repository.quarantine.read_items(), key=lambda item: item.cluster == "prod")
        repository.close()
    finally:
        mariadb.execute(f"SET GLOBAL max_allowed_packet = {16 * MIB}")
    assert (receipt.stored, receipt.quarantined) == (2, 1)
    assert (kept.raw_bytes, kept.content) == (len(huge), huge[:4 * MIB])
    assert (other.raw_bytes, other.content) == (len(text), text[:4 * MIB])
    assert "max_allowed_packet" in kept.reason and health_probe.is_storing()


def test_file_that_not_even_the_quarantine_takes_is_set_aside(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.take_away()
    setting.durable.receive("prod", event_list([audit_event()]), now())
    setting.take_away(False)
    monkeypatch.setattr(setting.repository, "store", refuse_with(errors.RowRefused))
    assert setting.spool_drain.drain() == 1
    assert setting.spool.state()._replace(oldest_seconds=0.0) == (0, 0, 0.0, 1, {})


def test_event_of_the_spool_that_cannot_be_read_any_more_goes_into_quarantine(setting: Setting) -> None:
    setting.spool.write(BatchFile("prod", now(), [Item(bytes(16), b"not json")], []))
    assert setting.spool_drain.drain() == 1
    assert [item.content for item in setting.repository.quarantine.read_items()] == [b"not json"]


def test_nothing_is_read_when_nothing_could_be_kept(setting: Setting) -> None:
    without = DurableStore(setting.repository, setting.health_probe, None)
    setting.take_away()
    with pytest.raises(errors.StoreUnavailable):
        without.receive("prod", b"no json at all", now())
    assert not without.is_ready() and without.spool_state() is None


def test_database_that_answers_but_stores_nothing_is_not_ready_for_a_moment(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = DurableStore(setting.repository, setting.health_probe, None)
    with monkeypatch.context() as broken, pytest.raises(errors.StoreUnavailable):
        broken.setattr(setting.repository, "store", refuse_with(errors.StoreUnavailable))
        without.receive("prod", event_list([audit_event()]), now())
    assert not without.is_ready()
    without.receive("prod", event_list([audit_event()]), now())
    assert without.is_ready()
