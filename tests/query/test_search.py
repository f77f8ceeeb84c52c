"""Searches find exactly what matches, in order, page by page, whatever order it arrived in; on both engines."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from audit_webhook.config import Config
from audit_webhook.ingest.receive import receive
from audit_webhook.query import compile_where
from audit_webhook.query.parse import parse
from audit_webhook.search import feed, search
from audit_webhook.search.event import story as events
from audit_webhook.storage.repository import Repository, open_repository
from audit_webhook.storage.statements import adapt
from tests.factories import NOON_US, audit_event, event_list

NOW = NOON_US + 3_600_000_000


def send(repository: Repository, items: Iterable[dict[str, object]], cluster: str = "prod") -> None:
    receive(repository, cluster, event_list(items), NOW)


def pages(repository: Repository, text: str, limit: int) -> list[list[str]]:
    """Give the auditIDs of every page of a search."""
    found, cursor = [], None
    while True:
        page = feed.page(repository, text, cursor, limit, NOW)
        found.append([event.audit_id for event in page.events])
        cursor = page.next
        if cursor is None:
            return found


def names(repository: Repository, text: str) -> list[str]:
    return sorted(audit_id for page in pages(repository, text, 100) for audit_id in page)


@pytest.fixture
def many(repository: Repository) -> Repository:
    """A store with 600 events in 60 batches that overlap in time and came in any order."""
    generator = random.Random(7)
    batches = []
    for batch in range(60):
        start = generator.uniform(-1800, 1800)
        batches.append([
            audit_event(
                start + generator.uniform(0, 120),
                auditID=f"{batch}-{number}",
                user={"username": "rare" if (batch, number) in ((3, 3), (40, 1)) else f"user-{number % 4}"},
                verb="delete" if batch % 20 == 0 else "get",
                objectRef={"resource": "pods", "namespace": f"ns-{batch % 3}", "name": f"pod-{number}"},
            )
            for number in range(10)
        ])
    generator.shuffle(batches)
    for batch in batches:
        send(repository, batch, f"cluster-{len(batch[0]['auditID']) % 2}")
    return repository


@pytest.mark.parametrize("text", ["", "verb:get", "ns:ns-1 user:user-2", "-verb:delete", "pod-3", "user:rare"])
@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_give_every_match_once_newest_first(many: Repository, text: str, limit: int) -> None:
    whole = feed.page(many, text, None, 500, NOW)
    everything = [event.audit_id for event in whole.events]
    if whole.next:
        everything += [event.audit_id for event in feed.page(many, text, whole.next, 500, NOW).events]
    if limit == 1:
        everything = everything[:40]
    paged: list[str] = []
    cursor = None
    while len(paged) < len(everything):
        page = feed.page(many, text, cursor, limit, NOW)
        paged += [event.audit_id for event in page.events]
        cursor = page.next
        if cursor is None:
            break
    assert paged[:len(everything)] == everything
    assert len(set(paged)) == len(paged)
    times = [event.time for event in whole.events]
    assert times == sorted(times, reverse=True)


def test_rare_value_is_found_behind_many_chunks(many: Repository) -> None:
    assert names(many, "user:rare") == ["3-3", "40-1"]


def test_value_that_never_occurs_is_not_found(many: Repository) -> None:
    assert pages(many, "user:nobody verb:get", 50) == [[]]


def test_search_counts_match_what_was_sent(many: Repository) -> None:
    assert len(names(many, "")) == 600
    assert len(names(many, "verb:delete")) == 30
    assert len(names(many, "-verb:delete")) == 570
    assert len(names(many, "verb:delete or user:rare")) == 31
    assert len(names(many, "name:pod-3")) == 60
    assert len(names(many, "name:pod-*")) == 600


def test_time_range_cuts_exactly(repository: Repository) -> None:
    send(repository, [audit_event(second, auditID=str(second)) for second in range(5)])
    found = names(repository, "since:2026-11-23T12:00:01Z until:2026-11-23T12:00:03Z")
    assert found == ["1", "2"]


def test_search_that_runs_out_of_time_says_how_far_it_came(
    many: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SECONDS", -1.0)
    page = feed.page(many, "-verb:get user:rare", None, 50, NOW)
    assert page.gave_up and page.next
    monkeypatch.undo()
    rest = feed.page(many, "-verb:get user:rare", page.next, 50, NOW)
    assert not rest.gave_up


def test_audit_glob_is_exact_although_sql_cannot_tell(many: Repository) -> None:
    assert names(many, "audit:3-*") == [f"3-{number}" for number in range(10)]


def test_stages_of_a_request_come_in_their_order(repository: Repository) -> None:
    request = {"auditID": "one", "requestReceivedTimestamp": "2026-11-23T12:00:00.000000Z"}
    send(repository, [
        audit_event(9, **request, stage="ResponseComplete"),
        audit_event(0, **request, stage="ResponseStarted"),
        audit_event(0, **request, stage="RequestReceived"),
        audit_event(3, auditID="one", stage="ResponseComplete"),
    ])
    newest = feed.page(repository, "audit:one", None, 1, NOW).events[0]
    story = events.story(repository, newest.id)
    assert [event.stage for event in story.stages] == ["RequestReceived", "ResponseStarted", "ResponseComplete"]


def test_news_brings_each_event_once_also_late_ones(repository: Repository) -> None:
    send(repository, [audit_event(100, auditID="before")])
    live = feed.page(repository, "", None, 50, NOW).live
    seen: list[str] = []
    for second in (200, 150, -300, 150.5):
        send(repository, [audit_event(second, auditID=str(second))], f"c{second}".replace(".", "-"))
        news = feed.news(repository, "", live, NOW)
        seen += [event.audit_id for event in news.events]
        live = news.live
    assert feed.news(repository, "", live, NOW).events == []
    assert seen == ["200", "150", "-300", "150.5"]


def test_news_follows_a_second_writer_that_starts_later(
    mariadb_repository: Repository, mariadb_config: Config
) -> None:
    live = feed.page(mariadb_repository, "", None, 50, NOW).live
    second = open_repository(mariadb_config)
    send(second, [audit_event(1, auditID="from-second")])
    send(mariadb_repository, [audit_event(2, auditID="from-first")])
    news = feed.news(mariadb_repository, "", live, NOW)
    second.close()
    assert {event.audit_id for event in news.events} == {"from-first", "from-second"}
    assert feed.news(mariadb_repository, "", news.live, NOW).events == []


def test_news_brings_only_what_matches(repository: Repository) -> None:
    live = feed.page(repository, "verb:delete", None, 50, NOW).live
    send(repository, [audit_event(1, verb="delete", auditID="yes"), audit_event(2, auditID="no")])
    assert [event.audit_id for event in feed.news(repository, "verb:delete", live, NOW).events] == ["yes"]


def test_news_says_how_many_it_left_out(repository: Repository) -> None:
    live = feed.page(repository, "", None, 50, NOW).live
    send(repository, [audit_event(second / 100) for second in range(450)])
    news = feed.news(repository, "", live, NOW)
    assert (len(news.events), news.more) == (feed.SHOWN_AT_ONCE, 450 - feed.SHOWN_AT_ONCE)


WEB: dict[str, str] = {"apiGroup": "apps", "resource": "deployments", "namespace": "shop", "name": "web"}


@pytest.mark.parametrize("text", [
    '"/apis/apps/v1/namespaces/shop/deployments/web"', '"s/apps/v"', '"web?fieldManager=x"', '"=x"',
])
def test_word_is_found_anywhere_in_a_uri(repository: Repository, text: str) -> None:
    path = "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=x"
    send(repository, [audit_event(1, auditID="web", requestURI=path, objectRef=WEB), audit_event(2, auditID="other")])
    assert names(repository, text) == ["web"]
    assert names(repository, f"-{text}") == ["other"]


def test_word_is_found_in_a_uri_that_an_earlier_release_stored_whole(repository: Repository) -> None:
    send(repository, [audit_event(1, auditID="old", requestURI="/apis/apps/v1/deployments", objectRef=WEB)])
    with repository.database.write() as cursor:
        cursor.execute("UPDATE events SET request_uri = '/apis/apps/v1/namespaces/shop/deployments/web?whole=1'")
    with repository.database.read() as cursor:
        where = compile_where(parse('"shop/deployments/web?whole"', NOW), repository.database.dialect)
        cursor.execute(
            adapt(
                "SELECT COUNT(*) FROM events e JOIN callers c ON c.id = caller_id JOIN actions a ON a.id = action_id "
                f"WHERE {where.sql}", repository.database.dialect,
            ),
            where.parameters,
        )
        assert cursor.fetchall()[0][0] == 1
