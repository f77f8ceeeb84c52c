"""The page of an event says which command was typed, how sure that is, and what cannot be known."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.factories import audit_event
from tests.recorded import ref
from tests.search.test_cards import scaled
from tests.search.test_ui import Page, post, read

MARK = "<script>alert(1)</script>"
CREATED = {
    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}, "data": {"k": "aHVzaA=="},
}


def event_page(client: FlaskClient, *events: dict[str, Any]) -> Page:
    """Give the page of the newest of some events."""
    post(client, *events)
    return read(client, read(client, "/?q=&show=events").links("/events/")[0])


def applied(**changes: Any) -> dict[str, Any]:
    """Make a server-side apply of a Secret."""
    return audit_event(**{
        "verb": "patch", "level": "RequestResponse", "requestObject": CREATED,
        "objectRef": ref("secrets", "db", "shop"),
        "requestURI": "/api/v1/namespaces/shop/secrets/db?fieldManager=kubectl&force=false&fieldValidation=Strict",
        **changes,
    })


def test_page_shows_command_confidence_evidence_and_requests(client: FlaskClient) -> None:
    page = event_page(client, *scaled(0))
    assert "kubectl scale deployment web --replicas=5 -n shop" in page.text
    assert "exact" in page.text and "2 requests that belong together" in page.text
    assert "Requests of this command" in page.text and "alice read deployment web in shop" in page.text
    links = page.links("/events/")
    assert len([link for link in links if not link.endswith(("/raw", "/proof", "/newer", "/older"))]) == 1


def test_both_requests_of_a_command_show_the_same_line(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, *scaled(0))
    for link in read(sqlite_client, "/?q=&show=events").links("/events/"):
        assert "kubectl scale deployment web --replicas=5 -n shop" in read(sqlite_client, link).text


def test_panel_has_the_command_too(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, *scaled(0))
    link = read(sqlite_client, "/?q=").links("/events/")[0]
    assert 'data-copy-from="command"' in sqlite_client.get(link, headers={"HX-Request": "true"}).text


def test_page_says_that_there_is_no_kubectl_form(sqlite_client: FlaskClient) -> None:
    page = event_page(sqlite_client, audit_event(verb="options", requestURI="/x", objectRef=None))
    assert "no kubectl form" in page.text


def test_manifest_is_shown_without_the_secrets_in_it(sqlite_client: FlaskClient) -> None:
    page = event_page(sqlite_client, applied())
    assert "What it read from standard input" in page.text and '"k": "***"' in page.text
    assert "aHVzaA==" not in page.text and "Not in the event:" in page.text


def test_command_of_another_program_is_called_equivalent(sqlite_client: FlaskClient) -> None:
    page = event_page(sqlite_client, audit_event(userAgent="curl/8"))
    assert "equivalent" in page.text and "sent by another program" in page.text


def test_texts_of_events_stay_texts(sqlite_client: FlaskClient) -> None:
    hostile = audit_event(
        objectRef=ref("pods", f"{MARK}'\u202e\n", MARK), userAgent=f"kubectl/v1 {MARK}",
        requestURI=f"/api/v1/namespaces/x/pods/{MARK}?labelSelector={MARK}", user={"username": MARK},
    )
    post(sqlite_client, hostile, {**hostile, "auditID": "other"})
    for path in ("/?q=", "/?q=&show=requests", read(sqlite_client, "/?q=").links("/events/")[0]):
        text = sqlite_client.get(path).text
        assert MARK not in text and "\u202e" not in text


def test_other_peoples_requests_are_not_on_the_page(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, *scaled(0, "alice"), *scaled(0.005, "mallory"))
    for link in read(sqlite_client, "/?q=user:alice&show=events").links("/events/"):
        assert "mallory" not in read(sqlite_client, link).text
