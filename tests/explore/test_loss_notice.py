"""Whoever looks at events is told when some of that time are known to be lost."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.context import context_of, now
from audit_webhook.events.event import rfc3339
from audit_webhook.explore.losses.notice import find_losses
from audit_webhook.storage.loss_store import GIVEN_UP, PAUSE, Loss, loss_id
from audit_webhook.storage.scope import EVERYWHERE, Scope
from tests.factories import audit_event, event_list

HOUR = 3_600_000_000


def lose(app: Flask, ago: int = HOUR, cluster: str = "prod", kind: str = GIVEN_UP, events: int = 438) -> None:
    moment = now() - ago
    identifier = loss_id(cluster, kind, moment)
    context_of(app).losses.record([Loss(identifier, cluster, kind, "no answer", "", moment, moment, events=events)])


def post(client: FlaskClient) -> None:
    event = audit_event(
        verb="create", stageTimestamp=rfc3339(now() - 2 * HOUR),
        objectRef={"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1"},
    )
    assert client.post("/webhook/audit/prod", data=event_list([event])).status_code == 200


def page(client: FlaskClient, path: str) -> str:
    return client.get(path).get_data(as_text=True)


def test_feed_and_object_say_what_was_lost_in_their_time(app: Flask) -> None:
    client = app.test_client()
    post(client)
    assert "Events are missing here" not in page(client, "/")
    lose(app)
    for path in ("/", "/?q=cluster:prod", "/?q=since:2h", "/objects/prod/core/pods/shop/web"):
        assert "438 events were given up by kube-apiservers" in page(client, path), path
    for path in ("/?q=cluster:other", "/?q=since:5m"):
        assert "Events are missing here" not in page(client, path), path


def test_notice_counts_gaps_and_is_not_shown_to_those_who_see_some_namespaces(app: Flask) -> None:
    lose(app, kind=PAUSE, events=0)
    store = context_of(app).losses
    found = find_losses(store, EVERYWHERE, "", None, now())
    assert found is not None and found.text == "senders paused or restarted 1 times"
    assert find_losses(store, Scope(namespaces=frozenset({"shop"})), "", None, now()) is None
