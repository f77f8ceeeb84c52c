"""The pages of actors and permissions as a client without a browser sees them, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.context import EXTENSION
from audit_webhook.explore.actors.activity import DAY, Activity, Traits, traits_of
from audit_webhook.explore.actors.view import draw
from tests.factories import NOON_US, audit_event, encode
from tests.search.test_ui import PAYLOADS, check_harmless, post, read

ADMIN = 'RBAC: allowed by ClusterRoleBinding "ops" of ClusterRole "cluster-admin" to Group "ops"'
DEVS = 'RBAC: allowed by RoleBinding "devs/shop" of ClusterRole "edit" to Group "dev"'
EXTRA = "authentication.kubernetes.io/"


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A client of an application on whose clock it is shortly after the events' noon."""
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], clock=lambda: NOON_US + 3_600_000_000)
    yield app.test_client()


def by(user: str, *groups: str, **extra: list[str]) -> dict[str, Any]:
    """Make an actor with the authenticator's extra values."""
    return {
        "username": user, "groups": list(groups),
        "extra": {EXTRA + key.replace("_", "-"): values for key, values in extra.items()},
    }


def allowed(reason: str) -> dict[str, str]:
    """Make the authorizer's annotations."""
    return {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason}


DENIED = {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}


def test_page_tells_who_an_actor_is(client: FlaskClient) -> None:
    alice = by("alice", "dev-team", credential_id=["X509SHA256=7f3a"])
    post(
        client, audit_event(0, user=alice), audit_event(60, user=alice, sourceIPs=["10.9.9.9"], userAgent="helm/v4"),
        audit_event(120, user=alice, annotations=DENIED, responseStatus={"code": 403}),
        audit_event(180, user=alice, impersonatedUser={"username": "root"}),
        audit_event(240, user=by("carol"), impersonatedUser={"username": "alice"}),
        audit_event(300, user=alice, verb="delete", annotations=allowed(DEVS)),
    )
    post(client, audit_event(900, user=alice, sourceIPs=["192.0.2.77"]), cluster="staging")
    page = read(client, "/actors/prod/alice")
    for expected in (
        "First seen", "Mon 23 Nov 2026 12:00:00.000 UTC", "Mon 23 Nov 2026 12:05:00.000 UTC", "dev-team", "10.9.9.9",
        "helm/v4", "X509SHA256=7f3a", "Acted as", "Impersonated by", "was not allowed to",
        "Active on 1 of the last 35 days",
        "RoleBinding devs in shop → edit", "pods web-0 in shop",
    ):
        assert expected in page.text, expected
    assert "192.0.2.77" not in page.text
    assert page.links("/actors/prod/root") and page.links("/actors/prod/carol")
    assert page.links("/objects/prod/core/pods/shop/web-0")


def test_service_account_shows_the_pods_and_nodes_that_used_it(client: FlaskClient) -> None:
    name = "system:serviceaccount:shop:deployer"
    user = by(name, pod_name=["web-7d8"], node_name=["node-3"], credential_id=["JTI=1234"])
    post(client, audit_event(0, user=user))
    text = read(client, f"/actors/prod/{name}").text
    assert all(expected in text for expected in ("Pods", "web-7d8", "Nodes", "node-3", "JTI=1234", "shop/deployer"))


def test_stolen_credential_shows_up_at_its_second_address(client: FlaskClient) -> None:
    users = [by("alice", credential_id=[f"JTI={number}"]) for number in (1, 1, 2)]
    addresses = (["10.0.0.1"], ["203.0.113.66"], ["10.0.0.1"])
    for user, address in zip(users, addresses, strict=True):
        post(client, audit_event(0, user=user, sourceIPs=address))
    page = read(client, "/actors/prod/alice")
    for told in ("JTI=1 from 10.0.0.1", "JTI=1 from 203.0.113.66", "JTI=2 from 10.0.0.1"):
        assert told in page.text
    (search,) = page.links("ip%3A203.0.113.66%20body%3AJTI") or page.links("ip:203.0.113.66+body:JTI")
    assert read(client, search).text.count(" read pod") == 1


def test_actors_of_a_cluster_are_listed_people_first(client: FlaskClient) -> None:
    node = audit_event(0, user=by("system:node:n1"), userAgent="kubelet/v1.36.2")
    post(client, node, audit_event(1, user=by("alice")))
    post(client, audit_event(2, user=by("bob")), cluster="staging")
    page = read(client, "/actors?cluster=prod")
    assert page.links("/actors/") == ["/actors/prod/alice", "/actors/prod/system:node:n1"]
    assert page.text.index("People") < page.text.index("Nodes") and page.links("cluster=staging")
    assert "No actors yet" in read(client, "/actors?cluster=nowhere").text


def test_actor_that_was_never_seen_is_said_to_be_unknown(client: FlaskClient) -> None:
    assert "No events for this actor" in read(client, "/actors/prod/nobody").text


def test_name_with_slashes_has_a_page(client: FlaskClient) -> None:
    name = "https://issuer.example#a/b"
    post(client, audit_event(0, user=by(name)))
    links = [link for link in read(client, "/").links("/actors/")]
    assert name in read(client, links[0]).text


def test_hour_is_hotter_the_more_of_it_was_active() -> None:
    day = NOON_US // DAY
    first = day * 144 + 6 * 9
    found = draw(Activity(day - 1, 2, frozenset({first, *(first + 6 + step for step in range(6))})))
    assert [(cell.x > 0, cell.level) for cell in found.cells] == [(True, 1), (True, 4)]
    assert "active in 6 of 6" in found.cells[1].title and "Active on 1 of the last 2 days" in found.summary
    assert draw(Activity(day, 35, frozenset())).cells == ()


