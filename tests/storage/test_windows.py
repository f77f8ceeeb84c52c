"""A search leaps over windows of time in which nothing can match, and over nothing else."""

from __future__ import annotations

import pytest

from audit_webhook.ingest.receive import receive
from audit_webhook.search import feed, search
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.windows import WINDOW_MS, open_windows
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, audit_event, event_list

NOW = NOON_US + 3_600_000_000
NOON_MS = NOON_US // 1000
HOUR_MS = 3_600_000


@pytest.fixture
def apart(repository: Repository) -> Repository:
    """A store in which alice and bob are in every hour of two days; only once, 30 hours ago, did alice delete."""
    for hour in range(48):
        batch = [
            audit_event(-3600 * hour + 1, user={"username": "alice"}, verb="delete" if hour == 30 else "get"),
            audit_event(-3600 * hour + 2, user={"username": "bob"}, verb="delete"),
        ]
        receive(repository, "prod", event_list(batch), NOW)
    return repository


def open_ends(repository: Repository, text: str) -> list[int]:
    """Give the ends of all open windows of a query, newest first, in hours before noon."""
    windows = open_windows(repository, compile_query(text, NOW, repository.database.dialect))
    assert windows is not None
    ends, before = [], NOON_MS + 2 * HOUR_MS
    while (end := windows.newest_end(before, 0)) is not None:
        ends.append(end)
        before = end - WINDOW_MS
    return [(end - WINDOW_MS - NOON_MS) // HOUR_MS for end in ends]


@pytest.mark.parametrize("is_summed", [False, True], ids=["fresh", "summed"])
def test_only_windows_in_which_all_came_together_are_open(apart: Repository, is_summed: bool) -> None:
    if is_summed:
        assert apart.tallies.compact() > 0
    assert open_ends(apart, "user:alice verb:delete") == [-30]
    assert open_ends(apart, "user:bob verb:get") == []
    assert open_ends(apart, "user:alice") == [-hour for hour in range(48)]


def test_rare_combination_of_frequent_values_is_found_and_little_else_is_read(
    apart: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "UNTESTED", 4)
    monkeypatch.setattr(search, "TESTED", 0)
    read: list[int] = []
    select_events = apart.select_events

    def count(*arguments: object) -> object:
        read.append(len(arguments[3]))  # type: ignore[arg-type]
        return select_events(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(apart, "select_events", count)
    found = feed.page(apart, "user:alice verb:delete", None, 50, NOW)
    assert [event.verb for event in found.events] == ["delete"] and found.next is None
    assert sum(read) <= 5
    read.clear()
    assert feed.page(apart, "user:bob verb:get", None, 50, NOW).events == []
    assert sum(read) <= 4


def test_query_on_names_alone_has_no_windows(apart: Repository) -> None:
    assert open_windows(apart, compile_query("name:web-*", NOW, apart.database.dialect)) is None


def test_time_range_bounds_the_windows(apart: Repository) -> None:
    wanted = compile_query("user:alice verb:delete", NOW, apart.database.dialect)
    windows = open_windows(apart, wanted)
    assert windows is not None
    assert windows.newest_end(NOON_MS, NOON_MS - 29 * HOUR_MS) is None
    assert windows.newest_end(NOON_MS, NOON_MS - 31 * HOUR_MS) == NOON_MS - 30 * HOUR_MS + WINDOW_MS
