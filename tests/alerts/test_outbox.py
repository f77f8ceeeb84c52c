"""The outbox: what sinks are to be told is written with the alert, grouped, held back in quiet hours, and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_webhook.alerts.evaluation import Evaluation
from audit_webhook.alerts.inbox import change
from audit_webhook.alerts.notifications import outbox
from audit_webhook.alerts.notifications.outbox import MOST_AT_ONCE, News, Outbox
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.errors import StoreUnavailable
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.alert_outbox_store import MOST_MEMBERS
from audit_webhook.storage.repository import Repository
from tests.alerts.sink_story import MINUTE, Clock, an_alert, store_alerts, tell, waiting, webhook, write_sinks
from tests.alerts.test_evaluation import Breaking
from tests.factories import NOON_US, audit_event, event_list

URL = "http://127.0.0.1:9/hook"
BY_RULE = 'group_by = "rule"'


def patched(name: str, seconds: float = 0) -> dict[str, object]:
    """Return an event on which a built-in rule fires."""
    target = {"resource": "configmaps", "namespace": "kube-system", "name": "coredns"}
    return audit_event(seconds, verb="patch", objectRef=target, user={"username": name})


def test_message_is_written_for_each_sink_that_wants_the_hit(repository: Repository, tmp_path: Path) -> None:
    shelf = write_sinks(
        tmp_path, webhook("all", URL), webhook("critical", URL, 'severity = "critical"'),
        webhook("other", URL, 'clusters = ["staging"]'), webhook("mallory", URL, 'query = "user:mallory"'),
    )
    clock, stores = Clock(), open_stores(repository.database)
    one = Evaluation(repository, stores, RuleShelf(""), clock, sinks=shelf)
    one.work()
    receive(repository, "prod", event_list([patched("mallory"), patched("alice", 1)]), clock.now)
    one.work()
    found = waiting(repository)
    assert sorted(each.sink for each in found) == ["all", "all", "mallory"]
    alerts = {alert.id: alert.actor for alert in stores.alerts.list_alerts(0, 2**62, 10)}
    assert [alerts[each.members[0]] for each in found if each.sink == "mallory"] == ["mallory"]
    assert all((each.hits, each.severity, each.due, each.kind) == (1, 3, clock.now, "firing") for each in found)


def test_failure_in_the_transaction_leaves_neither_alert_nor_message(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, stores = Clock(), open_stores(repository.database)
    one = Evaluation(repository, stores, RuleShelf(""), clock, sinks=write_sinks(tmp_path, webhook("all", URL)))
    one.work()
    receive(repository, "prod", event_list([patched("mallory")]), clock.now)
    with monkeypatch.context() as patch:
        def fail(*given: object) -> None:
            raise StoreUnavailable("killed")

        patch.setattr(stores.progress, "write_positions", fail)
        one.work()
    assert waiting(repository) == [] and stores.alerts.list_alerts(0, 2**62, 10) == []
    clock.now += 16_000_000
    one.work()
    assert len(waiting(repository)) == 1 and len(stores.alerts.list_alerts(0, 2**62, 10)) == 1


def test_failure_at_any_statement_loses_and_doubles_no_message(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, stores = Clock(), open_stores(repository.database)
    shelf = write_sinks(tmp_path, webhook("one", URL), webhook("two", URL))
    Evaluation(repository, stores, RuleShelf(""), clock, sinks=shelf).work()
    failures = 0
    for failing in range(1, 60):
        receive(repository, "prod", event_list([patched(f"user-{failing}")]), clock.now)
        clock.now += 16_000_000
        with monkeypatch.context() as patch:
            broken = Breaking(repository, failing)
            patch.setattr(repository.database, "write", broken.write)
            Evaluation(repository, stores, RuleShelf(""), clock, sinks=shelf).work()
        failures += broken.has_failed
        clock.now += 16_000_000
        Evaluation(repository, stores, RuleShelf(""), clock, sinks=shelf).work()
        if not broken.has_failed:
            break
    alerts = {alert.id for alert in stores.alerts.list_alerts(0, 2**62, 1000)}
    assert failures > 12 and len(alerts) == failures + 1
    for sink in ("one", "two"):
        told = [member for message in waiting(repository, sink) for member in message.members]
        assert len(told) == len(alerts) and set(told) == alerts
        assert all(message.hits == 1 for message in waiting(repository, sink))


def test_first_message_is_due_at_once_and_the_rest_of_the_interval_is_one_message(
    repository: Repository, tmp_path: Path
) -> None:
    shelf = write_sinks(tmp_path, webhook("ops", URL, BY_RULE, 'group_interval = "5m"'))
    store, now = open_stores(repository.database).outbox, NOON_US
    tell(repository, shelf, now, News(an_alert(1), 2, "ops"), News(an_alert(2), 1, "ops"))
    (first,) = waiting(repository)
    assert (first.hits, len(first.members), first.due, first.is_more) == (3, 2, now, False)
    with store._database.write() as cursor:
        assert store.next_message(cursor, "ops", now) == first._replace(begun=now)
    for second in range(1, 12):
        tell(repository, shelf, now + second * 1_000_000, News(an_alert(second), 1, "ops"))
    rest = waiting(repository)[-1]
    assert (rest.hits, len(rest.members), rest.due, rest.is_more) == (11, 11, now + 5 * MINUTE, True)
    assert len(waiting(repository)) == 2 and waiting(repository)[0].hits == 3
    with store._database.write() as cursor:
        store.note_sent(cursor, first._replace(begun=now), now)
    tell(repository, shelf, now + 400 * MINUTE, News(an_alert(1, rule="other"), 1, "ops"))
    assert waiting(repository)[-1].due == now + 400 * MINUTE  # another rule is another group


def test_group_that_was_quiet_for_the_interval_is_told_at_once_again(repository: Repository, tmp_path: Path) -> None:
    shelf = write_sinks(tmp_path, webhook("ops", URL, BY_RULE, 'group_interval = "5m"'))
    store, later = open_stores(repository.database).outbox, NOON_US + 6 * MINUTE
    tell(repository, shelf, NOON_US, News(an_alert(), 1, "ops"))
    with store._database.write() as cursor:
        message = store.next_message(cursor, "ops", NOON_US)
        assert message is not None
        store.note_sent(cursor, message, NOON_US)
    tell(repository, shelf, later, News(an_alert(), 1, "ops"))
    assert [(each.due, each.is_more) for each in waiting(repository)] == [(later, False)]


def test_graver_hit_does_not_wait_for_the_interval(repository: Repository, tmp_path: Path) -> None:
    shelf = write_sinks(tmp_path, webhook("ops", URL, BY_RULE))
    store, later = open_stores(repository.database).outbox, NOON_US + MINUTE
    tell(repository, shelf, NOON_US, News(an_alert(severity=2), 1, "ops"))
    with store._database.write() as cursor:
        store.next_message(cursor, "ops", NOON_US)
    tell(repository, shelf, later, News(an_alert(severity=2), 1, "ops"))
    tell(repository, shelf, later, News(an_alert(severity=4), 1, "ops"))
    assert [(each.due, each.severity) for each in waiting(repository)] == [(NOON_US, 2), (later, 4)]


def test_quiet_hours_hold_back_until_they_end_but_for_what_is_critical(repository: Repository, tmp_path: Path) -> None:
    quiet = 'quiet_hours = {from = "22:00", to = "06:30"}'
    shelf = write_sinks(tmp_path, webhook("ops", URL, BY_RULE, quiet))
    night = NOON_US + 11 * 60 * MINUTE  # 23:00 in UTC
    for moment in (night, night + MINUTE, night + 3 * 60 * MINUTE):
        tell(repository, shelf, moment, News(an_alert(), 1, "ops"))
    (held,) = waiting(repository)
    assert (held.hits, held.due) == (3, night + 450 * MINUTE)
    tell(repository, shelf, night, News(an_alert(rule="grave", severity=4), 1, "ops"))
    tell(repository, shelf, NOON_US, News(an_alert(rule="at-noon"), 1, "ops"))
    assert sorted(each.due for each in waiting(repository)) == [NOON_US, night, night + 450 * MINUTE]


def test_closed_alert_is_told_to_those_who_were_told_of_it_and_want_to_know(
    repository: Repository, tmp_path: Path
) -> None:
    shelf = write_sinks(tmp_path, *(webhook(name, URL, more) for name, more in (
        ("told", "send_resolved = true"), ("untold", "send_resolved = true"), ("careless", "send_resolved = false"),
    )))
    stores, alert = open_stores(repository.database), an_alert()
    store_alerts(repository, [alert])
    tell(repository, shelf, NOON_US, News(alert, 1, "told"), News(alert, 1, "careless"))
    box = Outbox(stores.outbox, shelf)
    change(stores.alerts, alert, "note", "looking", "bob", NOON_US + 1, box)
    assert [each.kind for each in waiting(repository, "told")] == ["firing"]
    closed = change(stores.alerts, alert, "close", "planned", "bob", NOON_US + 2, box)
    change(stores.alerts, closed, "reopen", "", "bob", NOON_US + 3, box)
    assert sorted((each.sink, each.kind) for each in waiting(repository)) == [
        ("careless", "firing"), ("told", "firing"), ("told", "resolved")]


def test_outbox_of_a_sink_is_bounded_and_the_rest_is_counted(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_WAITING", 5)
    shelf = write_sinks(tmp_path, webhook("ops", URL), webhook("free", URL))
    for number in range(1, 151):
        tell(repository, shelf, NOON_US + number, News(an_alert(number), 1, "ops"))
    tell(repository, shelf, NOON_US, News(an_alert(7), 1, "free"))
    found = waiting(repository, "ops")
    assert len(found) == 6 and len(waiting(repository, "free")) == 1
    assert [each.hits for each in found] == [1, 1, 1, 1, 1, 145]
    assert found[-1].is_more and len(found[-1].members) == MOST_MEMBERS


def test_many_alerts_in_one_transaction_cost_a_bounded_number_of_statements(
    repository: Repository, tmp_path: Path
) -> None:
    shelf, stores = write_sinks(tmp_path, webhook("ops", URL)), open_stores(repository.database)
    grave = [an_alert(number, severity=4) for number in range(5_000, 5_010)]
    alerts = [*(an_alert(number) for number in range(1, 5_000)), *grave]
    counted = Breaking(repository, 0)
    with counted.write() as cursor:
        Outbox(stores.outbox, shelf).tell(cursor, (News(alert, 1, "ops") for alert in alerts), NOON_US)
    assert counted.statements < 5 * MOST_AT_ONCE
    found = waiting(repository)
    assert len(found) == MOST_AT_ONCE + 1 and sum(each.hits for each in found) == len(alerts)
    assert {each.members[0] for each in found if each.severity == 4} == {alert.id for alert in grave}


def test_old_messages_and_dead_ones_beyond_their_number_are_forgotten(repository: Repository, tmp_path: Path) -> None:
    shelf, store = write_sinks(tmp_path, webhook("ops", URL)), open_stores(repository.database).outbox
    for number in range(1, 7):
        tell(repository, shelf, NOON_US + number, News(an_alert(number), 1, "ops"))
    with store._database.write() as cursor:
        for message in waiting(repository)[:5]:
            store.note_failed(cursor, message._replace(state="dead", error="it answered 500"), NOON_US)
    store.forget(0, NOON_US + 2, ["ops"], 3)
    assert [each.made - NOON_US for each in store.messages("dead", "ops", 10)] == [5, 4, 3]
    assert store.revive("other", NOON_US) == 0 and store.revive("ops", NOON_US + 9) == 3
    assert sorted(each.made - NOON_US for each in waiting(repository)) == [3, 4, 5, 6]
    assert store.states()["ops"]._asdict() == {
        "sink": "ops", "sent": 0, "failed": 5, "succeeded": 0, "erred": NOON_US, "error": "it answered 500"}
