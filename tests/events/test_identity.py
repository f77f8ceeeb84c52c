"""Ids follow from time and content."""

from __future__ import annotations

from uuid import uuid4

import pytest

from audit_webhook.events import ids as identity
from tests.factories import NOON_US, audit_event, encode

RAW = encode(audit_event())


def event_id(cluster: str, raw: bytes, milliseconds: int) -> bytes:
    (identifier,) = identity.event_ids(identity.digest_events(cluster, [identity.as_posted(raw)]), [milliseconds])
    return identifier


def test_same_bytes_of_the_same_cluster_have_the_same_id() -> None:
    assert event_id("prod", RAW, 1) == event_id("prod", bytes(RAW), 1)


def test_another_cluster_gives_another_id() -> None:
    assert event_id("prod", RAW, 1) != event_id("staging", RAW, 1)


def test_line_of_a_log_file_is_the_same_event_as_the_webhooks_item() -> None:
    line = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",' + RAW[1:]
    assert event_id("prod", line, 1) == event_id("prod", RAW, 1)


def test_ids_sort_by_time() -> None:
    ids = [event_id("prod", b"%d" % number, number) for number in range(0, 10_000, 997)]
    assert ids == sorted(ids)


def test_id_reads_back_from_its_text() -> None:
    identifier = event_id("prod", RAW, 1_700_000_000_000)
    text = identity.to_text(identifier)
    assert (len(text), identity.from_text(text), identity.from_text(text.lower())) == (26, identifier, identifier)


@pytest.mark.parametrize("text", ["", "short", "!" * 26, "é" * 26, "Z" * 27, "Z" * 26, "IIIIIIIIIIIIIIIIIIIIIIIIUU"])
def test_text_that_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        identity.from_text(text)


def test_chunk_is_as_new_as_its_newest_event() -> None:
    ids = [event_id("prod", b"a", 7), event_id("prod", b"b", 9), event_id("prod", b"c", 8)]
    assert identity.chunk_id(ids)[:6] == (9).to_bytes(6, "big")


def test_tuples_that_join_to_the_same_text_differ() -> None:
    assert identity.row_id(("ab", "c")) != identity.row_id(("a", "bc"))


def test_id_of_a_row_has_128_bits_and_is_another_one_in_each_turn() -> None:
    ids = {identity.row_id(("alice", 200), turn) for turn in range(64)}
    assert len(ids) == 64 and {len(identifier) for identifier in ids} == {16}


def test_no_two_audit_ids_share_a_key() -> None:
    uuid = "7bde12ab-1537-4820-a35f-b939d19e3df9"
    raw = bytes.fromhex(uuid.replace("-", "")).decode("latin-1")
    texts = [uuid, uuid.upper(), uuid.replace("-", ""), f"{{{uuid}}}", raw, "", "=", "~", "#"]
    texts += [mark * length for mark in "=~#x" for length in range(70)]
    texts += ["~=" + "x" * 15, "=" + "x" * 15, "=~" + "x" * 14]
    distinct = set(texts)
    assert len({identity.audit_key(text) for text in distinct}) == len(distinct)
    assert max(len(identity.audit_key(text)) for text in distinct) <= 66
    assert identity.audit_key(uuid) == bytes.fromhex(uuid.replace("-", ""))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:00:00.000000Z", NOON_US),
        ("2026-11-23T12:00:00.000001Z", NOON_US + 1),
        ("2026-11-23T12:00:00Z", NOON_US),
        ("2026-11-23T13:00:00+01:00", NOON_US),
        ("2026-11-23T12:00:60.000000Z", NOON_US + 60_000_000),
        ("2026-13-23T12:00:00.000000Z", None),
        ("2026-11-23T25:00:00.000000Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_are_read_as_rfc_3339(text: str, expected: int | None) -> None:
    assert identity.microseconds(text) == expected


@pytest.mark.parametrize(
    ("moment", "kept"),
    [(None, identity.EARLIEST), (-1, identity.EARLIEST), (NOON_US, NOON_US), (10**18, identity.LATEST)],
)
def test_absurd_times_are_bounded(moment: int | None, kept: int) -> None:
    assert identity.within_bounds(moment) == kept


FIRST = "0a1b2c3d-4e5f-4061-8273-849505060708"


@pytest.mark.parametrize("last", ["", "own", "0" * 36, f"{FIRST}\n{FIRST[::-1]}", FIRST.upper()])
def test_keys_of_a_batch_are_those_of_each_audit_id(last: str) -> None:
    plain = [str(uuid4()) for _ in range(3)]
    for audit_ids in ([], plain, [*plain, last], [last, *plain], [last]):
        assert identity.audit_keys(audit_ids) == list(map(identity.audit_key, audit_ids))
