"""`body:` finds what stands in the stored JSON, step by step, and leaves room for everybody else."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from audit_webhook.events.ids import from_text
from audit_webhook.ingest.receive import receive
from audit_webhook.search import feed, scan, search
from audit_webhook.search.compile_query import compile_query
from audit_webhook.storage.chunks.frames import find_any, pack
from audit_webhook.storage.chunks.layout import WINDOW_MILLISECONDS
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import LAST, Search
from tests.factories import NOON_US, audit_event, event_list

NOW = NOON_US + 3_600_000_000


def send(repository: Repository, *bodies: object, seconds: float = 0) -> None:
    """Store an event for each body, a second apart, with its number as auditID."""
    items = [
        audit_event(seconds + number, auditID=f"{seconds:g}+{number}", responseObject=body)
        for number, body in enumerate(bodies)
    ]
    receive(repository, "prod", event_list(items), NOW)


def found(repository: Repository, text: str) -> list[str]:
    """Give the auditIDs of a search that one page holds."""
    return sorted(event.audit_id for event in feed.page(repository, text, None, 500, NOW).events)


def test_text_is_found_however_json_writes_it(repository: Repository) -> None:
    send(repository, {"a": "say \"hi\""}, {"a": "x<y & z"}, {"a": "zwölf"}, {"image": "nginx:1.25"})
    assert found(repository, r'body:"say \"hi\""') == ["0+0"]
    assert found(repository, 'body:"x<y & z"') == ["0+1"]
    assert found(repository, "body:zwölf") == ["0+2"]
    assert found(repository, r'body:"\"image\":\"nginx"') == ["0+3"]
    assert found(repository, "body:Nginx") == []


def test_go_s_way_of_writing_markup_is_found(repository: Repository) -> None:
    raw = event_list([audit_event(auditID="go", responseObject={"a": "x<y>&z"})])
    go = raw.replace(b"x<y>&z", rb"x\u003cy\u003e\u0026z")
    receive(repository, "prod", go, NOW)
    assert found(repository, 'body:"x<y>&z"') == ["go"]


def test_parts_must_come_in_their_order(repository: Repository) -> None:
    send(repository, {"a": "first then second"}, {"a": "second then first"})
    assert found(repository, "body:first*second") == ["0+0"]


def test_body_joins_with_other_terms(repository: Repository) -> None:
    send(repository, {"a": "needle"}, {"a": "hay"})
    assert found(repository, "body:needle user:alice") == ["0+0"]
    assert found(repository, "body:needle user:bob") == []
    assert found(repository, "-body:needle") == ["0+1"]
    assert found(repository, "body:needle or audit:0+1") == ["0+0", "0+1"]
    assert found(repository, "body:(needle or hay) -body:hay") == ["0+0"]


def test_live_view_follows_a_body_search(repository: Repository) -> None:
    live = feed.page(repository, "body:needle", None, 50, NOW).live
    send(repository, {"a": "needle"}, {"a": "hay"})
    assert [event.audit_id for event in feed.news(repository, "body:needle", live, NOW).events] == ["0+0"]


def test_scan_goes_on_where_its_step_ended(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in range(8):
        send(repository, *({"a": f"needle-{hour}"} for _ in range(3)), seconds=-3600 * hour)
    monkeypatch.setattr(search, "SECONDS", -1.0)
    ids: list[str] = []
    steps, cursor = 0, None
    while True:
        page = feed.page(repository, "body:needle-7", cursor, 50, NOW)
        ids += [event.audit_id for event in page.events]
        steps += 1
        cursor = page.next
        if cursor is None:
            break
        assert page.gave_up
    assert steps > 1 and sorted(ids) == ["-25200+0", "-25200+1", "-25200+2"]


def test_cursor_of_a_limited_reader_tells_no_time_of_what_they_may_not_see(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(30):
        send(repository, *({"a": f"needle-{hour}"} for _ in range(3)), seconds=-3600 * hour - 7)
    monkeypatch.setattr(search, "SECONDS", -1.0)
    monkeypatch.setattr(Repository, "sees_everything", property(lambda self: False))
    page = feed.page(repository, "body:needle-29", None, 50, NOW)
    steps = 0
    while page.next is not None:
        assert page.gave_up and int.from_bytes(from_text(page.next)[:6], "big") % WINDOW_MILLISECONDS == 0
        assert page.progress is not None and page.progress.moment % (1000 * WINDOW_MILLISECONDS) == 0
        page = feed.page(repository, "body:needle-29", page.next, 50, NOW)
        steps += 1
    assert steps > 1 and len(page.events) == 3


def test_scan_that_finds_no_place_free_waits_in_no_thread(repository: Repository) -> None:
    send(repository, {"a": "needle"})
    wanted = compile_query("body:needle", NOW, repository.database.dialect)
    with ExitStack() as stack:
        places = [stack.enter_context(scan.place()) for _ in range(scan.PLACES + 1)]
        assert places == [True] * scan.PLACES + [False]
        refused = search.find(repository, wanted)
        assert (refused.events, refused.unread, refused.gave_up) == ([], LAST, True)
        assert len(feed.page(repository, "user:alice", None, 50, NOW).events) == 1
    assert len(search.find(repository, wanted).events) == 1


def test_only_chunks_that_hold_a_needle_are_read_closer(repository: Repository) -> None:
    for hour in range(6):
        send(repository, {"a": "needle" if hour == 2 else "hay"}, seconds=-3600 * hour)
    spans = repository.select_chunks(Search(compile_query("", NOW, repository.database.dialect).where), LAST, LAST, 50)
    hits = scan.Hits(repository, spans, [b"needle"])
    assert len(spans) == 6 and hits.spans == [spans[2]]


def test_places_of_a_needle_are_found_across_frames() -> None:
    raws = [b'{"n":%d,"pad":"%s"}' % (number, b"x" * 100_000) for number in range(10)]
    raws[7] = b'{"needle":1,"again":"needle"}'
    packed = pack(raws)
    assert len(packed.frames) > 16
    assert find_any(packed.content, packed.frames, [b"needle"]) == [packed.offsets[7] + 2]
    assert find_any(packed.content, packed.frames, [b"absent", b'"n":3']) == [packed.offsets[3] + 1]