def test_traits_are_read_whatever_else_is_wrong() -> None:
    event = audit_event(0, user={**by("a", credential_id=["c"]), "uid": "u"})
    expected = Traits("u", {f"{EXTRA}credential-id": ("c",)})
    assert traits_of(encode(event)) == expected
    broken = encode(event).replace(b'"uid":"u"', b'"uid":"u","odd":"\\ud800"')
    assert traits_of(broken) == expected
    assert traits_of(encode(audit_event(0, user={"uid": 7, "extra": [1]}))) == Traits("", {})


def test_permissions_name_bindings_and_who_uses_them(client: FlaskClient) -> None:
    post(
        client, audit_event(0, user=by("alice"), annotations=allowed(DEVS)),
        audit_event(1, user=by("bob"), annotations=allowed(ADMIN)),
        audit_event(2, user=by("root", "system:masters"), annotations=allowed("")),
        audit_event(3, user=by("eve"), impersonatedUser={"username": "bob"}, annotations=allowed(ADMIN)),
        audit_event(4, user=by("mallory"), annotations=DENIED),
    )
    page = read(client, "/permissions?cluster=prod")
    order = [page.text.index(word) for word in ("ops", "system:masters", "devs")]
    assert max(order[:2]) < order[2] and "acting as bob" in page.text and "mallory" not in page.text
    assert {link.rpartition("/")[2] for link in page.links("/actors/")} == {"alice", "bob", "eve", "root"}
    assert read(client, "/permissions?cluster=staging").links("/actors/") == []


def test_time_of_the_permissions_is_bounded(client: FlaskClient) -> None:
    post(client, audit_event(-3 * 86_400, user=by("old"), annotations=allowed(DEVS)))
    assert not read(client, "/permissions?cluster=prod&since=24h").links("/actors/")
    assert read(client, "/permissions?cluster=prod&since=7d").links("/actors/prod/old")
    assert client.get("/permissions?since=soon").status_code == 400


def roles(client: FlaskClient, query: str = "") -> list[Any]:
    """Give the manifests for alice."""
    answer = client.get(f"/permissions/needs.yaml?cluster=prod&user=alice{query}")
    assert answer.status_code == 200 and "roles.yaml" in answer.headers["Content-Disposition"]
    return list(yaml.safe_load_all(answer.get_data(as_text=True)))


def test_least_privilege_is_what_was_done_and_no_more(client: FlaskClient) -> None:
    other = {"resource": "secrets", "namespace": "shop", "name": "key", "apiVersion": "v1"}
    post(
        client, audit_event(0, annotations=allowed(DEVS)), audit_event(1, objectRef=other, annotations=DENIED),
        audit_event(2, user=by("bob"), verb="delete", annotations=allowed(ADMIN)),
        audit_event(3, objectRef=None, requestURI="/version?timeout=5s", annotations=allowed("")),
        audit_event(4, verb="delete", impersonatedUser={"username": "root"}, annotations=allowed(ADMIN)),
    )
    found = roles(client)
    assert [each["kind"] for each in found] == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
    assert found[0]["rules"] == [
        {"apiGroups": [""], "resources": ["users"], "resourceNames": ["root"], "verbs": ["impersonate"]},
        {"nonResourceURLs": ["/version"], "verbs": ["get"]},
    ]
    assert found[2]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "resourceNames": ["web-0"], "verbs": ["get"]}
    ]
    assert "secrets" in str(roles(client, "&refused=1")) and "delete" not in str(found)


def test_page_of_needs_shows_the_file_and_the_bindings(client: FlaskClient) -> None:
    post(client, audit_event(0, annotations=allowed(DEVS)), audit_event(1, user=by("bob"), annotations=allowed(ADMIN)))
    page = read(client, "/permissions/needs?cluster=prod&user=alice")
    assert "kind: RoleBinding" in page.text and "devs" in page.text and "cluster-admin" not in page.text
    assert page.links("/permissions/needs.yaml") and page.links("namespaces=apart") and page.links("refused=1")
    assert "Nothing was asked for" in read(client, "/permissions/needs?cluster=prod&user=nobody").text


@pytest.mark.parametrize("name", [name for name in PAYLOADS if name != "large"])
def test_hostile_permission_is_only_ever_text(client: FlaskClient, name: str) -> None:
    text = PAYLOADS[name].replace('"', '\\"')
    reason = f'RBAC: allowed by RoleBinding "{text}/{text}" of ClusterRole "{text}" to User "{text}"'
    reference = {"resource": PAYLOADS[name], "namespace": PAYLOADS[name], "name": PAYLOADS[name]}
    post(client, audit_event(0, annotations=allowed(reason), objectRef=reference, user=by("alice", extra=[text])))
    for path in ("/permissions?cluster=prod", "/permissions/needs?cluster=prod&user=alice", "/actors/prod/alice"):
        answer = client.get(path)
        assert answer.status_code == 200
        check_harmless(answer.get_data(as_text=True))
    if "*" in PAYLOADS[name]:
        page = read(client, "/permissions/needs?cluster=prod&user=alice").text
        assert "No rule is written for these requests" in page
        assert roles(client) == []
    else:
        assert len(roles(client)) >= 2
