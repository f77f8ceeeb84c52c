"""What happened around an event: the searches that are offered, the event marked in them, the events next to it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from audit_webhook.search.event.around import searches_around
from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.event import Event
from tests.factories import audit_event, encode, event_list


def send(client: FlaskClient, *events: dict[str, Any], cluster: str = "prod") -> None:
    assert client.post(f"/webhook/audit/{cluster}", data=event_list(events)).status_code == 200


def named(user: str, seconds: float, **changes: Any) -> dict[str, Any]:
    return audit_event(seconds, user={"username": user}, **changes)


def id_of(client: FlaskClient, query: str) -> str:
    (event,) = client.get("/api/v1/events", query_string={"q": query}).get_json()["events"]
    return str(event["id"])


def made(**changes: Any) -> Event:
    raw = encode(audit_event(**changes))
    return to_event(read_wire(raw), raw, "prod")


def links(page: str) -> dict[str, str]:
    """The links of the block, by what they are called."""
    found = re.findall(r'<a class="button" href="([^"]+)"><span class="sr-only">([^<]+), </span>(± \d+ min)', page)
    return {f"{label} {minutes}": unescape(address) for address, label, minutes in found}


def users(page: str) -> list[str]:
    return re.findall(r'class="line">.*?<b>([\w-]+)</b>', page, re.DOTALL)


def test_minutes_around_an_event_hold_everything_or_the_same_actor_object_or_address(client: FlaskClient) -> None:
    other = {"sourceIPs": ["10.0.0.1"], "objectRef": {"resource": "nodes", "name": "n", "apiVersion": "v1"}}
    send(
        client, named("alice", 0, verb="delete"), named("alice", 59, **other), named("bob", -59),
        named("carol", 61), named("dave", -240, sourceIPs=["10.0.0.9"]), named("erin", 30, **other),
        named("far", 901),
    )
    send(client, named("foreign", 1), cluster="staging")
    identifier = id_of(client, "verb:delete")
    found = links(client.get(f"/events/{identifier}").text)
    shown = {label: users(client.get(address).text) for label, address in found.items()}
    assert len(found) == 12
    assert shown["Everything ± 1 min"] == ["alice", "erin", "alice", "bob"]
    assert shown["Everything ± 15 min"] == ["carol", "alice", "erin", "alice", "bob", "dave"]
    assert shown["Same actor ± 5 min"] == ["alice", "alice"]
    assert shown["Same object ± 5 min"] == ["carol", "alice", "bob", "dave"]
    assert shown["Same address ± 5 min"] == ["carol", "alice", "bob"]
    page = client.get(found["Everything ± 1 min"]).text
    assert page.count('id="around"') == page.count("this event</span>") == 1
    assert re.search(rf'id="around" class="row is-marked[^>]*data-id="{identifier}"', page)


def test_event_far_down_among_many_is_read_up_to_and_marked(sqlite_client: FlaskClient) -> None:
    send(sqlite_client, named("middle", 0), *(named(f"u{number:03}", 1 + number / 10) for number in range(220)))
    identifier = id_of(sqlite_client, "user:middle")
    query = "since:2026-11-23T11:59:00Z until:2026-11-23T12:01:00Z"
    for show in ("events", "commands"):
        page = sqlite_client.get("/", query_string={"q": query, "around": identifier, "show": show}).text
        assert page.count('id="around"') == 1
        assert len(re.findall(r'class="row', page)) >= 221
    page = sqlite_client.get("/", query_string={"q": "user:u00*", "around": identifier}).text
    assert 'id="around"' not in page and "To the marked event" not in page


def test_values_of_an_event_cannot_widen_the_search(sqlite_client: FlaskClient) -> None:
    event = made(user={"username": 'x" or user:"*'})
    for around in searches_around(event):
        for window in around.windows:
            assert sqlite_client.get("/", query_string={"q": window.query}).status_code == 200
    (actor,) = [each for each in searches_around(event) if each.label == "Same actor"]
    assert r'user:"x\" or user:\"*"' in actor.windows[0].query


def test_what_an_event_does_not_have_is_not_offered() -> None:
    event = made(user={}, sourceIPs=[], objectRef=None, requestURI="/version")
    assert [each.label for each in searches_around(event)] == ["Everything"]


@pytest.mark.parametrize("query", ["", "user:a* since:1m"])
def test_steps_lead_from_event_to_event_and_say_where_they_end(client: FlaskClient, query: str) -> None:
    send(client, *(named(name, seconds) for name, seconds in (("a1", 0), ("a2", 0.4), ("a3", 90), ("a4", 90_000))))
    send(client, named("a9", 50), cluster="staging")
    here = f"/events/{id_of(client, 'user:a1')}"
    seen = []
    for _ in range(10):
        address = client.get(f"{here}/newer", query_string={"q": query}).headers["Location"]
        if "end=" in address:
            break
        here = urlsplit(address).path
        seen.append(re.findall(r"a\d", client.get(here).text)[0])
    assert seen == ["a2", *(["a9"] if query else []), "a3", "a4"]
    assert parse_qs(urlsplit(address).query)["end"] == ["newer"]
    assert "There is no newer event" in client.get(address).text
    address = client.get(f"{here}/older", query_string={"q": query}).headers["Location"]
    assert "a3" in client.get(address).text
    assert client.get("/events/01M8H71XG0000000000000000Z/newer").status_code == 404
    assert client.get(f"{here}/sideways").status_code == 404
