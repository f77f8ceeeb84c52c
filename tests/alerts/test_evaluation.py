"""Alerts: each hit of each rule is stored once, whoever evaluates, whatever fails, however late an event comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from audit_webhook.alerts import evaluation
from audit_webhook.alerts.evaluation import LEASE, Evaluation
from audit_webhook.alerts.inbox import change
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.errors import StoreUnavailable
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.alert_decision_store import Mute, Switch
from audit_webhook.storage.alert_store import Alert
from audit_webhook.storage.database import Cursor
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, event_list

RULES = """
[[rule]]
id = "secret-gone"
title = "A Secret was deleted"
severity = "high"
query = "resource:secrets verb:delete"
why = "w"
next = "n"
fire = ["delete secrets a"]
pass = ["get secrets a"]

[[rule]]
id = "many-denied"
title = "Denied often"
severity = "medium"
query = "denied:true"
denied = "same"
threshold = {count = 3, by = ["user"], within = "10m"}
why = "w"
next = "n"
fire = [{do = "get pods a -> 403", times = 3}]
pass = ["get pods a -> 403"]
"""
FORBID = {"annotations": {"authorization.k8s.io/decision": "forbid"}, "responseStatus": {"code": 403}}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON_US + 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RuleShelf:
    """The two rules of this file alone."""
    monkeypatch.setattr("audit_webhook.alerts.rule_files.built_in_rules", list)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.toml").write_text(RULES)
    return RuleShelf(str(tmp_path / "rules"))


@pytest.fixture
def clock() -> Clock:
    """The clock of a test."""
    return Clock()


@pytest.fixture
def make(repository: Repository, shelf: RuleShelf, clock: Clock) -> Callable[[], Evaluation]:
    """Make evaluators, as several processes have one each; the first to begin has seen an empty store."""
    def make_one() -> Evaluation:
        return Evaluation(repository, open_stores(repository.database), shelf, clock)

    first = make_one()
    first.work()
    clock.now += LEASE + 1
    return make_one


def deletion(seconds: float = 0, name: str = "db", user: str = "mallory", **changes: Any) -> dict[str, Any]:
    """Make an event in which a Secret was deleted."""
    target = {"resource": "secrets", "namespace": "shop", "name": name}
    return audit_event(seconds, verb="delete", objectRef=target, user={"username": user}, **changes)


def send(repository: Repository, clock: Clock, *events: dict[str, Any]) -> None:
    """Store a batch."""
    receive(repository, "prod", event_list(events), clock.now)


def stored(repository: Repository) -> list[Alert]:
    """Return all alerts."""
    return sorted(open_stores(repository.database).alerts.list_alerts(0, 2**62, 1000), key=lambda alert: alert.rule)


def summary(repository: Repository) -> list[tuple[str, str, str, int]]:
    """Return rule, actor, object and hits of all alerts."""
    return sorted((each.rule, each.actor, each.object, each.hits) for each in stored(repository))


def test_hits_of_one_rule_actor_and_object_are_one_alert(
    repository: Repository, make: Callable[[], Evaluation], clock: Clock
) -> None:
    one = make()
    send(repository, clock, deletion(), deletion(1), deletion(2, name="other"), audit_event(3))
    one.work()
    send(repository, clock, deletion(4), deletion(5, user="eve", **FORBID))
    one.work()
    assert summary(repository) == [
        ("secret-gone", "eve", "secrets shop/db", 1), ("secret-gone", "mallory", "secrets shop/db", 3),
        ("secret-gone", "mallory", "secrets shop/other", 1),
    ]
    by_eve, by_mallory, _ = sorted(stored(repository), key=lambda alert: (alert.actor, alert.object))
    assert (by_eve.severity, by_eve.denied, by_mallory.severity, by_mallory.denied) == (2, 1, 3, 0)
    assert by_mallory.last_time - by_mallory.first_time == 4_000_000 and by_mallory.namespace == "shop"


def test_what_was_stored_before_the_first_evaluation_raises_nothing(
        repository: Repository, shelf: RuleShelf, clock: Clock) -> None:
    send(repository, clock, deletion())
    one = Evaluation(repository, open_stores(repository.database), shelf, clock)
    one.work()
    assert stored(repository) == []
    send(repository, clock, deletion(1))
    one.work()
    assert summary(repository) == [("secret-gone", "mallory", "secrets shop/db", 1)]


def test_duplicate_batch_and_second_stage_of_a_request_add_nothing(
    repository: Repository, make: Callable[[], Evaluation], clock: Clock
) -> None:
    one, event = make(), deletion()
    send(repository, clock, event)
    send(repository, clock, event)
    one.work()
    send(repository, clock, event | {"stage": "ResponseStarted"})
    one.work()
    assert summary(repository) == [("secret-gone", "mallory", "secrets shop/db", 1)]


def test_late_event_raises_an_alert_that_says_so(
    repository: Repository, make: Callable[[], Evaluation], clock: Clock
) -> None:
    one = make()
    send(repository, clock, deletion(-86_400), deletion(name="now"))
    one.work()
    assert {alert.object: alert.late for alert in stored(repository)} == {"secrets shop/db": 1, "secrets shop/now": 0}


def test_one_process_evaluates_and_another_takes_over_when_it_is_gone(
    repository: Repository, make: Callable[[], Evaluation], clock: Clock
) -> None:
    one, two = make(), make()
    one.work()
    send(repository, clock, deletion())
    assert two.work() == evaluation.STANDBY_SECONDS and stored(repository) == []
    clock.now += LEASE + 1
    two.work()
    send(repository, clock, deletion(1))
    assert one.work() == evaluation.STANDBY_SECONDS  # it wakes up late and has lost the lease
    two.work()
    assert summary(repository) == [("secret-gone", "mallory", "secrets shop/db", 2)]


def test_threshold_goes_on_where_a_killed_process_left_it(
        repository: Repository, make: Callable[[], Evaluation], clock: Clock) -> None:
    for number in range(3):
        clock.now += LEASE + 1
        send(repository, clock, audit_event(number, **FORBID))
        make().work()
    assert summary(repository) == [("many-denied", "alice", "", 1)]


def test_failure_at_any_statement_loses_and_doubles_nothing(
    repository: Repository, make: Callable[[], Evaluation], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make()
    one.work()
    total = 0
    for failing in range(1, 40):
        send(repository, clock, deletion(failing), audit_event(failing, user={"username": "u"}, **FORBID))
        total += 1
        with monkeypatch.context() as patch:
            broken = Breaking(repository, failing)
            patch.setattr(repository.database, "write", broken.write)
            one.work()
        clock.now += LEASE + 1
        one = make()
        one.work()
        if not broken.has_failed:
            break
    assert broken.statements > 5 and not broken.has_failed
    assert summary(repository) == [
        ("many-denied", "u", "", total - 2), ("secret-gone", "mallory", "secrets shop/db", total),
    ]


class Breaking:
    """A database whose transactions fail before a statement of this number."""

    def __init__(self, repository: Repository, failing: int) -> None:
        self._write = repository.database.write
        self.failing, self.statements, self.has_failed = failing, 0, False

    @contextmanager
    def write(self, *seconds: float) -> Iterator[Cursor]:
        with self._write(*seconds) as cursor:
            yield Statements(cursor, self)  # type: ignore[misc]


class Statements:
    """A cursor that counts its statements."""

    def __init__(self, cursor: Cursor, owner: Breaking) -> None:
        self._cursor, self._owner = cursor, owner

    def execute(self, *given: Any) -> Any:
        self._owner.statements += 1
        if self._owner.statements == self._owner.failing:
            self._owner.has_failed = True
            raise StoreUnavailable("killed")
        return self._cursor.execute(*given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def test_closed_alert_begins_anew_with_the_next_hit(
        repository: Repository, make: Callable[[], Evaluation], clock: Clock) -> None:
    one, stores = make(), open_stores(repository.database)
    send(repository, clock, deletion())
    one.work()
    change(stores.alerts, stored(repository)[0], "close", "harmless", "alice", clock.now)
    send(repository, clock, deletion(1))
    one.work()
    assert sorted((each.state, each.hits) for each in stored(repository)) == [("closed", 1), ("open", 1)]


def test_mute_holds_back_what_it_names_until_it_ends_or_is_revoked(
    repository: Repository, make: Callable[[], Evaluation], clock: Clock
) -> None:
    one, decisions = make(), open_stores(repository.database).decisions
    ends = clock.now + 60_000_000
    mute = Mute(b"m" * 16, "secret-gone", "prod", "shop", "mallory", "", "", ends, "known", 1, "alice")
    decisions.insert_mute(mute)
    send(repository, clock, deletion(), deletion(1, user="eve"))
    one.work()
    assert summary(repository) == [("secret-gone", "eve", "secrets shop/db", 1)]
    assert [each.hits for each in decisions.mutes()] == [1]
    decisions.revoke_mute(mute.id, clock.now, "bob")
    send(repository, clock, deletion(2))
    one.work()
    assert summary(repository)[-1] == ("secret-gone", "mallory", "secrets shop/db", 1)
    clock.now += 120_000_000
    assert not decisions.mutes()[0].is_active(clock.now) and decisions.mutes(clock.now) == []


def test_switched_rule_counts_from_the_next_batch_on(
    repository: Repository, make: Callable[[], Evaluation], clock: Clock
) -> None:
    one, decisions = make(), open_stores(repository.database).decisions
    decisions.switch_rule(Switch("secret-gone", False, clock.now, "alice"))
    send(repository, clock, deletion())
    one.work()
    assert stored(repository) == [] and not decisions.switches()["secret-gone"].is_on
    decisions.switch_rule(Switch("secret-gone", True, clock.now, "alice"))
    send(repository, clock, deletion(1))
    one.work()
    assert len(stored(repository)) == 1


def test_many_chunks_are_evaluated_in_steps(
    repository: Repository, make: Callable[[], Evaluation], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "CHUNKS_A_STEP", 2)
    one = make()
    for number in range(5):
        send(repository, clock, deletion(number, name=f"s{number}"))
    pauses = [one.work() for _ in range(4)]
    assert pauses == [0.0, 0.0, evaluation.PAUSE_SECONDS, evaluation.PAUSE_SECONDS] and len(stored(repository)) == 5


def test_old_alerts_are_forgotten_with_retention(repository: Repository, shelf: RuleShelf, clock: Clock) -> None:
    one = Evaluation(repository, open_stores(repository.database), shelf, clock, days=30)
    one.work()
    send(repository, clock, deletion(-40 * 86_400), deletion(name="now"))
    one.work()
    assert len(stored(repository)) == 2
    one._tidied = float("-inf")
    one.work()
    assert [alert.object for alert in stored(repository)] == ["secrets shop/now"]
