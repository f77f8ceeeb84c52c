"""A picture counts exactly what the feed shows, for every kind of query, and says so when it does not yet."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from audit_webhook.errors import InvalidParameter
from audit_webhook.events.event import Event
from audit_webhook.ingest.receive import receive
from audit_webhook.query.edit import and_term
from audit_webhook.search import feed
from audit_webhook.search.histogram import counter as scanning
from audit_webhook.search.histogram import histogram as picture
from audit_webhook.search.histogram.aggregate import OUTCOMES, outcome_of
from audit_webhook.search.histogram.buckets import MOST_BARS, STEPS, cut, tick_label, ticks
from audit_webhook.search.histogram.histogram import Histogram, Histograms
from audit_webhook.search.histogram.view import view_histogram
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, event_list

NOW = NOON_US + 3_600_000_000
QUERIES = [
    "", "user:user-1", "-verb:get", "verb:delete or ns:ns-1", "ns:ns-2 code:403", "kind:system", "usergroup:dev*",
    "name:pod-3", "name:pod-*", "pod-3 user:user-2", "audit:1*", "-name:pod-1", "user:nobody", "body:pod-3",
    "since:2026-11-23T11:40:07Z", "until:2026-11-23T12:00:00.5Z",
    "since:2026-11-23T11:42:11Z until:2026-11-23T12:31:47Z",
    "since:2026-11-23T12:00:01Z until:2026-11-23T12:00:09Z", "name:pod-2 since:2026-11-23T11:58:01Z",
    "user:user-1 since:2026-11-23T11:58:01Z until:2026-11-23T12:18:01Z verb:delete",
]


@pytest.fixture
def many(repository: Repository) -> Repository:
    """A store with 800 events of two hours, in batches that overlap, some of them summed already."""
    generator = random.Random(11)
    for batch in range(40):
        start = generator.uniform(-3600, 3600)
        receive(repository, f"cluster-{batch % 2}", event_list(
            audit_event(
                start + generator.uniform(0, 200),
                auditID=f"{batch}-{number}",
                user={"username": generator.choice(["user-1", "user-2", "system:node:a"]), "groups": ["dev-team"]},
                verb=generator.choice(["get", "list", "delete", "create"]),
                responseStatus={"code": generator.choice([200, 200, 201, 403, 404, 500])},
                objectRef={"resource": "pods", "namespace": f"ns-{number % 4}", "name": f"pod-{number % 5}"},
            )
            for number in range(20)
        ), NOW)
        if batch == 30:
            repository.tallies.compact()
    return repository


def matching(repository: Repository, text: str) -> Iterator[Event]:
    cursor = None
    while True:
        page = feed.page(repository, text, cursor, 500, NOW)
        yield from page.events
        cursor = page.next
        if cursor is None:
            return


def draw(repository: Repository, text: str, by: str = "outcome") -> Histogram:
    return Histograms(repository).draw(text, by, NOW, 60)


@pytest.mark.parametrize("is_fine", [True, False], ids=["events", "tallies"])
def test_picture_counts_what_the_feed_shows(
    many: Repository, monkeypatch: pytest.MonkeyPatch, is_fine: bool
) -> None:
    monkeypatch.setattr(picture, "FINE_EVENTS", 10_000 if is_fine else 0)
    for text in QUERIES:
        events = list(matching(many, text))
        drawn = draw(many, text)
        assert (drawn.is_exact, drawn.total) == (True, len(events)), text
        line = drawn.timeline
        bars = Counter(line.bar_of(event.time // 1000) for event in events)
        columns = [sum(column) for column in zip(*drawn.bars.values(), strict=True)] or [0] * line.bars
        assert columns == [bars[number] for number in range(line.bars)], text
        if "verb:" not in text:
            assert dict(drawn.facets["verb"]) == Counter(event.verb for event in events), text
        assert dict(drawn.facets["outcome"]) == Counter(map(outcome_of, events)) or "code:" in text, text


def test_facet_of_a_filtered_field_shows_what_else_there_is(many: Repository) -> None:
    whole, filtered = draw(many, "ns:ns-1"), draw(many, "ns:ns-1 verb:delete")
    assert filtered.facets["verb"] == whole.facets["verb"]
    assert filtered.total == dict(whole.facets["verb"])["delete"] < whole.total


def test_each_outcome_is_chosen_by_its_term(many: Repository) -> None:
    counted = dict(draw(many, "").facets["outcome"])
    for outcome, value in OUTCOMES.items():
        assert draw(many, f"code:{value}").total == counted.get(outcome, 0)


def test_series_by_verb_add_up_to_the_same(many: Repository) -> None:
    drawn = draw(many, "", "verb")
    assert set(drawn.bars) == {"read", "create", "delete"}
    assert sum(map(sum, drawn.bars.values())) == drawn.total == 800


def test_unfinished_picture_says_so_and_is_continued_until_exact(
    many: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "SLICE_EVENTS", 100)
    monkeypatch.setattr(scanning, "QUICK_SECONDS", -1.0)
    pictures = Histograms(many)
    drawn = pictures.draw("name:pod-3", "outcome", NOW, 0)
    assert not drawn.is_exact and drawn.token
    totals = [drawn.total]
    while drawn.token:
        refined = pictures.refine(drawn.token, 0)
        assert refined
        drawn = refined
        totals.append(drawn.total)
    assert drawn.is_exact and drawn.total == 160
    assert totals == sorted(totals) and len(totals) > 5
    assert pictures.refine("unknown") is None


def test_clock_that_is_years_off_does_not_squeeze_the_bars(repository: Repository) -> None:
    send = [audit_event(0), audit_event(60), audit_event(86_400 * 9_000), audit_event(-86_400 * 9_000)]
    receive(repository, "prod", event_list(send), NOW)
    drawn = draw(repository, "")
    assert drawn.total == 4
    assert drawn.timeline.end - drawn.timeline.start <= 430 * 86_400_000


def test_unknown_colours_are_refused(repository: Repository) -> None:
    with pytest.raises(InvalidParameter):
        draw(repository, "", "colour")


@pytest.mark.parametrize("span", [1, 999, 61_000, 3_600_000, 86_400_000, 30 * 86_400_000, 4_000 * 86_400_000])
def test_every_range_has_few_bars_and_few_ticks(span: int) -> None:
    low = NOON_US // 1000 - 7
    line = cut(low, low + span)
    assert line.start <= low and line.end >= low + span and 1 <= line.bars <= MOST_BARS
    assert len(ticks(line)) <= 18
    assert all(tick_label(moment, line) for moment in ticks(line))
    assert line.step in STEPS or line.step % STEPS[-1] == 0


def test_facets_lead_to_queries_that_filter_exclude_and_let_go(many: Repository) -> None:
    text = "ns:ns-1 or ns:ns-2"
    view = view_histogram(draw(many, text), text)
    facet = next(facet for facet in view.facets if facet.label == "Verb")
    value = facet.values[0]
    assert value.query == f"({text}) verb:{value.label}"
    assert value.excluded == f"({text}) -verb:{value.label}"
    chosen = view_histogram(draw(many, value.query), value.query)
    on = [each for facet in chosen.facets for each in facet.values if each.is_on]
    assert [(each.label, each.query) for each in on] == [(value.label, f"({text})")]


def test_counts_of_an_unfinished_picture_are_least_ones(many: Repository) -> None:
    drawn = draw(many, "")
    unfinished = Histogram(drawn.timeline, "outcome", 5, drawn.bars, drawn.facets, False, "token", 0.5)
    view = view_histogram(unfinished, "")
    assert view.total == "at least 5 events"
    assert all(value.count.startswith("≥ ") for facet in view.facets for value in facet.values)
    assert all("at least" in bar.title for bar in view.bars)


def test_term_is_added_to_the_whole_of_an_alternative() -> None:
    assert and_term("a or b", "c:d") == "(a or b) c:d"
    assert and_term("", "c:d") == "c:d"


def post(client: FlaskClient, *events: dict[str, object]) -> None:
    client.post("/webhook/audit/prod", data=event_list(events))


def test_feed_fetches_the_picture_and_offers_it_without_scripts(sqlite_client: FlaskClient) -> None:
    assert 'id="histogram"' not in sqlite_client.get("/").text
    post(sqlite_client, audit_event(0), audit_event(1, verb="delete"))
    page = sqlite_client.get("/?q=user:alice").text
    assert 'hx-get="/feed/picture?q=user:alice"' in page
    assert '<noscript><p class="empty"><a class="link" href="/?q=user:alice&amp;counts=1">' in page
    inline = sqlite_client.get("/?q=user:alice&counts=1").text
    assert "<b>" in inline and "2 events" in inline and "-verb:delete&amp;counts=1" in inline


def test_picture_is_a_fragment_with_bars_and_facets(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, audit_event(0), audit_event(1, verb="delete"))
    text = sqlite_client.get("/feed/picture?q=&by=verb&token=gone").text
    assert 'hx-swap-oob="innerHTML"' in text and 'class="s-delete"' in text
    assert "1 deletes" in text and 'title="delete"' in text
    assert sqlite_client.get("/feed/picture?q=((").status_code == 400


def test_programs_get_the_same_counts(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, audit_event(0), audit_event(1, verb="delete"), audit_event(2))
    histogram = sqlite_client.get("/api/v1/histogram?q=user:alice&by=verb").get_json()
    assert (histogram["exact"], histogram["total"], histogram["step"]) == (True, 3, 5.0)
    assert {name: sum(bars) for name, bars in histogram["series"].items()} == {"read": 2, "delete": 1}
    assert histogram["start"] == "2026-11-23T12:00:00.000000Z"
    facets = sqlite_client.get("/api/v1/facets").get_json()["facets"]
    assert facets["verb"] == [{"value": "get", "events": 2}, {"value": "delete", "events": 1}]
    assert sqlite_client.get("/api/v1/histogram?by=colour").status_code == 400


def test_hostile_values_stay_text_in_facets(sqlite_client: FlaskClient) -> None:
    name = '"><script>alert(1)</script>\u202e'
    post(sqlite_client, audit_event(0, user={"username": name}))
    text = sqlite_client.get("/feed/picture").text
    assert "<script" not in text and "\u202e" not in text.replace("%E2%80%AE", "")
