"""The feed as commands: what was typed once is one row, and whatever is folded, each event is shown exactly once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from audit_webhook.errors import InvalidParameter
from audit_webhook.ingest.receive import receive
from audit_webhook.kubectl import Card
from audit_webhook.search import cards, feed
from audit_webhook.search.card_rows import row_of_card
from audit_webhook.search.related import LARGEST_READ, newest_id
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, event_list
from tests.recorded import ref, status

HOUR = 3_600_000_000
NOW = NOON_US + HOUR
SOME_ID = "01M844FGAG2Y6Z5S7TCZSV9000"
PATH = "/apis/apps/v1/namespaces/shop/deployments/web"
WEB = ref("deployments", "web", "shop", group="apps")
BOTH: tuple[cards.Fold, ...] = ("commands", "requests")


def store(repository: Repository, *events: dict[str, Any], cluster: str = "prod") -> None:
    receive(repository, cluster, event_list(events), NOW)


def scaled(seconds: float, user: str = "alice", replicas: int = 5, **changes: Any) -> list[dict[str, Any]]:
    """Make what `kubectl scale` sends: a look at the deployment, and a patch of its scale."""
    body = {"spec": {"replicas": replicas}}
    common = {"user": {"username": user}, "level": "RequestResponse", **changes}
    return [
        audit_event(seconds, verb="get", requestURI=PATH, objectRef=WEB, **common,
                    responseObject={"kind": "Deployment", "spec": {"replicas": 3}}),
        audit_event(seconds + 0.02, verb="patch", requestURI=f"{PATH}/scale", requestObject=body, **common,
                    objectRef={**WEB, "subresource": "scale"}, responseObject={"kind": "Scale", **body}),
    ]


def pages(repository: Repository, limit: int, fold: cards.Fold, text: str = "") -> Iterator[list[Card]]:
    """Go through the feed, page by page."""
    cursor: str | None = None
    for _ in range(1_000):
        page = cards.page(repository, text, cursor, limit, NOW, fold)
        yield page.cards
        cursor = page.next
        if cursor is None:
            return
    raise AssertionError("the pages have no end")


def ids(found: list[Card]) -> list[str]:
    return [event.id for card in found for event in card.events]


def stored(repository: Repository, text: str = "") -> list[str]:
    return [event.id for event in feed.page(repository, text, None, feed.LARGEST_PAGE, NOW).events]


def typed(generator: random.Random) -> Iterator[dict[str, Any]]:
    """Make the events of people and programs that work at the same time, stages and pauses of all lengths included."""
    seconds = 0.0
    for _ in range(60):
        seconds += generator.choice((0.0, 0.01, 0.05, 0.4, 3, 50))
        user = generator.choice(("alice", "bob"))
        if generator.random() < 0.5:
            yield from scaled(seconds, user)
            continue
        started = audit_event(seconds, stage="RequestReceived", user={"username": user})
        if generator.random() < 0.4:
            started["userAgent"] = "curl/8"
        ended = audit_event(seconds + 0.005, user={"username": user}, userAgent=started["userAgent"])
        yield started
        yield ended | {name: started[name] for name in ("auditID", "requestReceivedTimestamp")}


@pytest.mark.parametrize("seed", range(4))
def test_pages_of_commands_hold_every_event_exactly_once(repository: Repository, seed: int) -> None:
    generator = random.Random(seed)
    events = list(typed(generator))
    generator.shuffle(events)
    while events:
        store(repository, *(events.pop() for _ in range(min(len(events), generator.randint(1, 40)))))
    expected = sorted(stored(repository))
    for fold in BOTH:
        for limit in (1, 7, 50):
            shown = [identifier for found in pages(repository, limit, fold) for identifier in ids(found)]
            assert sorted(shown) == expected, (fold, limit)
    matching = set(stored(repository, "verb:patch"))
    shown = [identifier for found in pages(repository, 7, "commands", "verb:patch") for identifier in ids(found)]
    assert sorted(matching & set(shown)) == sorted(each for each in shown if each in matching) == sorted(matching)


def test_rows_stand_in_the_order_of_their_newest_events(repository: Repository) -> None:
    store(repository, *typed(random.Random(7)))
    order = [newest_id(card) for found in pages(repository, 9, "commands") for card in found]
    assert order == sorted(order, reverse=True)


def test_command_is_not_torn_at_the_end_of_a_page(repository: Repository) -> None:
    store(repository, *scaled(0), *scaled(60), *scaled(120))
    found = list(pages(repository, 1, "commands"))
    assert [len(card.events) for page in found for card in page] == [2, 2, 2]


def test_requests_are_shown_by_themselves_with_their_stages_folded(repository: Repository) -> None:
    started = audit_event(1, stage="RequestReceived")
    store(repository, *scaled(0), started, audit_event(1.1) | {
        name: started[name] for name in ("auditID", "requestReceivedTimestamp")
    })
    page = cards.page(repository, "", None, 50, NOW, "requests")
    assert [len(card.events) for card in page.cards] == [2, 1, 1]


def test_two_people_share_no_row(repository: Repository) -> None:
    store(repository, *scaled(0, "alice"), *scaled(0.01, "bob"))
    page = cards.page(repository, "", None, 50, NOW, "commands")
    assert [{event.user for event in card.events} for card in page.cards] == [{"bob"}, {"alice"}]


def test_large_event_has_its_row_without_its_bodies(repository: Repository) -> None:
    body = {"x": "x" * LARGEST_READ}
    store(repository, audit_event(level="RequestResponse", responseObject=body))
    (card,) = cards.page(repository, "", None, 50, NOW, "commands").cards
    assert card.command == "kubectl get pod web-0 -n shop"


@pytest.mark.parametrize("cursor", ["x", f"{SOME_ID}.x", ".".join([SOME_ID] * 300)])
def test_cursor_that_was_not_given_is_refused(sqlite_repository: Repository, cursor: str) -> None:
    with pytest.raises(InvalidParameter):
        cards.page(sqlite_repository, "", cursor, 50, NOW, "commands")


@pytest.mark.parametrize("seed", range(3))
def test_news_tell_whole_commands_whatever_order_their_events_come_in(repository: Repository, seed: int) -> None:
    """A client that does as static/folds.js does shows each event once, on the rows of the page loaded anew."""
    generator = random.Random(seed)
    events = [event for number in range(12) for event in scaled(number * 5, generator.choice(("alice", "bob")))]
    generator.shuffle(events)
    live = cards.page(repository, "", None, 50, NOW, "commands").live
    rows: list[Card] = []
    while events:
        store(repository, *(events.pop() for _ in range(min(len(events), generator.randint(1, 4)))))
        news = cards.news(repository, "", live, NOW, "commands")
        live = news.live
        rows = replaced(rows, news)
    assert sorted(ids(rows)) == sorted(stored(repository))
    whole = cards.page(repository, "", None, 50, NOW, "commands").cards
    assert sorted(sorted(ids([card])) for card in rows) == sorted(sorted(ids([card])) for card in whole)


def replaced(rows: list[Card], news: cards.CardNews) -> list[Card]:
    """Put new rows in the place of all that hold any of their events, and others for what would be lost."""
    fresh = list(news.cards)
    while True:
        new = set(ids(fresh))
        gone = [row for row in rows if new & set(ids([row]))]
        lost = set(ids(gone)) - new
        more = [card for card in news.others if card not in fresh and lost & set(ids([card]))]
        if not more:
            return [row for row in rows if row not in gone] + fresh
        fresh += more


@pytest.mark.parametrize("name", ["system:serviceaccount:shop:ci", "or", 'a"b', "a b", "x*", "(", "é"])
def test_commands_of_users_with_any_name_are_put_together(repository: Repository, name: str) -> None:
    look, patch = scaled(0, name)
    store(repository, look)
    live = cards.page(repository, "", None, 50, NOW, "commands").live
    store(repository, patch)
    (card,) = cards.news(repository, "", live, NOW, "commands").cards
    assert len(card.events) == 2


def test_news_of_nothing_are_empty(sqlite_repository: Repository) -> None:
    live = cards.page(sqlite_repository, "", None, 50, NOW, "commands").live
    news = cards.news(sqlite_repository, "", live, NOW, "commands")
    assert (news.cards, news.others, news.more) == ([], [], 0)


def test_what_stands_out_in_a_request_stands_out_in_the_row(sqlite_repository: Repository) -> None:
    events = scaled(0)
    events[1]["responseStatus"] = status(409, "Conflict")
    store(sqlite_repository, *events)
    (card,) = cards.page(sqlite_repository, "", None, 50, NOW, "commands").cards
    row = row_of_card(card, NOW)
    assert (row.outcome.text, row.emphasis) == ("409", "plain")
    assert row.folded is not None
    assert [sent.badge.text for sent in row.folded.requests] == ["get", "scale"]
    assert row.folded.command == "kubectl scale deployment web --replicas=5 -n shop"
