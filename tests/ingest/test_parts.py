"""A body is cut into parts of bounded size while it is read, and gives the events that it gives in one piece."""

from __future__ import annotations

import io
import random
import time
import tracemalloc
from hashlib import sha256

import pytest

from audit_webhook.events.split import MalformedBody, Split, split
from audit_webhook.ingest import parts
from audit_webhook.ingest.parts import PART_ITEMS, Parts
from tests.factories import audit_event, encode, event_list

MIB = 1024**2
CHANCE = random.Random(20261201)
EVENTS = [encode(audit_event(n, responseObject={"a": "x" * CHANCE.choice([20, 300, 3_000, 9_000])})) for n in range(60)]
HOSTILE = [
    rb'{"level":"Request","auditID":"x","requestObject":{"a":"\ud800","n":1e400},"b":NaN}',
    b'{"level":"Metadata","x":"},{\\"level\\":\\"","y":"\xff\xfe"}',
    b'{"level":"Request","auditID":"q","requestObject":' + b"[" * 1500 + b"]" * 1500 + b"}",
    b'{"level":"Request","auditID":"z","requestObject":[{"a":1},{"level":"Metadata","auditID":"inner"}]}',
    b'{"level":"Request","auditID":"y","requestObject":"' + rb"\\\"" * 2000 + b'"}',
    b"12", b'"},{\\"level\\":\\""', b"null", b"[]", b"{}",
]
LIST_HEAD = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows be so small that a body of some kilobytes has many."""
    monkeypatch.setattr(parts, "WHOLE_BYTES", 2_000)
    monkeypatch.setattr(parts, "PART_BYTES", 4_000)
    monkeypatch.setattr(parts, "ITEM_BYTES", 40_000)


def read_parts(body: bytes) -> list[Split]:
    """Return the parts of a body, of which every byte must have been read."""
    reader = Parts(io.BytesIO(body).read)
    found = list(reader)
    assert reader.size == len(body)
    return found


def joined(found: list[Split]) -> Split:
    """Return the items of all parts together."""
    return Split([raw for part in found for raw in part.items], [raw for part in found for raw in part.broken])


def written(elements: list[bytes], head: bytes = LIST_HEAD, tail: bytes = b"]}") -> bytes:
    """Write a list of these elements."""
    return head + b",".join(elements) + tail


@pytest.mark.parametrize(
    "body",
    [
        written(EVENTS), event_list(EVENTS), b"\xef\xbb\xbf" + written(EVENTS), b"[" + b" , ".join(EVENTS) + b" ]",
        b"\n".join(EVENTS), b"\n".join([written(EVENTS[:30]), written(EVENTS[30:])]),
        written(EVENTS, b'{"items":[', b'],"kind":"EventList","apiVersion":"audit.k8s.io/v1"}'),
        written(EVENTS, b'{"kind":"EventList","metadata":{"a":{"b":[1,{"items":[]}]}},"items": ['),
        encode(audit_event(responseObject={"a": "x" * 30_000})),
    ],
    ids=["list", "newline", "mark", "array", "lines", "lines of lists", "items first", "nested head", "event"],
)
def test_parts_hold_the_same_events_as_the_whole(body: bytes) -> None:
    assert joined(read_parts(body)) == split(body)


@pytest.mark.parametrize("bad", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_item_costs_none_of_its_neighbours_in_any_place(bad: bytes) -> None:
    for place in range(0, len(EVENTS) + 1, 7):
        body = written([*EVENTS[:place], bad, *EVENTS[place:]])
        assert joined(read_parts(body)) == split(body)


def test_parts_are_small() -> None:
    found = read_parts(written(EVENTS))
    assert all(sum(map(len, part.items)) <= 20_000 for part in found) and len(found) > 10


def test_body_that_was_cut_gives_no_event_that_was_not_sent_whole() -> None:
    imitation = encode(audit_event(requestObject={"a": [audit_event(auditID="forged")] * 3}))
    sent = [*EVENTS[:20], imitation, *EVENTS[20:]]
    body = written(sent)
    for _ in range(300):
        cut = CHANCE.randrange(2_100, len(body))
        items = joined(read_parts(body[:cut])).items
        assert items == sent[:len(items)]


@pytest.mark.parametrize("place", [0, 10, 60])
def test_item_beyond_the_limit_is_kept_by_its_beginning_and_hash(place: int) -> None:
    long = encode(audit_event(responseObject={"a": ['"}]', {"b": "\\" * 30_000}], "c": "y" * 50_000}))
    found = joined(read_parts(written([*EVENTS[:place], long, *EVENTS[place:]])))
    assert found.items == EVENTS
    ((raw, reason, size),) = found.broken
    assert long.startswith(raw) and size == len(long) and sha256(long).hexdigest() in reason


@pytest.mark.parametrize("text", [b"", b"no json", b"no json" * 10_000, b"no\njson\n" * 10_000])
def test_body_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_parts(text)


def test_damaged_list_loses_what_is_damaged_and_no_part_is_made_up() -> None:
    body = written(EVENTS)
    for _ in range(500):
        damaged = bytearray(body)
        place = CHANCE.randrange(len(body))
        damaged[place:place + CHANCE.randrange(2)] = CHANCE.choice([b"", b'"', b"}", b"]", b"{", b",", b"\\"])
        assert len(set(joined(read_parts(bytes(damaged))).items) - set(EVENTS)) <= 2


def test_many_tiny_items_come_in_parts_of_bounded_number() -> None:
    for body in (written([b"{}"] * 20_000), written([b"1"] * 20_000), b"{}\n" * 20_000):
        found = read_parts(body)
        assert sum(len(part.items) + len(part.broken) for part in found) == 20_000
        assert max(len(part.items) + len(part.broken) for part in found) <= PART_ITEMS


def test_memory_does_not_grow_with_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    event = encode(audit_event(responseObject={"a": "x" * 600_000}))

    def peak(count: int) -> int:
        left = iter([LIST_HEAD, *([event + b","] * count), event + b"]}"])
        held = bytearray()

        def read(size: int) -> bytes:
            while len(held) < size and (piece := next(left, b"")):
                held.extend(piece)
            taken = bytes(held[:size])
            del held[:size]
            return taken

        tracemalloc.start()
        assert sum(len(part.items) for part in Parts(read)) == count + 1
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(160) < 1.2 * peak(40) < 30 * MIB


@pytest.mark.parametrize("filler", [b"[]", b"{},", b'"\\"', b"\\" * 8, b'"}],{"level":"', b"\xff\xfe", b"[" * 8])
def test_long_item_costs_time_in_proportion_to_its_length(monkeypatch: pytest.MonkeyPatch, filler: bytes) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", MIB // 8)
    monkeypatch.setattr(parts, "ITEM_BYTES", MIB // 2)

    def seconds(size: int) -> float:
        body = LIST_HEAD + b'{"level":"Request","requestObject":' + filler * (size // len(filler)) + b"}]}"
        began = time.thread_time()
        list(Parts(io.BytesIO(body).read))
        return time.thread_time() - began

    assert seconds(8 * MIB) < 8 * max(seconds(2 * MIB), 0.02)
