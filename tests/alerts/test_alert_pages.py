"""Alerts on the pages and in the JSON interface: what is shown, who may see and change it, and what is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.alerts.evaluation import Evaluation
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.context import context_of, now
from audit_webhook.events.ids import from_text
from audit_webhook.storage.alert_store import AlertStore, Mark, Note
from audit_webhook.storage.scope import Scope
from tests.factories import audit_event, event_list
from tests.readers import FORM, form_token, logged_in
from tests.recorded import ref

OWN = {"Sec-Fetch-Site": "same-origin"}
DNS = ref("configmaps", "coredns", "kube-system")
SECRET = ref("secrets", "bootstrap-token-abcdef", "kube-system")
EXEC = ref("pods", "web-0", "shop", "exec")
SHELL = "/api/v1/namespaces/shop/pods/web-0/exec?command=nsenter&command=sh"
HOSTILE = "<script>alert(1)</script>"


def fill(app: Flask, *events: dict[str, Any]) -> None:
    """Store events and evaluate the rules on them."""
    repository = context_of(app).repository
    stores = open_stores(repository.database)
    lease = stores.progress.lease()
    if lease is not None:
        app.extensions["workers"].stop()
    one = Evaluation(repository, stores, RuleShelf(""), lambda: now() + 60_000_000)
    one.work()
    app.test_client().post(
        "/webhook/audit/prod", data=event_list(events), headers={"Authorization": "Bearer t"}
    )
    one.work()


@pytest.fixture
def attacked(sqlite_app: Flask) -> FlaskClient:
    """A client of an application in which three rules found something."""
    fill(
        sqlite_app, audit_event(verb="patch", objectRef=DNS, user={"username": HOSTILE}),
        audit_event(1, verb="create", objectRef=SECRET, user={"username": HOSTILE}),
        audit_event(2, verb="create", objectRef=EXEC, requestURI=SHELL),
    )
    return sqlite_app.test_client()


def ids(client: FlaskClient) -> dict[str, str]:
    """Return the id of the alert of each rule."""
    found = client.get("/api/v1/alerts?days=3650").get_json()["alerts"]
    return {alert["rule"]: alert["id"] for alert in found}


def test_inbox_lists_what_rules_found_and_escapes_it(attacked: FlaskClient) -> None:
    page = attacked.get("/alerts?days=90").text
    assert "configuration of the cluster&#39;s DNS was changed" in page and "reached for the node" in page
    assert HOSTILE not in page and "&lt;script&gt;" in page
    assert "No alerts" in attacked.get("/alerts?state=closed").text
    assert "DNS was changed" not in attacked.get("/alerts?days=90&severity=critical").text
    assert attacked.get("/alerts?state=odd").status_code == attacked.get("/alerts?days=x").status_code == 400


def test_alert_s_page_tells_the_story(attacked: FlaskClient) -> None:
    page = attacked.get(f"/alerts/{ids(attacked)['exec-node-escape']}").text
    assert "kubectl exec" in page and "whoever runs them has the node" in page and "Take the node out" in page
    assert "What happened around it" in page and "T1611" in page
    others = attacked.get(f"/alerts/{ids(attacked)['cluster-dns-changed']}").text
    assert "Other alerts of this actor" in others and "A bootstrap token was created" in others
    assert attacked.get(f"/alerts/{'0' * 32}").status_code == attacked.get("/alerts/x").status_code == 404


def test_alert_is_closed_with_a_reason_and_that_is_recorded(attacked: FlaskClient) -> None:
    identifier = ids(attacked)["cluster-dns-changed"]
    for action, text in (("acknowledge", ""), ("assign", "bob"), ("note", HOSTILE), ("close", "planned")):
        form = {"action": action, "text": text}
        assert attacked.post(f"/alerts/{identifier}/change", data=form, headers=OWN).status_code == 303
    found = attacked.get(f"/api/v1/alerts/{identifier}").get_json()
    assert (found["state"], found["reason"], found["assignee"]) == ("closed", "planned", "bob")
    assert [note["action"] for note in found["notes"]] == ["acknowledged", "assign", "note", "closed"]
    assert len(found["events"]) == 1 and HOSTILE not in attacked.get(f"/alerts/{identifier}").text
    assert identifier not in [each["id"] for each in attacked.get("/api/v1/alerts?state=active&days=90").json["alerts"]]
    for form in ({"action": "close", "text": " "}, {"action": "burn"}, {"action": "note", "text": "x" * 2000}):
        assert attacked.post(f"/alerts/{identifier}/change", data=form, headers=OWN).status_code == 400


def test_rule_is_muted_from_a_hit_and_the_mute_is_revoked(attacked: FlaskClient) -> None:
    identifier = ids(attacked)["cluster-dns-changed"]
    form = {"scope": ["actor", "namespace"], "days": "7", "reason": "planned"}
    assert attacked.post(f"/alerts/{identifier}/mute", data=form, headers=OWN).status_code == 303
    page = attacked.get("/alerts/mutes").text
    assert "planned" in page and "&lt;script&gt;" in page and HOSTILE not in page
    mute = re.search(r"/alerts/mutes/([0-9a-f]{32})/revoke", page)
    assert mute is not None
    assert attacked.post(f"/alerts/mutes/{mute[1]}/revoke", headers=OWN).status_code == 303
    assert "revoked by" in attacked.get("/alerts/mutes").text
    for wrong in ({"scope": ["actor"], "days": "2", "reason": "a"}, {"scope": [], "days": "7", "reason": "a"},
                  {"scope": ["actor"], "days": "7", "reason": ""}):
        assert attacked.post(f"/alerts/{identifier}/mute", data=wrong, headers=OWN).status_code == 400


def test_rules_show_what_they_found_and_can_be_switched(attacked: FlaskClient) -> None:
    page = attacked.get("/rules").text
    assert page.count("<tr id=") >= 90 and "Credential access" in page and "/alerts?rule=cluster-dns-changed" in page
    only = attacked.get("/rules?technique=T1611").text
    assert "exec-node-escape" in only and "cluster-dns-changed" not in only
    assert attacked.post("/rules/cluster-dns-changed/switch", data={"on": "no"}, headers=OWN).status_code == 303
    rules = {rule["id"]: rule for rule in attacked.get("/api/v1/rules").get_json()["rules"]}
    assert not rules["cluster-dns-changed"]["enabled"] and rules["exec-node-escape"]["enabled"]
    assert rules["cluster-dns-changed"]["alerts"] == 1 and rules["cluster-dns-changed"]["source"].startswith("built-in")
    assert attacked.post("/rules/nothing/switch", data={"on": "no"}, headers=OWN).status_code == 404


def test_limited_reader_sees_alerts_of_their_namespaces_alone_and_mutes_nothing(
    make_production: Callable[..., Flask]
) -> None:
    app = make_production()
    fill(
        app, audit_event(verb="patch", objectRef=DNS), audit_event(2, verb="create", objectRef=EXEC, requestURI=SHELL),
    )
    client = logged_in(app, "limited", "viewer", Scope(None, frozenset({"shop"})))
    token = form_token(client)
    assert list(ids(client)) == ["exec-node-escape"]
    assert "DNS was changed" not in client.get("/alerts?days=90").text
    hidden = ids(logged_in(app))["cluster-dns-changed"]
    assert client.get(f"/alerts/{hidden}").status_code == client.get(f"/api/v1/alerts/{hidden}").status_code == 404
    rules = {rule["id"]: rule["hits"] for rule in client.get("/api/v1/rules").get_json()["rules"]}
    assert (rules["cluster-dns-changed"], rules["exec-node-escape"]) == (0, 1)
    assert client.get("/alerts/mutes").status_code == 403
    form = {"form_token": token, "scope": "actor", "days": "7", "reason": "a", "on": "no"}
    own = ids(client)["exec-node-escape"]
    assert client.post(f"/alerts/{own}/mute", data=form, headers=FORM).status_code == 403
    assert client.post("/rules/exec-node-escape/switch", data=form, headers=FORM).status_code == 403
    change = {"form_token": token, "action": "acknowledge", "text": ""}
    assert client.post(f"/alerts/{hidden}/change", data=change, headers=FORM).status_code == 404
    assert client.post(f"/alerts/{own}/change", data=change, headers=FORM).status_code == 303


def test_rows_events_and_actors_show_the_alerts_that_were_raised_on_them(attacked: FlaskClient) -> None:
    found = ids(attacked)
    dns = f'href="/alerts/{found["cluster-dns-changed"]}"'
    event = attacked.get("/api/v1/events?q=name:coredns").get_json()["events"][0]
    searches = ("/?q=since:3650d", "/?q=&show=events", "/?q=&show=requests", "/?q=name:coredns")
    for address in (*searches, f"/events/{event['id']}"):
        page = attacked.get(address).get_data(as_text=True)
        assert page.count(dns) == 1 and "high alert: cluster-dns-changed" in page, address
    assert "alert: " not in attacked.get("/?q=name:nothing").get_data(as_text=True)
    portrait = attacked.get("/actors/prod/" + quote(HOSTILE, safe="")).get_data(as_text=True)
    assert dns in portrait and HOSTILE not in portrait


def test_mark_of_a_closed_alert_says_so(attacked: FlaskClient, sqlite_app: Flask) -> None:
    store = open_stores(context_of(sqlite_app).repository.database).alerts
    alert = store.find_alert(bytes.fromhex(ids(attacked)["cluster-dns-changed"]))
    assert alert is not None
    note = Note(b"n" * 16, alert.id, now(), "bob", "closed", "planned")
    store.set_state(alert._replace(state="closed", reason="planned"), note)
    assert "cluster-dns-changed, closed" in attacked.get("/?q=name:coredns").get_data(as_text=True)


def test_marks_of_a_page_are_one_question(attacked: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    ask = AlertStore.marks_of

    def count(store: AlertStore, events: Sequence[bytes]) -> list[Mark]:
        asked.append(len(events))
        return ask(store, events)

    monkeypatch.setattr(AlertStore, "marks_of", count)
    attacked.get("/?q=since:3650d&show=events")
    assert len(asked) == 1 and asked[0] >= 3


def test_alert_outside_a_reader_s_scope_leaves_no_mark(attacked: FlaskClient, sqlite_app: Flask) -> None:
    event = from_text(attacked.get("/api/v1/events?q=name:coredns").get_json()["events"][0]["id"])
    database = context_of(sqlite_app).repository.database
    for scope, count in ((Scope(namespaces=frozenset({"kube-system"})), 1), (Scope(namespaces=frozenset({"shop"})), 0),
                         (Scope(clusters=frozenset({"other"})), 0)):
        assert len(AlertStore(database, lambda scope=scope: scope).marks_of([event])) == count
