"""A batch is taken apart into its events whatever is inside them, and a broken one costs no neighbour."""

from __future__ import annotations

import gzip
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.events import split as split_module
from audit_webhook.events.json_scanner import (
    BrokenJSON, each_element, each_member, elements, enclosures, members, value_end,
)
from audit_webhook.events.split import MalformedBody, split
from audit_webhook.ingest.receive import read_batch
from tests.factories import audit_event, encode, event_list

DATA = Path(__file__).parents[1] / "data"
BATCHES = [gzip.decompress(path.read_bytes()) for path in sorted((DATA / "webhook").glob("*.json.gz"))]
EVENT = encode(audit_event())
MUTATIONS = 10_000

texts = st.text(max_size=6) | st.sampled_from(['"', "\\", '\\"', "{", "}", "[", "]", ",", '{"level":"Metadata"'])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=25,
)


def written(value: Any, indent: int | None) -> bytes:
    return json.dumps(value, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(texts, values, max_size=6), st.sampled_from([None, 2]))
def test_members_are_what_a_parser_finds(value: dict[str, Any], indent: int | None) -> None:
    raw = written(value, indent)
    found = {key: json.loads(raw[start:end]) for key, start, end in members(raw)}
    assert found == value and list(found) == list(value)


@settings(max_examples=400, deadline=None)
@given(st.lists(values, max_size=6), st.sampled_from([None, 2]))
def test_elements_are_what_a_parser_finds(value: list[Any], indent: int | None) -> None:
    raw = written(value, indent)
    assert [json.loads(raw[start:end]) for start, end in elements(raw)] == value


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(texts, values, max_size=5))
def test_enclosures_are_the_ends_of_every_object_and_array(value: dict[str, Any]) -> None:
    raw = written(value, None)
    for start, end in enclosures(raw, 0, len(raw)).items():
        json.loads(raw[start:end])
        assert value_end(raw, start, len(raw)) == end


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(texts, values, max_size=4), max_size=6), st.sampled_from([None, 1]))
def test_items_come_out_byte_for_byte(bodies: list[dict[str, Any]], indent: int | None) -> None:
    raws = [written(audit_event(number, requestObject=body), indent) for number, body in enumerate(bodies)]
    assert split(event_list(raws)).items == raws


@pytest.mark.parametrize(
    "odd",
    [
        rb'"\ud800"', b"1e400", b"NaN", b"5" * 5_000, b'"\xff"', b'"a\x00b"', b"[" * 5_000 + b"]" * 5_000,
        b'{"a":1,"a":2}',
    ],
    ids=["surrogate", "1e400", "NaN", "digits", "bytes", "NUL", "deep", "repeated"],
)
@pytest.mark.parametrize("space", [b"", b" ", b"\n\t"])
def test_odd_value_stays_in_its_item(odd: bytes, space: bytes) -> None:
    strange = EVENT[:-1] + b',"requestObject":' + odd + b"}"
    body = event_list([EVENT, strange, EVENT]).replace(b",{", space + b"," + space + b"{")
    assert split(body) == ([EVENT, strange, EVENT], [])


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (EVENT, 1), (EVENT + b"\n", 1), (b"\xef\xbb\xbf" + EVENT, 1), (b"[%b,%b]" % (EVENT, EVENT), 2),
        (EVENT + b"\n" + EVENT, 2), (event_list([EVENT]) + event_list([EVENT, EVENT]), 3),
        (b'{"items":[%b],"kind":"EventList"}' % EVENT, 1), (b'{"items":null,"kind":"EventList"}', 0),
        (b'{"kind":"EventList","items":[%b],"items":[%b]}' % (EVENT, EVENT), 2), (event_list([]), 0),
    ],
)
def test_every_form_of_a_body_is_taken(body: bytes, count: int) -> None:
    parts = split(body)
    assert (parts.items, parts.broken) == ([EVENT] * count, [])


@pytest.mark.parametrize("body", [b"", b" \n", b"hello", b"<html>", b"\x1f\x8b\x08"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        split(body)


def test_body_that_was_cut_off_gives_no_event_that_a_patch_imitates() -> None:
    imitation = encode(audit_event(user={"username": "forged"}))
    holder = encode(audit_event(requestObject={"a": "b"})).replace(b'{"a":"b"}', b'{"a":[' + imitation + b"]}")
    body = event_list([EVENT, holder, EVENT])
    inside = body.index(b"forged") + 40
    assert imitation not in split(body[:inside]).items


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,}', b"{,}", b'{"a" 1}', b"[]", b'{"a":[}]']
)
def test_what_is_no_object_is_broken(raw: bytes) -> None:
    with pytest.raises(BrokenJSON):
        members(raw)


def mutate(body: bytes, chance: random.Random) -> bytes:
    """Change a few bytes at random: flipped, taken out, put in, repeated, swapped."""
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed))
        match chance.randrange(5):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at:at + chance.randint(1, 30)]
            case 2:
                changed[at:at] = chance.choice([b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\0", b"\xff", b"1e400"])
            case 3:
                changed[at:at] = changed[at:at + chance.randint(1, 40)]
            case _:
                changed[at], changed[-at] = changed[-at], changed[at]
    return bytes(changed)


def test_random_mutation_costs_no_neighbour_and_raises_nothing_else() -> None:
    chance = random.Random(20261123)
    samples = [split(body).items[:4] for body in BATCHES]
    for number in range(MUTATIONS):
        items = samples[number % len(samples)]
        place = chance.randrange(len(items))
        bad = mutate(items[place], chance)
        batch = read_batch("prod", event_list([*items[:place], bad, *items[place + 1:]]), 0)
        kept = {identified.raw for identified in batch.events.values()}
        neighbours = [raw for at, raw in enumerate(items) if at != place]
        clean = {identified.raw for identified in read_batch("prod", event_list(neighbours), 0).events.values()}
        assert clean <= kept, bad


def test_mutated_whole_body_is_read_or_refused() -> None:
    chance = random.Random(42)
    for number in range(600):
        try:
            split(mutate(BATCHES[number % len(BATCHES)][:20_000], chance))
        except MalformedBody:
            continue


def test_cost_grows_with_the_size_of_the_body() -> None:
    def seconds(count: int) -> float:
        items = [EVENT[:-1] + b',"requestObject":"\\ud800"}'] * count
        start = time.process_time()
        assert len(split(event_list(items)).items) == count
        return time.process_time() - start

    seconds(100)
    assert seconds(16_000) < 40 * max(seconds(1_000), 0.001)


def test_recorded_batch_takes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_module, "_any_form", None)
    assert all(split(body).items for body in BATCHES)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(texts, values), max_size=5), st.sampled_from([",", ", "]), st.booleans())
def test_quick_look_at_members_finds_what_the_scanner_finds(
    pairs: list[tuple[str, Any]], comma: str, is_escaped: bool
) -> None:
    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=is_escaped, separators=(",", ":"))

    written_pairs = comma.join(f"{text(key)}:{text(value)}" for key, value in pairs)
    raw = f"{{{written_pairs}}}".encode("utf-8", "surrogatepass")
    assert members(raw) == list(each_member(raw))
    raw = ("[" + comma.join(text(value) for _, value in pairs) + "]").encode("utf-8", "surrogatepass")
    assert elements(raw) == list(each_element(raw))
