"""The page of an object: its life and its manifest as a client without a browser sees them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from audit_webhook.explore.objects.life import history, read_bodies
from audit_webhook.ingest.receive import receive
from audit_webhook.search.addresses import Place, place_from
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, encode, event_list
from tests.search.test_ui import PAYLOADS, Page, check_harmless, hostile_event, post, read

WEB = "/objects/prod/apps/deployments/shop/web"
PLACE = Place("prod", "apps", "deployments", "shop", "web")


def deployment(image: str = "1", **spec: Any) -> dict[str, Any]:
    """Make a manifest."""
    return {
        "kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web", "namespace": "shop", "uid": "u-1"},
        "spec": {**spec, "template": {"spec": {"containers": [{"name": "app", "image": image}]}}},
    }


def change(seconds: float, verb: str = "patch", response: object = None, **changes: Any) -> dict[str, Any]:
    """Make the event of a request for the deployment web."""
    reference = {"resource": "deployments", "namespace": "shop", "name": "web", "apiGroup": "apps", "apiVersion": "v1"}
    event = audit_event(
        seconds, verb=verb, objectRef=reference, level="RequestResponse" if response is not None else "Metadata",
        requestURI="/apis/apps/v1/namespaces/shop/deployments/web",
        responseStatus={"code": 201 if verb == "create" else 200},
    )
    bodies = {} if response is None else {"responseObject": response}
    return {**event, **bodies, **changes}


def by(user: str) -> dict[str, Any]:
    """Make an actor."""
    return {"username": user, "groups": ["system:authenticated"]}


def life(client: FlaskClient) -> None:
    """Store the life of a deployment: created, changed twice, deleted."""
    post(
        client, change(1, "create", deployment()), change(2, response=deployment("2"), user=by("bob")),
        change(3, response=deployment("2", replicas=5), user=by("carol")),
        change(4, "delete", {"kind": "Status", "status": "Success"}, user=by("mallory")),
    )


def test_page_tells_the_life_of_an_object(client: FlaskClient) -> None:
    life(client)
    page = read(client, WEB)
    for expected in ("Deleted", "Created", "mallory", 'image: "1"', 'image: "2"', "replicas: 5", "Last known manifest"):
        assert expected in page.text, expected
    assert page.text.index("mallory deleted") < page.text.index("alice created")
    assert len(set(page.links("/events/"))) == 4 and page.links("/actors/prod/bob")


def test_blame_leads_from_a_line_to_the_change_that_set_it(sqlite_client: FlaskClient) -> None:
    life(sqlite_client)
    page = read(sqlite_client, WEB)
    titles = [values["aria-label"] for tag, values in page.elements if tag == "pre"]
    assert any(title.startswith("carol changed deployment web") for title in titles)
    assert "#change-3" in page.links("#change-")
    assert {values.get("id") for _, values in page.elements} >= {"change-1", "change-2", "change-3", "change-4"}


def test_gaps_are_said(sqlite_client: FlaskClient) -> None:
    cut = change(3, annotations={"audit.k8s.io/truncated": "true"}, level="RequestResponse")
    dry = change(4, response=deployment("9"), requestURI="/apis/apps/v1/namespaces/shop/deployments/web?dryRun=All")
    post(sqlite_client, change(1, "create", deployment()), change(2), cut, dry, change(5, response=deployment("3")))
    text = read(sqlite_client, WEB).text
    for expected in (
        "recorded at level Metadata", "truncated the content", "Dry run: nothing was changed.",
        "May hold changes of at least 2 earlier requests", "≤ alice",
    ):
        assert expected in text, expected


def test_patches_are_applied_where_the_answer_was_not_recorded(sqlite_client: FlaskClient) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "2"}]}}}}
    post(
        sqlite_client, change(1, "create", deployment()),
        change(2, level="Request", requestObject=patch), change(3, level="Request", requestObject=[
            {"op": "add", "path": "/spec/replicas", "value": 7}]),
    )
    text = read(sqlite_client, WEB).text
    assert 'image: "2"' in text and "replicas: 7" in text and "Found by applying the patch" in text


def test_status_changes_are_folded(sqlite_client: FlaskClient) -> None:
    updates = [change(n, response={**deployment(), "status": {"replicas": n}}) for n in range(2, 6)]
    post(sqlite_client, change(1, "create", deployment()), *updates)
    assert "4 changes of the status only" in read(sqlite_client, WEB).text


def test_deletion_of_all_is_part_of_the_life(client: FlaskClient) -> None:
    reference = {"resource": "deployments", "namespace": "shop", "apiGroup": "apps"}
    listed = {"kind": "DeploymentList", "items": [deployment()]}
    post(client, change(1, "create", deployment()), change(2, "deletecollection", listed, objectRef=reference))
    page = read(client, WEB)
    assert "Deleted" in page.text and len(set(page.links("/events/"))) == 2


def test_older_part_of_a_long_life_has_its_own_page(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_webhook.explore.objects.life.PAGE", 4)
    events = [change(number, response=deployment(str(number))) for number in range(10)]
    receive(repository, "prod", event_list(events), NOON_US)
    found = history(repository, PLACE, None, NOON_US)
    seen = [event.id for event in found.events]
    while found.older:
        found = history(repository, PLACE, found.older, NOON_US)
        seen = [event.id for event in found.events] + seen
    assert len(seen) == len(set(seen)) == 10 and seen == sorted(seen)


def test_only_requests_for_this_very_object_count(client: FlaskClient) -> None:
    other = {"resource": "deployments", "namespace": "other", "name": "web", "apiGroup": "apps"}
    custom = {"resource": "deployments", "namespace": "shop", "name": "web", "apiGroup": "example.com"}
    post(client, change(1, "create", deployment()), change(2, objectRef=other), change(3, objectRef=custom),
         change(4, "get"), change(5, stage="RequestReceived"))
    post(client, change(6), cluster="staging")
    assert len(set(read(client, WEB).links("/events/"))) == 1


def test_object_without_changes_says_so(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, change(1, "get"))
    assert "No change of it was recorded" in read(sqlite_client, WEB).text


def test_wrong_place_to_begin_is_refused(sqlite_client: FlaskClient) -> None:
    assert sqlite_client.get(f"{WEB}?before=nonsense").status_code == 400


@pytest.mark.parametrize("place", [PLACE, Place("prod", "", "nodes", "", "node-1"), Place("p", "", "x", "n", "a/b:c")])
def test_address_of_a_page_holds_the_whole_place(place: Place) -> None:
    assert place_from(**place.segments) == place


def test_row_and_event_lead_to_object_and_actor(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, change(1, "create", deployment()))
    feed = read(sqlite_client, "/?q=")
    assert feed.links(WEB) and feed.links("/actors/prod/alice")
    event = read(sqlite_client, feed.links("/events/")[0])
    assert event.links(WEB) and event.links("/actors/prod/alice")


@pytest.mark.parametrize("name", [name for name in PAYLOADS if name != "large"])
def test_hostile_object_is_only_ever_text(sqlite_client: FlaskClient, name: str) -> None:
    text = PAYLOADS[name]
    body = {"kind": text, "metadata": {"name": "web", text: text}, text: [text, {text: text}], "status": {text: text}}
    post(sqlite_client, change(1, "create", body, user=by(text)), change(2, response={**body, "x": text}),
         change(3, response=deployment(text)), hostile_event(text))
    answer = sqlite_client.get(WEB)
    assert answer.status_code == 200
    check_harmless(answer.get_data(as_text=True))
    for path in set(Page(answer.get_data(as_text=True)).links("/actors/")):
        actor = sqlite_client.get(path)
        assert actor.status_code in (200, 404)
        check_harmless(actor.get_data(as_text=True))


def test_bodies_that_no_strict_parser_takes_are_read_all_the_same() -> None:
    raw = encode(change(1)).replace(b'"verb"', b'"requestObject":{"a":"\\ud800","n":1e999},"verb"')
    assert read_bodies(raw) == ({"a": "\ufffd", "n": "1e999"}, None)
    assert read_bodies(raw.replace(b'"n":1e999', b'"n":' + b"[" * 20_000 + b"]" * 20_000))[0] is None
