"""What is cut or damaged costs only itself: no neighbour is lost, nothing is forged, and it takes linear time."""

from __future__ import annotations

import json
import random
from time import process_time
from typing import Any

import pytest

from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.sources.unwrap import PACKED, unwrap, unwrap_text
from audit_webhook.events.sources.unwrapped import Event, Other, Unreadable
from audit_webhook.ingest.parts import PART_BYTES
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US
from tests.wraps import WRAPS, found_in, packed, recorded


def test_event_that_was_cut_keeps_who_what_and_when() -> None:
    for raw in recorded():
        event = to_event(read_wire(raw), raw, "prod")
        cut = raw[:raw.index(b'"objectRef"') + 200] + b"[Truncated...]" if b'"objectRef"' in raw else b""
        for found in unwrap(cut):
            assert isinstance(found, Event) and found.is_cut
            saved = to_event(read_wire(found.raw), found.raw, "prod")
            assert (saved.user, saved.verb, saved.request_uri, saved.audit_id) == (
                event.user, event.verb, event.request_uri, event.audit_id,
            )
            assert saved.truncated


def test_no_mutation_costs_a_neighbour_or_a_traceback() -> None:
    numbers = random.Random(18)
    raws = recorded(6)
    for _ in range(400):
        wrap = WRAPS[numbers.choice(sorted(WRAPS))]
        broken = bytearray(wrap(raws[0].decode()).encode())
        for _ in range(numbers.randint(1, 4)):
            place = numbers.randrange(len(broken))
            if numbers.random() < 0.5:
                broken[place] = numbers.choice(b'{}[]":,\\ \x00\xffa0')
            else:
                del broken[place:place + numbers.randint(1, 60)]
        text = b"\n".join([raws[1], bytes(broken).replace(b"\n", b" "), *raws[2:]])
        found = [each.raw for each in found_in(text) if isinstance(each, Event)]
        assert [raw for raw in raws[1:] if raw not in found] == []


@pytest.mark.parametrize("name", [
    "EKS filter-log-events", "AKS records", "Fluent Bit array", "Loki", "Azure Monitor query",
])
@pytest.mark.parametrize("damage", [b"\x00", b"\xff", b'"', b"\\p"])
def test_damage_in_one_row_of_an_export_costs_only_that_row(name: str, damage: bytes) -> None:
    raws = recorded(5)
    documents = [json.loads(WRAPS[name](raw.decode()).removeprefix("\ufeff")) for raw in raws]
    whole = json.dumps(merged(documents)).encode()
    place = whole.index(json.loads(raws[2])["auditID"].encode())
    found = {each.raw for each in found_in(whole[:place] + damage + whole[place:]) if isinstance(each, Event)}
    assert {raws[0], raws[1], raws[3], raws[4]} <= found


def merged(documents: list[Any]) -> Any:
    """Return one export of several: their lists one after the other."""
    first = documents[0]
    if isinstance(first, list):
        return [each for document in documents for each in document]
    return {
        name: merged([each[name] for each in documents]) if isinstance(value, list) and value and name != "columns"
        else value for name, value in first.items()
    } if not isinstance(first.get("tables"), list) else {"tables": [merged([each["tables"][0] for each in documents])]}


def test_export_that_was_cut_off_gives_what_stands_before_the_cut() -> None:
    raws = recorded(5)
    events = [{"logStreamName": "a", "message": raw.decode()} for raw in raws]
    whole = json.dumps({"events": events, "nextToken": "x"}, indent=4).encode()
    place = whole.index(json.loads(raws[3])["auditID"].encode()) + 40
    found = [each for each in found_in(whole[:place]) if not isinstance(each, Other)]
    assert [each.raw for each in found[:3]] == raws[:3]
    assert isinstance(found[3], Unreadable) and len(found) == 4


def test_body_of_a_cut_event_is_never_taken_for_events() -> None:
    (raw,) = recorded(1)
    imitation = raw.replace(b'"auditID":"', b'"auditID":"forged')
    event = {**json.loads(raw), "requestObject": {"items": [json.loads(imitation)] * 3, "a": imitation.decode()}}
    whole = json.dumps(event, separators=(",", ":")).encode()
    for place in range(whole.index(b"requestObject"), len(whole), 7):
        for text in (whole[:place], whole[:place] + b"}]}", json.dumps({"log": whole[:place].decode()}).encode()):
            found = found_in(text)
            assert not [each for each in found if isinstance(each, Event) and b'"auditID":"forged' in each.raw[:200]]


def test_packed_document_is_unpacked_only_as_far_as_its_length_allows() -> None:
    def document(content: str) -> bytes:
        return json.dumps({"awslogs": {"data": packed(content)}}).encode()

    raw = recorded(1)[0].decode()
    assert [each.raw for each in unwrap(document(raw)) if isinstance(each, Event)] == [raw.encode()]
    for text in (document(" " * 5_000_000 + raw), b"[" + document(document(" " * 5_000_000 + raw).decode()) + b"]"):
        assert not [each for each in unwrap(text) if isinstance(each, Event)]


