"""How chunks are sealed, so that whoever changes one later is found out; pure functions over bytes.

The seal of a chunk is a hash over all that was stored of it and over the seal before it. Each writing connection has a
stream of seals of its own, numbered from 1 without gaps, so that no two writers wait for each other. Three hashes stand
for the content, all SHA-256:

- ``root``: a Merkle tree over the raw events in stored order (RFC 6962, section 2.1), so that one event can be proved
  without the others; the leaf of an event is its digest, from which most ids are taken too;
- ``rows``: the rows of the table events in the order of their ids, by which events are found;
- ``record``: those rows, and what the table chunks says of the whole.

Postings and tallies are no part of it: they can be worked out from the events.

A seal has one of two forms, which its record tells apart. In the older one a leaf is the SHA-256 of a zero byte and the
event's bytes, as in the RFC. In the newer one the cluster and a zero byte come before the bytes. No leaf can be passed
off as a node, which begins with a byte of one: no cluster's name does, and the record holds the cluster. Nor can a node
be passed off as a leaf: the seal holds the number of events, and with it the depth of each.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from audit_webhook.identity import digest_events

BEGINNING: Final = bytes(32)
"""What stands in the place of the seal before the first one."""
_LINK: Final = b"audit-webhook seal 1\0"
NEWEST: Final = 2
_RECORDS: Final = {NEWEST: b"audit-webhook record 2\0", 1: b"audit-webhook record 1\0"}
FORMS: Final = tuple(_RECORDS)
_ROW: Final = b"%b%b%b%b%d,%d,%d,%d,%d,%b%b%b%b"

EventRow = tuple[bytes, bytes, int, int, bytes, bytes, bytes, str, str, str]


class Head(NamedTuple):
    """Where a stream ends: its newest number, 0 for none, and the link of that seal."""

    stream: bytes
    sequence: int
    link: bytes


class Seal(NamedTuple):
    """A row of the table seals; ``sealed`` is a time in microseconds."""

    stream: bytes
    sequence: int
    chunk_id: bytes
    events: int
    sealed: int
    root: bytes
    record: bytes
    link: bytes


def begin_stream() -> Head:
    """Give a stream that has no seal yet."""
    return Head(secrets.token_bytes(8), 0, BEGINNING)


def seal_next(head: Head, chunk_id: bytes, events: int, sealed: int, root: bytes, record: bytes) -> Seal:
    """Seal a chunk as the next one of a stream."""
    seal = Seal(head.stream, head.sequence + 1, chunk_id, events, sealed, root, record, b"")
    return seal._replace(link=link_of(head.link, seal))


def link_of(previous: bytes, seal: Seal) -> bytes:
    """Give what a seal's link must be after the link before it."""
    return sha256(b"".join((
        _LINK, previous, seal.stream, _number(seal.sequence), seal.chunk_id, _number(seal.events), _number(seal.sealed),
        seal.root, seal.record,
    ))).digest()


def record_of(
    cluster: str, received: int, first_id: bytes, raw_bytes: int, rows: bytes, form: int = NEWEST
) -> bytes:
    """Give the hash of what is known of a chunk as a whole, and of its events' rows."""
    name, numbers = cluster.encode("utf-8", "surrogateescape"), _number(received) + _number(raw_bytes)
    return sha256(b"".join((_RECORDS[form], numbers, first_id, rows, name))).digest()


def form_of(
    record: bytes | None, cluster: str, received: int, first_id: bytes, raw_bytes: int, rows: bytes
) -> int | None:
    """Give the form of the seal that has this record; None when it is the record of something else."""
    found = (form for form in FORMS if record_of(cluster, received, first_id, raw_bytes, rows, form) == record)
    return next(found, None)


def write_rows(rows: Iterable[EventRow]) -> list[bytes]:
    """Write rows of the table events so that no two read the same; the statement ``event_rows`` does it too."""
    columns = list(zip(*rows, strict=True))
    if not columns:
        return []
    ids, chunks, offsets, lengths, callers, actions, audits, *texts = columns
    spaces, names, uris = ([text.encode("utf-8", "surrogateescape") for text in column] for column in texts)
    return list(map(_ROW.__mod__, zip(
        ids, chunks, callers, actions, offsets, lengths, map(len, audits), map(len, spaces), map(len, names), audits,
        spaces, names, uris, strict=True,
    )))


def digest_rows(rows: Iterable[EventRow]) -> bytes:
    """Give the hash of a chunk's rows: each begins with its id, so that their order is that of the table."""
    return sha256(b"".join(sorted(write_rows(rows)))).digest()


def leaves_of(cluster: str, raws: Iterable[bytes], form: int = NEWEST) -> list[bytes]:
    """Give the leaves of a chunk's events."""
    return digest_events(cluster, raws) if form == NEWEST else [sha256(b"\0" + raw).digest() for raw in raws]


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Give the root of the tree over at least one leaf."""
    return _levels(leaves)[-1][0]


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Give the hashes that lead from a leaf to the root."""
    path = []
    for level in _levels(leaves)[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index //= 2
    return path


def climb(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Give the root that a leaf and its path lead to in a tree of ``count`` leaves; None when the path does not fit."""
    if not 0 <= index < count:
        return None
    found, steps = leaf, iter(path)
    while count > 1:
        if index ^ 1 < count:
            beside = next(steps, None)
            if beside is None:
                return None
            found = _node(beside, found) if index & 1 else _node(found, beside)
        index, count = index // 2, (count + 1) // 2
    return found if next(steps, None) is None else None


def _number(value: int) -> bytes:
    """Write a number of at most 64 bits; a changed row may hold a negative one."""
    return (value & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")


def _levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Give the levels of the tree, leaves first; a node without a partner rises as it is, which RFC 6962 amounts to."""
    levels = [leaves]
    while len(leaves) > 1:
        above = [sha256(b"\1" + left + right).digest() for left, right in zip(leaves[::2], leaves[1::2])]
        if len(leaves) % 2:
            above.append(leaves[-1])
        levels.append(above)
        leaves = above
    return levels


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()
