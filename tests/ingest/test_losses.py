"""What was lost is counted once, shown as far as it is known, and only to those who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.explore.losses import losses as view
from audit_webhook.ingest.apiserver_log import GivenUp
from audit_webhook.ingest.import_losses import import_losses
from audit_webhook.storage.loss_store import GIVEN_UP, PAUSE, LossStore
from audit_webhook.storage.repository import open_repository
from audit_webhook.storage.scope import Scope
from tests.factories import NOON_US, audit_event, event_list
from tests.ingest.test_apiserver_log import klog, message
from tests.readers import add_user, log_in
from tests.serving import samples

SECOND = 1_000_000
AGENT = "kube-apiserver/v1.36.2 (linux/amd64) kubernetes/abc"


@pytest.fixture
def sending(sqlite_config: Config, tmp_path: Path) -> Iterator[Flask]:
    """The application in production, behind a trusted proxy."""
    config = replace(
        sqlite_config, environment="production", webhook_token="t0ken", trusted_proxies="127.0.0.1",
        ui_users_file=str(tmp_path / "users"), expected_senders="prod=2, lost=1",
    )
    app = create_app(config)
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def send(client: FlaskClient, address: str, token: str = "t0ken", cluster: str = "prod", body: bytes = b"") -> int:
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address, "User-Agent": AGENT}
    batch = body or event_list([audit_event()])
    return client.post(f"/webhook/audit/{cluster}", data=batch, headers=headers).status_code


def test_page_shows_true_senders_what_was_refused_and_what_is_not_known(sending: Flask, tmp_path: Path) -> None:
    client = sending.test_client()
    assert send(client, "192.0.2.1") == 200
    assert [send(client, "192.0.2.2", token="wrong") for _ in range(5)] == [401] * 5
    add_user(tmp_path / "users", "root", "admin")
    reader = sending.test_client()
    log_in(reader, "root")
    page = reader.get("/losses").get_data(as_text=True)
    for text in (
        "192.0.2.1", "192.0.2.2", "never heard", "1 of 2 expected", "Refused: without a valid token", "not known",
        "5 requests, at least 1 batch. Lost unless a later attempt was taken.", "0 of 1 expected",
    ):
        assert text in page, text
    assert "127.0.0.1" not in page
    document = reader.get("/api/v1/losses?days=1").get_json()
    clusters = {each["cluster"]: each for each in document["clusters"]}
    assert [(each["address"], each["state"]) for each in clusters["prod"]["senders"]] == [
        ("192.0.2.2", "never"), ("192.0.2.1", "heard"),
    ]
    assert (clusters["lost"]["senders_heard"], clusters["lost"]["senders_expected"]) == (0, 1)
    (loss,) = document["losses"]
    assert (loss["kind"], loss["address"], loss["requests"], loss["batches_at_least"], loss["events"]) == (
        "token", "192.0.2.2", 5, 1, None,
    )
    assert document["complete"] is True


def test_metrics_tell_of_senders_and_losses(sending: Flask) -> None:
    client = sending.test_client()
    send(client, "192.0.2.1")
    send(client, "192.0.2.2", token="wrong")
    parts = context_of(sending)
    parts.refusals.flush()
    parts.senders.write_now()
    parts.senders._read_due = 0.0
    parts.senders.flush()
    import_losses(parts.losses, "prod", "x", [line.encode() for line in klog(message(3))], parts.clock())
    parts.senders._read_due = 0.0
    parts.senders.flush()
    counted = samples(client.get("/metrics").data)
    name = "audit_webhook_sender_%s{address=\"192.0.2.%d\",cluster=\"prod\"}"
    assert counted[name % ("silent", 1)] == 0 and counted[name % ("last_contact_timestamp_seconds", 1)] > 1.7e9
    assert counted['audit_webhook_senders_missing{cluster="prod"}'] == 1
    assert counted['audit_webhook_senders_missing{cluster="lost"}'] == 1
    assert counted['audit_webhook_refused_requests_last_hour{cluster="prod",reason="token"}'] == 1


def test_events_given_up_are_shown_with_their_names(sending: Flask, tmp_path: Path) -> None:
    parts = context_of(sending)
    lines = [line.encode() for line in klog(message(2))]
    import_losses(parts.losses, "prod", "x", [line.replace(b"1122 11:5", b"1122 11:5") for line in lines], NOON_US)
    add_user(tmp_path / "users", "root", "admin")
    sending.extensions["audit_webhook"] = replace(parts, clock=lambda: NOON_US)
    reader = sending.test_client()
    log_in(reader, "root")
    (loss,) = reader.get("/api/v1/losses").get_json()["losses"]
    assert (loss["kind"], loss["events"], loss["named"]) == (GIVEN_UP, 2, 2)
    page = reader.get(f"/losses/{loss['id']}").get_data(as_text=True)
    assert "2 of 2 are named" in page and "/api/v1/namespaces/shop/pods/web-1" in page and "alice" in page
    named = reader.get(f"/api/v1/losses/{loss['id']}").get_json()["named_events"]
    assert [event["audit_id"] for event in named] == ["id-1", "id-2"]
    assert reader.get("/losses/" + "0" * 32).status_code == 404 and reader.get("/losses/x").status_code == 404
    assert reader.get("/api/v1/losses?days=0").status_code == 400


@pytest.mark.parametrize(("scope", "sees"), [
    (Scope(frozenset({"prod"})), {"prod"}), (Scope(frozenset({"staging"})), {"staging"}),
    (Scope(namespaces=frozenset({"shop"})), None), (Scope(frozenset({"prod"}), frozenset({"shop"})), None),
])
def test_limited_reader_sees_only_losses_and_senders_of_whole_clusters(
    sending: Flask, tmp_path: Path, scope: Scope, sees: set[str] | None
) -> None:
    client = sending.test_client()
    for number, cluster in enumerate(("prod", "staging")):
        send(client, f"192.0.2.{number}", cluster=cluster)
        send(client, f"192.0.2.10{number}", cluster=cluster, token="wrong")
    send(client, "192.0.2.77", cluster="Prod_EU", token="wrong")
    add_user(tmp_path / "users", "bob", "viewer", scope)
    reader = sending.test_client()
    log_in(reader, "bob")
    page = reader.get("/losses").get_data(as_text=True)
    answer = reader.get("/api/v1/losses")
    if sees is None:
        assert answer.status_code == 403 and "This page needs whole clusters" in page and "192.0.2." not in page
        return
    document = answer.get_json()
    assert {each["cluster"] for each in document["clusters"]} - {"lost"} == sees
    assert {each["cluster"] for each in document["losses"]} == sees
    hidden = "192.0.2.1" if sees == {"staging"} else "192.0.2.77"
    assert "192.0.2.77" not in page and (hidden == "192.0.2.1" or hidden not in page)


def test_reader_limited_to_a_cluster_cannot_open_the_loss_of_another(engine: Config) -> None:
    seen = Scope()
    repository = open_repository(engine)
    repository.migrate()
    store = LossStore(repository.database, lambda: seen)
    import_losses(store, "prod", "x", [line.encode() for line in klog(message(1))], NOON_US)
    (loss,), _ = store.list_losses(0, 2 * NOON_US)
    seen = Scope(clusters=frozenset({"staging"}))
    assert store.find_loss(loss.id) is None and store.list_losses(0, 2 * NOON_US)[0] == []
    assert store.sum_losses(0) == [] and store.plot_losses(0, SECOND) == [] and not store.may_see("prod")
    repository.close()


@pytest.mark.parametrize(("kind", "unread", "events", "words"), [
    ("token", 5, 0, "not known"), ("malformed", 0, 12, "12"), ("size", 2, 12, "at least 12"),
    (PAUSE, 0, 0, "not known"), (GIVEN_UP, 0, 1234, "1,234"),
])
def test_number_of_events_is_told_as_far_as_it_is_known(kind: str, unread: int, events: int, words: str) -> None:
    assert view.write_events(kind, unread, events) == words


def test_report_of_another_backend_is_no_loss_of_the_webhook() -> None:
    plugins = {"webhook": True, "buffered<webhook>": True, "truncate<buffered<webhook>>": True, "log": False,
               "buffered<log>": False}
    for plugin, is_loss in plugins.items():
        assert GivenUp(0, "", plugin, 1, "", ()).is_of_webhook is is_loss