def test_item_that_is_too_large_to_look_into_is_kept_in_quarantine(sqlite_repository: Repository) -> None:
    (raw,) = recorded(1)
    text = json.dumps({"padding": "x" * PART_BYTES, "message": raw.decode()}).encode()
    receipt = receive(sqlite_repository, "prod", text, NOON_US)
    assert (receipt.stored, receipt.quarantined) == (0, 1)


def test_pieces_are_joined_in_time_linear_in_their_number() -> None:
    def seconds(count: int) -> float:
        text = b"2026-11-20T10:00:00Z stdout P x\n" * count
        began = process_time()
        assert len(list(unwrap_text(text))) == 1
        return process_time() - began

    small = min(seconds(3_000) for _ in range(3))
    assert min(seconds(24_000) for _ in range(3)) < 20 * small


def test_packed_data_that_grows_too_much_is_not_unpacked_further() -> None:
    bomb = packed("a" * 40_000_000)
    body = json.dumps({"records": [{"data": bomb}] * 50 + [{"data": packed(recorded(1)[0].decode())}]}).encode()
    began = process_time()
    found = found_in(body)
    assert process_time() - began < 3
    assert PACKED in {each.reason for each in found if isinstance(each, Unreadable)}


def test_each_shape_is_unwrapped_in_time_linear_in_its_length() -> None:
    def seconds(size: int) -> float:
        texts = (b"[" * size, b"{\"a\":" * (size // 5), b'{"log":"' + b"\\\"" * (size // 2), b"a " * (size // 2),
                 b"<1>" + b"1 " * (size // 2), b'{"level":"' + b"x" * size, b"{" + b'"verb":"a",' * (size // 11),
                 b'[{"auditID":"' + b'"},{"auditID":[' * (size // 14) + b"]", b'{"auditID":1}{' * (size // 14),
                 b'{"auditID":[\n' * (size // 13), b'{"message":"' + b'}{"message":"auditID' * (size // 20),
                 b'{"auditID":1,"records":[' + b'{"data":"eyJAAAAAAAAAAAAAAAA"},' * (size // 33) + b"1]}",
                 b'{"items":[{"auditID' + b'"items":[{' * (size // 10), b'x {"auditID"' * (size // 12))
        began = process_time()
        for text in texts:
            list(unwrap_text(text))
        return process_time() - began

    small = min(seconds(20_000) for _ in range(3))
    assert min(seconds(160_000) for _ in range(3)) < 40 * max(small, 0.002)


def test_bodies_of_a_rewritten_event_keep_their_numbers_and_levels(sqlite_repository: Repository) -> None:
    event = json.loads(recorded(1)[0])
    for body in ("[" * 900 + "]" * 900, '{"a":1.10,"b":[12345678901234567890123,1e300,-0.0]}', '{"a":"1.10: 1.5"}'):
        text = json.dumps({"host": "h", **event, "requestObject": 7})
        raw = text.replace('"requestObject": 7', f'"requestObject": {body}').encode()
        (found,) = unwrap(raw)
        assert isinstance(found, Event) and f'"requestObject":{body}'.encode() in found.raw
        receipt = receive(sqlite_repository, "prod", raw, NOON_US)
        assert (receipt.received, receipt.quarantined) == (1, 0)
    deep = json.dumps({"items": [{**event, "requestObject": 7}]}).replace(": 7", ": " + "[" * 1000 + "]" * 1000)
    assert receive(sqlite_repository, "prod", deep.encode(), NOON_US).received == 1


def test_metadata_of_authentication_are_no_member_that_a_shipper_added() -> None:
    metadata = {"impersonationConstraint": "impersonate:scheduled-node"}
    event = json.loads(recorded(1)[0]) | {"authenticationMetadata": metadata}
    (found,) = unwrap(json.dumps({"host": "h", **event}, sort_keys=True).encode())
    assert isinstance(found, Event)
    restored = json.loads(found.raw)
    assert restored["authenticationMetadata"] == event["authenticationMetadata"] and "host" not in restored


def test_item_that_breaks_what_looks_into_it_is_stored_as_it_is(
    sqlite_repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise TypeError("unforeseen")

    monkeypatch.setattr("audit_webhook.events.sources.unwrap.restore", fail)
    texts = [json.dumps({"host": "h", **json.loads(raw)}) for raw in recorded(3)]
    receipt = receive(sqlite_repository, "prod", f"[{','.join(texts)}]".encode(), NOON_US)
    assert (receipt.stored, receipt.quarantined) == (3, 0)
