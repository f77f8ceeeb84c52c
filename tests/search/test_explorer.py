"""Completion, filters and progress, as services and over HTTP."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from audit_webhook import query
from audit_webhook.ingest.receive import receive
from audit_webhook.query.edit import narrowed
from audit_webhook.search import search
from audit_webhook.search.completion import complete
from audit_webhook.search.filters import narrow_by
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, event_list

NOW = NOON_US + 3_600_000_000


@pytest.fixture
def filled(repository: Repository) -> Repository:
    """A store with three users' events; one of alice's is a delete."""
    users = ["alice"] * 5 + ["albert"] * 2 + ["bob x"] * 3
    receive(repository, "prod", event_list([
        audit_event(
            number, user={"username": name, "groups": [f"{name}-team", "all"]},
            verb="delete" if number == 0 else "get", responseStatus={"code": 404 if name == "albert" else 200},
        )
        for number, name in enumerate(users)
    ]), NOW)
    return repository


def offers(repository: Repository, before: str, after: str = "") -> list[tuple[str, int | None]]:
    """Give the texts and counts that are offered."""
    return [(offer.text, offer.events) for offer in complete(repository, before, after, NOW).offers]


def test_names_of_fields_are_offered(sqlite_repository: Repository) -> None:
    assert offers(sqlite_repository, "verb:get us") == [("user:", None), ("usergroup:", None)]
    assert offers(sqlite_repository, "verb:get -us") == [("-user:", None), ("-usergroup:", None)]
    assert len(offers(sqlite_repository, "verb:get ")) == len(query.parse.__globals__["BY_NAME"])
    assert offers(sqlite_repository, "nosuch") == [] == offers(sqlite_repository, "nosuch:val")


def test_values_are_offered_with_their_counts_most_frequent_first(filled: Repository) -> None:
    assert offers(filled, "user:") == [("user:alice", 5), ('user:"bob x"', 3), ("user:albert", 2)]
    assert offers(filled, "user:al") == [("user:alice", 5), ("user:albert", 2)]
    assert offers(filled, "user:ert") == [("user:albert", 2)]
    assert offers(filled, "-code:4") == [("-code:404", 2)]
    assert offers(filled, "usergroup:al") == [
        ("usergroup:all", 10), ("usergroup:alice-team", 5), ("usergroup:albert-team", 2),
    ]


def test_counts_are_those_under_the_rest_of_the_query(filled: Repository) -> None:
    assert offers(filled, "verb:delete user:") == [("user:alice", 1)]
    assert offers(filled, "user:", " verb:delete") == [("user:alice", 1)]
    assert offers(filled, "until:2026-11-23T12:00:02Z user:al") == [("user:alice", 2), ("user:albert", None)]
    assert offers(filled, "user:al", " verb:( broken")[0] == ("user:alice", 5)


def test_values_within_quotes_and_parentheses_are_completed(filled: Repository) -> None:
    assert offers(filled, 'user:"bob') == [('user:"bob x"', 3)]
    found = complete(filled, "-user:(albert or al", "i) verb:get", NOW)
    assert (found.head, found.tail) == ("-user:(albert or ", ") verb:get")
    assert [offer.text for offer in found.offers] == ["alice", "albert"]


def test_fields_of_few_words_offer_all_of_them(sqlite_repository: Repository) -> None:
    assert offers(sqlite_repository, "kind:h") == [("kind:human", None)]
    assert offers(sqlite_repository, "dryrun:") == [("dryrun:true", None), ("dryrun:false", None)]
    assert offers(sqlite_repository, "body:a") == [] == offers(sqlite_repository, "id:0")


def test_completion_over_http_is_bounded(sqlite_client: FlaskClient) -> None:
    answer = sqlite_client.get("/feed/complete", query_string={"before": "verb:get us", "after": "er:x -a:b"})
    assert answer.get_json()["head"] == "verb:get " and answer.get_json()["tail"] == " -a:b"
    assert sqlite_client.get("/feed/complete", query_string={"before": "(" * 9000 + '"\\' * 90}).status_code == 200


@pytest.mark.parametrize(("text", "field", "value", "only", "without"), [
    ("", "user", "a b", 'user:"a b"', '-user:"a b"'),
    ("user:bob verb:get", "user", "alice", "verb:get user:alice", "user:bob verb:get -user:alice"),
    ("a or b", "ns", "x", "(a or b) ns:x", "(a or b) -ns:x"),
    ("-user:alice", "user", "alice", "user:alice", "-user:alice"),
    ('verb:"broken', "ns", "x", "ns:x", "-ns:x"),
    ("", "name", "-x)(\"\\", r'name:"-x)(\"\\"', r'-name:"-x)(\"\\"'),
])
def test_search_is_narrowed_by_a_value(text: str, field: str, value: str, only: str, without: str) -> None:
    assert narrowed(text, field, value) == only
    assert narrowed(text, field, value, is_excluded=True) == without
    assert narrow_by(text, f"{field}:{query.quote(value)}") == only
    query.parse(only, NOW)
    query.parse(without, NOW)


def test_filters_of_an_event_lead_to_its_like_and_to_the_others(sqlite_client: FlaskClient) -> None:
    sqlite_client.post("/webhook/audit/prod", data=event_list([
        audit_event(1, user={"username": "<b>&\"x"}), audit_event(2, verb="delete"),
    ]))
    events = sqlite_client.get("/api/v1/events").get_json()["events"]
    page = sqlite_client.get(f"/feed/filters/{events[1]['id']}?q=verb:get").get_data(as_text=True)
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="([^"]+)"', page)]
    assert "<b>" not in page and len(links) > 10
    for link in links:
        assert sqlite_client.get(link).status_code == 200
    users = [link for link in links if "user" in link and "around=" not in link]
    for link, found in zip(users, (["get"], []), strict=True):
        shown = sqlite_client.get(link.replace("/?", "/api/v1/events?")).get_json()["events"]
        assert [event["verb"] for event in shown] == found


def test_narrowing_goes_to_the_feed_and_nowhere_else(sqlite_client: FlaskClient) -> None:
    answer = sqlite_client.get("/feed/narrow", query_string={"q": "verb:get", "term": '-user:"//evil.example"'})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?q=verb%3Aget+-user%3A%2F%2Fevil.example")
    assert sqlite_client.get("/feed/narrow?q=&term=nothing").status_code == 400


def test_page_that_is_not_full_says_how_far_it_came(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in range(9):
        client.post("/webhook/audit/prod", data=event_list([audit_event(-3600 * hour)]))
    monkeypatch.setattr(search, "SECONDS", -1.0)
    page = client.get("/?q=body:nosuchthing").get_data(as_text=True)
    assert re.search(r'<progress max="100" value="\d+"', page) and "Searched back to" in page
    percents, address = [], "/?q=body:nosuchthing"
    while address:
        page = client.get(address, headers={"HX-Request": "true"}).get_data(as_text=True)
        percents += map(int, re.findall(r'value="(\d+)"', page))
        found = re.search(r'hx-get="([^"]+)"', page)
        address = found[1].replace("&amp;", "&") if found else ""
    assert len(percents) >= 2 and percents == sorted(percents) and percents[-1] > percents[0]
