"""Search, facets, People, actor pages and the API follow who acted, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.context import EXTENSION
from tests.factories import NOON_US, audit_event
from tests.search.test_ui import post, read

RANCHER = "system:serviceaccount:cattle-impersonation-system:cattle-impersonation-u-b4qkh"
ARN = "arn:aws:sts::111122223333:assumed-role/ops/x"
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
REASON = (
    f'EKS Access Policy: allowed by ClusterRoleBinding "arn:aws:iam::111122223333:role/ops+{POLICY}" of ClusterRole'
    f' "{POLICY}" to User "AROAEXAMPLE"'
)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A client of a store with requests of people, through a proxy and by a cloud's session."""
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], clock=lambda: NOON_US + 3_600_000_000)
    client = app.test_client()
    assumed = {"username": "u-b4qkh", "extra": {"username": ["admin"], "principalid": ["local://u-b4qkh"]}}
    extra = {"accessKeyId": ["ASIAEXAMPLE"], "sessionName": ["alice"], "arn": [ARN]}
    allowed = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": REASON}
    post(
        client,
        audit_event(0, auditID="through", user={"username": RANCHER}, impersonatedUser=assumed,
                    sourceIPs=["203.0.113.50", "172.31.22.97"], userAgent="Mozilla/5.0"),
        audit_event(60, auditID="own", user={"username": RANCHER}, userAgent="rancher/2.9", sourceIPs=["10.0.0.8"]),
        audit_event(120, auditID="borrowed", user={"username": "bob"}, impersonatedUser={"username": "u-b4qkh"}),
        audit_event(180, auditID="cloud", user={"username": ARN, "extra": extra}, annotations=allowed),
        audit_event(240, auditID="managed", user={"username": "eks:node-manager"}, userAgent="vpcLambda/v0.0.0"),
        audit_event(300, auditID="stolen", user={"username": "system:kube-controller-manager"}, userAgent="curl/8.5.0"),
    )
    yield client


def found(client: FlaskClient, text: str) -> set[str]:
    answer = client.get(f"/api/v1/events?q={quote(text)}")
    assert answer.status_code == 200, answer.get_json()
    return {event["audit_id"] for event in answer.get_json()["events"]}


@pytest.mark.parametrize(("text", "expected"), [
    ("user:u-b4qkh", {"through"}),
    ("user:u-b4*", {"through"}),
    (f"user:{RANCHER}", {"through", "own"}),
    ("user:system:serviceaccount:*", {"through", "own"}),
    (f"by:{RANCHER}", {"through", "own"}),
    ("by:u-b4qkh", set()),
    ("by:bob", {"borrowed"}),
    ("as:u-b4qkh", {"through", "borrowed"}),
    ("user:bob as:u-b4qkh", {"borrowed"}),
    ("-user:u-b4qkh", {"own", "borrowed", "cloud", "managed", "stolen"}),
    ("session:admin", {"through"}),
    ("session:al*", {"cloud"}),
    ("session:alice or session:admin", {"cloud", "through"}),
    ("admin", {"through"}),
    ("b4qkh", {"through", "own"}),
    ("ip:203.0.113.50", {"through"}),
    ("ip:203.0.113.*", {"through"}),
    ("ip:*.50", {"through"}),
    ("ip:172.31.22.97", {"through"}),
    ("-ip:203.0.113.50 -ip:10.20.*", {"own"}),
    ("kind:human", {"through", "borrowed", "cloud", "stolen"}),
    ("-kind:system", {"through", "borrowed", "cloud", "stolen"}),
    ("kind:controlplane", {"managed"}),
    ("kind:serviceaccount", {"own"}),
    ("body:ASIAEXAMPLE", {"cloud"}),
    ("body:principalid", {"through"}),
])
def test_search_finds_who_acted(client: FlaskClient, text: str, expected: set[str]) -> None:
    assert found(client, text) == expected


def test_event_names_who_acted_beside_who_logged_in(client: FlaskClient) -> None:
    event = client.get("/api/v1/events?q=audit:through").get_json()["events"][0]
    assert (event["user"], event["effective_user"], event["impersonated_user"]) == (RANCHER, "u-b4qkh", "u-b4qkh")
    assert (event["source_ip"], event["claimed_ips"], event["session"]) == ("172.31.22.97", ["203.0.113.50"], "admin")
    assert event["summary"].startswith("u-b4qkh, through Rancher, read")
    assert "--as" not in ((event["kubectl"] or {}).get("command") or "")


def test_facets_and_people_count_who_acted(client: FlaskClient) -> None:
    facets = client.get("/api/v1/facets").get_json()
    users = {value["value"]: value["events"] for value in facets["facets"]["user"]}
    assert users["u-b4qkh"] == 1 and users[RANCHER] == 1
    actors = {each["name"]: each["kind"] for each in client.get("/api/v1/actors/prod").get_json()["actors"]}
    assert actors == {
        "u-b4qkh": "human", RANCHER: "serviceaccount", "bob": "human", ARN: "human",
        "eks:node-manager": "controlplane", "system:kube-controller-manager": "human",
    }


def test_page_of_a_person_shows_the_proxy_and_the_other_way_round(client: FlaskClient) -> None:
    person = client.get("/api/v1/actors/prod/u-b4qkh").get_json()
    assert [each["value"] for each in person["through"]] == [RANCHER]
    assert [each["value"] for each in person["impersonated_by"]] == ["bob"]
    assert person["acted_as"] == [] and person["kind"] == "human"
    proxy = client.get(f"/api/v1/actors/prod/{RANCHER}").get_json()
    assert [each["value"] for each in proxy["acted_for"]] == ["u-b4qkh"]
    assert proxy["kind"] == "serviceaccount"
    bob = client.get("/api/v1/actors/prod/bob").get_json()
    assert [each["value"] for each in bob["acted_as"]] == ["u-b4qkh"]


def test_credential_of_a_cloud_is_on_the_page_of_its_user(client: FlaskClient) -> None:
    text = read(client, f"/actors/prod/{ARN}").text
    assert "ASIAEXAMPLE (session alice)" in text and "Sessions" in text


def test_policy_that_gives_every_right_is_listed_first_with_its_user(client: FlaskClient) -> None:
    page = read(client, "/permissions?cluster=prod&since=all")
    assert "AmazonEKSClusterAdminPolicy" in page.text
    assert f"/actors/prod/{ARN}" in page.links("/actors/")


def test_claimed_address_is_marked_and_believed_of_trusted_proxies_alone(app: Flask, client: FlaskClient) -> None:
    identifier = client.get("/api/v1/events?q=audit:through").get_json()["events"][0]["id"]
    text = read(client, f"/events/{identifier}").text
    assert "Claimed by the client" in text and "Last proxy" not in text
    parts = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(parts, config=replace(parts.config, trusted_source_proxies="172.31.0.0/16"))
    text = read(client, f"/events/{identifier}").text
    assert "as trusted proxies say" in text and "Last proxy" in text


def test_extra_values_are_shown_and_lead_to_their_events(client: FlaskClient) -> None:
    identifier = client.get("/api/v1/events?q=audit:through").get_json()["events"][0]["id"]
    page: Any = read(client, f"/events/{identifier}")
    assert "principalid: local://u-b4qkh" in page.text and "Through" in page.text
