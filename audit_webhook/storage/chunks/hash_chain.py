"""How chunks are sealed, so that whoever changes one later is found out; pure functions over bytes.

The seal of a chunk is a hash over all that was stored of it and over the seal before it. Each writing connection has a
stream of seals of its own, numbered from 1 without gaps, so that no two writers wait for each other. Three hashes stand
for the content, all SHA-256:

- ``root``: a Merkle tree over the raw events in stored order (RFC 6962, section 2.1), so that one event can be proved
  without the others; the leaf of an event is its digest, from which most ids are taken too;
- ``rows``: the rows of the table events in the order of their ids, by which events are found;
- ``record``: those rows, the compressed content as it lies in the table chunks, and what else that table
  says.

Callers, actions, postings and tallies follow from the events: `audit-webhook verify` works them out anew.

The leaf of an event is the SHA-256 of its cluster, a zero byte and its bytes. No leaf can be passed off as a node,
which begins with a byte of one: no cluster's name does, and the record holds the cluster. Nor can a node be passed off
as a leaf: the seal holds the number of events, and with it the depth of each.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from audit_webhook.events.ids import digest_events

BEGINNING: Final = bytes(32)
"""What stands in the place of the seal before the first one."""
_LINK: Final = b"audit-webhook seal 1\0"
_RECORD: Final = b"audit-webhook record 3\0"
_ROW: Final = b"%b%b%b%b%d,%d,%d,%d,%d,%d,%b%b%b%b"

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


class Record(NamedTuple):
    """What is known of a chunk as a whole; ``received`` is in microseconds, ``rows`` and ``content`` are hashes."""

    cluster: str
    received: int
    first_id: bytes
    raw_bytes: int
    rows: bytes
    content: bytes


def record_of(known: Record) -> bytes:
    """Return the hash of what is known of a chunk as a whole, and of its events' rows."""
    name, numbers = known.cluster.encode("utf-8", "surrogateescape"), _number(known.received) + _number(known.raw_bytes)
    return sha256(b"".join((_RECORD, numbers, known.first_id, known.rows, known.content, name))).digest()


def digest_content(frames: bytes, content: bytes) -> bytes:
    """Return the hash of a chunk's frame table and its compressed content."""
    return sha256(b"".join((_number(len(frames)), frames, content))).digest()


class RowColumns(NamedTuple):
    """Rows of the table events, each member of `EventRow` as a column."""

    ids: Sequence[bytes]
    chunks: Sequence[bytes]
    offsets: Sequence[int]
    lengths: Sequence[int]
    callers: Sequence[bytes]
    actions: Sequence[bytes]
    audits: Sequence[bytes]
    namespaces: Sequence[str]
    names: Sequence[str]
    uris: Sequence[str]


def write_rows(rows: Iterable[EventRow]) -> list[bytes]:
    """Write rows of the table events so that no two read the same; the statement ``event_rows`` does it too."""
    columns = list(zip(*rows, strict=True))
    return write_row_columns(RowColumns(*columns)) if columns else []


def write_row_columns(rows: RowColumns) -> list[bytes]:
    """Return what `write_rows` does, for rows that are given as columns."""
    ids, chunks, offsets, lengths, callers, actions, audits, *texts = rows
    namespaces, names, uris = map(_encode, texts)
    return write_columns(ids, chunks, offsets, lengths, callers, actions, audits, namespaces, names, uris)


def _encode(texts: Sequence[str]) -> list[bytes]:
    """Encode texts all at once: none that is stored holds a NUL."""
    written = "\0".join(texts).encode("utf-8", "surrogateescape").split(b"\0")
    if len(written) == len(texts):
        return written
    return [text.encode("utf-8", "surrogateescape") for text in texts]


def write_columns(
    ids: Sequence[bytes], chunks: Sequence[bytes], offsets: Sequence[int], lengths: Sequence[int],
    callers: Sequence[bytes], actions: Sequence[bytes], audits: Sequence[bytes], spaces: Sequence[bytes],
    names: Sequence[bytes], uris: Sequence[bytes],
) -> list[bytes]:
    """Write rows that are given by their columns; ids of events, chunks, callers and actions have 16 bytes each."""
    return list(map(_ROW.__mod__, zip(
        ids, chunks, callers, actions, offsets, lengths, map(len, audits), map(len, spaces), map(len, names),
        map(len, uris), audits, spaces, names, uris, strict=True,
    )))


def digest_rows(rows: Iterable[EventRow]) -> bytes:
    """Give the hash of a chunk's rows: each begins with its id, so that their order is that of the table."""
    return digest_written(write_rows(rows))


def digest_written(rows: Iterable[bytes]) -> bytes:
    """Return the hash of a chunk's rows as they were written, in any order."""
    return sha256(b"".join(sorted(rows))).digest()


def leaves_of(cluster: str, raws: Iterable[bytes]) -> list[bytes]:
    """Return the leaves of a chunk's events."""
    return digest_events(cluster, raws)


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
