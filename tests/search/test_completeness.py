"""No limit of a column narrows an answer in silence: longer values are found, or the answer says what it lacks."""

from __future__ import annotations

from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from audit_webhook.events.event import LIMITS
from audit_webhook.query.edit import quote
from tests.factories import audit_event, event_list

TEXTS: Final = {
    "user": lambda text: {"user": {"username": text}},
    "as": lambda text: {"impersonatedUser": {"username": text}},
    "ua": lambda text: {"userAgent": text},
    "ip": lambda text: {"sourceIPs": [text]},
    "ns": lambda text: {"objectRef": {"resource": "pods", "namespace": text}},
    "name": lambda text: {"objectRef": {"resource": "pods", "name": text}},
    "group": lambda text: {"objectRef": {"resource": "pods", "apiGroup": text}},
    "resource": lambda text: {"objectRef": {"resource": text}},
    "sub": lambda text: {"objectRef": {"resource": "pods", "subresource": text}},
    "verb": lambda text: {"verb": text},
    "audit": lambda text: {"auditID": text},
}
KEPT: Final = {"user": "user", "as": "impersonated_user", "ua": "user_agent", "ip": "source_ip", "ns": "namespace",
               "name": "name", "group": "api_group", "resource": "resource", "sub": "subresource", "verb": "verb",
               "audit": "audit_id"}


def send(client: FlaskClient, *changes: dict[str, Any]) -> None:
    body = event_list([audit_event(number, **each) for number, each in enumerate(changes)])
    assert client.post("/webhook/audit/prod", data=body).status_code == 200


def search(client: FlaskClient, query: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/events", query_string={"q": query}).get_json()
    return found


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("beyond", [-1, 0, 1, 200])
def test_value_is_found_whole_below_at_and_above_its_limit(client: FlaskClient, field: str, beyond: int) -> None:
    length = LIMITS[KEPT[field]] + beyond
    wanted, twin = "a" * (length - 1) + "b", "a" * (length - 1) + "c"
    send(client, TEXTS[field](wanted), TEXTS[field](twin))
    found = search(client, f"{field}:{quote(wanted)}")
    assert len(found["events"]) == 1
    assert "shortfall" not in found or field == "ip"  # of which an event may claim more than are kept


@pytest.mark.parametrize("field", ["user", "ua", "name", "ns"])
def test_search_for_the_end_of_a_value_says_when_it_may_have_missed_some(client: FlaskClient, field: str) -> None:
    limit = LIMITS[KEPT[field]]
    send(client, TEXTS[field]("a" * (limit - 2) + "z"))
    found = search(client, f"{field}:*z")
    assert len(found["events"]) == 1 and "shortfall" not in found
    send(client, TEXTS[field]("a" * (limit + 40) + "z"))
    found = search(client, f"{field}:*z")
    assert len(found["events"]) == 1 and f"the first {limit:,} bytes" in found["shortfall"]
    assert "shortfall" not in search(client, "verb:get")
    page = client.get("/", query_string={"q": f"{field}:*z"}).get_data(as_text=True)
    assert "There may be more matches" in page


@pytest.mark.parametrize("count", [1, 30, 100, 400, 600])
def test_member_of_many_groups_is_found_by_each_of_them(client: FlaskClient, count: int) -> None:
    groups = [f"company:team-{number:04}:{'x' * 25}" for number in range(count)]
    send(client, {"user": {"username": "alice", "groups": groups}}, {"user": {"username": "bob", "groups": ["other"]}})
    for group in {groups[0], groups[count // 2], groups[-1]}:
        assert [event["user"] for event in search(client, f"usergroup:{quote(group)}")["events"]] == ["alice"]
    assert [event["user"] for event in search(client, f"-usergroup:{quote(groups[-1])}")["events"]] == ["bob"]


def test_member_of_more_groups_than_there_is_room_for_is_told_as_perhaps_missing(client: FlaskClient) -> None:
    groups = [f"{number:05}" + "g" * 100 for number in range(2000)]
    send(client, {"user": {"username": "alice", "groups": groups}})
    found = search(client, f"usergroup:{groups[-1]}")
    assert found["events"] == [] and "There may be more matches" in found["shortfall"]
