"""Who is behind what a controller made: told where owner references and time tell it, and only there."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from audit_webhook.search.event.initiator import find_initiator
from audit_webhook.search.event.story import find_raw
from audit_webhook.search.search import event_of
from audit_webhook.storage.repository import Repository
from tests.factories import audit_event
from tests.recorded import MANAGER, controller, ref, status, user
from tests.search.test_cards import NOW, store, stored
from tests.search.test_command_view import event_page


CONTROLLERS = ("deployment-controller", "replicaset-controller", "job-controller", "cronjob-controller")


def written(
    seconds: float, who: dict[str, str], resource: str, name: str, owner: tuple[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    """Make the creation of an object that has an owner."""
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    agent = {"userAgent": MANAGER} if who in map(controller, CONTROLLERS) else {}
    return audit_event(seconds, **agent, **{
        "verb": "create", "level": "RequestResponse", "user": who, "objectRef": ref(resource, name, "shop"),
        "requestURI": f"/x/namespaces/shop/{resource}", "responseStatus": status(201),
        "requestObject": {"metadata": {"name": name, "ownerReferences": owners}}, **changes,
    })


def chain(start: float = 0) -> list[dict[str, Any]]:
    """Make what follows when somebody creates a deployment."""
    return [
        written(start, user("alice"), "deployments", "web"),
        written(start + 0.1, controller("deployment-controller"), "replicasets", "web-1", ("Deployment", "web")),
        written(start + 0.2, controller("replicaset-controller"), "pods", "web-1-a", ("ReplicaSet", "web-1")),
    ]


def behind(repository: Repository) -> str | None:
    """Give who is behind the newest event."""
    raw = find_raw(repository, stored(repository)[0])
    found = find_initiator(repository, event_of(raw), raw.raw, NOW)
    return found.user if found else None


def test_owner_references_lead_to_who_asked_for_it(repository: Repository) -> None:
    store(repository, *chain())
    assert behind(repository) == "alice"


def test_write_long_before_is_not_what_it_answers_to(sqlite_repository: Repository) -> None:
    ask, *rest = chain(100)
    store(sqlite_repository, written(0, user("alice"), "deployments", "web"), *rest)
    assert behind(sqlite_repository) is None and ask["verb"] == "create"


@pytest.mark.parametrize("changes", [
    {"objectRef": ref("deployments", "web", "payments")}, {"objectRef": ref("deployments", "api", "shop")},
    {"responseStatus": status(403, "Forbidden")}, {"verb": "get"},
])
def test_other_objects_refusals_and_reads_are_not_behind_it(
    sqlite_repository: Repository, changes: dict[str, Any]
) -> None:
    ask, *rest = chain()
    store(sqlite_repository, ask | changes, *rest)
    assert behind(sqlite_repository) is None


def test_other_clusters_are_not_behind_it(sqlite_repository: Repository) -> None:
    ask, *rest = chain()
    store(sqlite_repository, ask, cluster="staging")
    store(sqlite_repository, *rest)
    assert behind(sqlite_repository) is None


def test_owner_that_a_person_claims_leads_nowhere(sqlite_repository: Repository) -> None:
    ask, _, made = chain()
    store(sqlite_repository, ask, made | {"user": user("mallory")})
    assert behind(sqlite_repository) is None


def test_page_names_who_is_behind_a_controller(sqlite_client: FlaskClient) -> None:
    page = event_page(sqlite_client, *chain())
    assert "the replica set controller created pod web-1-a in shop for replica set web-1" in page.text
    assert "alice created deployment web in shop" in page.text
