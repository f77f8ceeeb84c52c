"""Works out anew what the tables say of stored chunks, from their raw events alone, and compares rows and seals.

Pure functions over bytes: they run in processes of their own, several chunks at a time. The rows come from the code
that stores events, so that a row which says anything else than its event is found, whoever has sealed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import accumulate, count, repeat
from operator import add, mul
from typing import Final, Literal, NamedTuple

from audit_webhook.errors import IdTaken
from audit_webhook.events.lenient_json import Undecodable
from audit_webhook.evidence.store import SealedChunk
from audit_webhook.storage.typed_rows import write_posting
from audit_webhook.ingest.read_events import UNPLACED, identify, read_stored
from audit_webhook.storage.chunks.columns import ActionRow, CallerRow, Columns, Entry
from audit_webhook.storage.chunks.counts import day_of, lanes_of, read_tally
from audit_webhook.storage.chunks.frames import Damaged, unpack_whole
from audit_webhook.storage.chunks.hash_chain import (
    EventRow, Record, RowColumns, digest_content, record_of, root_of, write_row_columns, write_rows,
)
from audit_webhook.storage.chunks.layout import Description, describe, has_own_id

MASK: Final = b"***"
DAY_MICROSECONDS: Final = 86_400_000_000
_HEAD: Final = 64
_NUMBERS: Final = 6
SUMS: Final = (1 << 64) - 1

Verdict = Literal["sound", "rows gone", "changed"]
Used = dict[bytes, tuple[CallerRow | ActionRow, int]]
"""Callers or actions by their ids, each with the newest day, since the epoch, on which a batch of them was received."""


class Part(NamedTuple):
    """A chunk as it is stored: what tables and seal say of it, the rows of its events as written, and its content."""

    chunk: SealedChunk
    rows: bytes
    content: bytes
    frames: bytes


class Day(NamedTuple):
    """What the chunks of a cluster's day come to: chunks, events, and sums of hashes that stand for their counts."""

    chunks: int = 0
    events: int = 0
    counts: int = 0
    sizes: int = 0

    def plus(self, other: Day) -> Day:
        """Return both together."""
        chunks, events, counts, sizes = (mine + more for mine, more in zip(self, other, strict=True))
        return Day(chunks, events, counts & SUMS, sizes & SUMS)


class Examined(NamedTuple):
    """What several chunks have come to; ``postings`` are the number and the sum, of the hashes, of each chunk's."""

    verdicts: list[Verdict]
    callers: Used
    actions: Used
    postings: dict[bytes, tuple[int, int]]
    days: dict[tuple[int, str], Day]


def examine(parts: Sequence[Part], secret: bytes) -> Examined:
    """Examine chunks; ``secret`` keeps anybody from choosing postings whose sum is the one that is expected."""
    found = Examined([], {}, {}, {}, {})
    for part in parts:
        described = describe_part(part)
        found.verdicts.append("changed" if described is None else _judge(part, *described))
        if described is None:
            continue
        description, _ = described
        chunk, day = part.chunk, part.chunk.received // DAY_MICROSECONDS
        _use(found.callers, description.callers, day)
        _use(found.actions, description.actions, day)
        hashes = [hash_posting(write_posting(*posting)[len(chunk.id):], secret) for posting in description.postings]
        found.postings[chunk.id] = len(hashes), sum(hashes) & SUMS
        place = day_of(chunk.id), chunk.cluster
        found.days[place] = found.days.get(place, Day()).plus(_day_of(description.rows, secret))
    return found


def hash_posting(written: bytes, secret: bytes) -> int:
    """Return a hash of a posting that nobody can tell beforehand; other processes have to be forks of this one."""
    return hash((secret, written))


def _day_of(rows: RowColumns, secret: bytes) -> Day:
    """Return what a chunk adds to its day; `day_of_tally` gives the same for the tally of these events."""
    counted = Counter(zip(rows.callers, rows.actions, rows.namespaces, lanes_of(rows.ids)))
    counts = sum([events * hash((secret, *place)) for place, events in counted.items()])
    sizes = sum(map(mul, rows.lengths, map(hash, zip(repeat(secret), rows.callers, rows.actions, rows.namespaces))))
    return Day(1, len(rows.ids), counts & SUMS, sizes & SUMS)


def day_of_tally(chunks: int, events: int, content: bytes, secret: bytes) -> Day:
    """Return what a row of tallies adds to its day; raises ValueError when it is no tally."""
    counts = sizes = 0
    for key, size, first, lanes in read_tally(content):
        counts += sum([events * hash((secret, *key, lane)) for lane, events in enumerate(lanes, first) if events])
        sizes += size * hash((secret, *key))
    return Day(chunks or 1, events, counts & SUMS, sizes & SUMS)


def _use(used: Used, rows: dict[bytes, CallerRow] | dict[bytes, ActionRow], day: int) -> None:
    for identifier, row in rows.items():
        known = used.get(identifier)
        used[identifier] = (row, max(day, known[1]) if known else day)


def describe_part(part: Part) -> tuple[Description, list[bytes]] | None:
    """Return what the tables have to say of a chunk, and its rows as written; None when that cannot be told.

    Ids are those that the rows have, as far as they may have others than follow from the bytes.
    """
    try:
        offsets, raws = _cut(unpack_whole(part.content, part.frames), part)
        events = read_stored(part.chunk.cluster, raws)
        described = _describe(part.chunk, events, offsets)
        if described is not None and b"".join(described[1]) == part.rows:
            return described
        entries = list(map(Entry._make, zip(*events, strict=True)))
        own = with_stored_ids(part.chunk.cluster, entries, offsets, read_rows(part.rows))
        return _describe(part.chunk, Columns(*zip(*own, strict=True)), offsets)
    except (Damaged, Undecodable, ValueError, RecursionError):
        return None


def _describe(
    chunk: SealedChunk, events: Columns, offsets: Sequence[int]
) -> tuple[Description, list[bytes]] | None:
    try:
        found = describe(chunk.cluster, events, range(len(offsets)), offsets)
    except IdTaken:
        return None
    return found, sorted(write_row_columns(found.rows))


def _cut(whole: bytes, part: Part) -> tuple[list[int], list[bytes]]:
    """Return where the events of a content begin, and their bytes: its lines, or what the rows say."""
    lines = whole.split(b"\n")
    if lines.pop() or not lines:
        raise Damaged("it does not end with an event")
    if len(lines) == part.chunk.events:
        return list(map(add, accumulate(map(len, lines[:-1]), initial=0), count())), lines
    spans = sorted((row[2], row[3]) for row in read_rows(part.rows))
    raws = [whole[offset:offset + length] for offset, length in spans]
    if b"\n".join((*raws, b"")) != whole:
        raise Damaged("its rows do not cover it")
    return [offset for offset, _ in spans], raws


def read_rows(written: bytes) -> list[EventRow]:
    """Return the rows that `sealing.write_rows` has written; raises ValueError."""
    rows: list[EventRow] = []
    start = 0
    while start < len(written):
        *numbers, _ = written[start + _HEAD:start + _HEAD + 128].split(b",", _NUMBERS)
        place = start + _HEAD + sum(map(len, numbers)) + _NUMBERS
        offset, length, *widths = map(int, numbers)
        texts = []
        for width in widths:
            texts.append(written[place:place + width])
            place += width
        if min(offset, length, *widths) < 0 or place > len(written):
            raise ValueError("it is no row")
        head = [written[start + at:start + at + 16] for at in range(0, _HEAD, 16)]
        audit, *names = texts
        namespace, name, uri = (text.decode("utf-8", "surrogateescape") for text in names)
        rows.append((head[0], head[1], offset, length, head[2], head[3], audit, namespace, name, uri))
        start = place
    return rows


def with_stored_ids(
    cluster: str, entries: Sequence[Entry], offsets: Sequence[int], rows: Iterable[EventRow]
) -> list[Entry]:
    """Return the entries with the ids of their rows, where these may have others than follow from the bytes.

    A secret was masked after the id had been given, or another caller or action held the id of the first turn.
    """
    stored = {row[2]: row for row in rows}
    return [
        _with_ids_of(cluster, entry, stored[offset]) if offset in stored else entry
        for entry, offset in zip(entries, offsets, strict=True)
    ]


def _with_ids_of(cluster: str, entry: Entry, row: EventRow) -> Entry:
    identifier, caller, action = row[0], row[4], row[5]
    if entry.id[:6] == UNPLACED and entry.id[6:] == identifier[6:]:
        entry = entry._replace(id=identifier)
    if identifier != entry.id:
        again = identify(cluster, entry.raw).id
        is_masked = MASK in entry.raw and identifier[:6] == entry.id[:6]
        entry = entry._replace(id=identifier if is_masked else again)
    if caller != entry.caller[0] and has_own_id((caller, *entry.caller[1:])):
        entry = entry._replace(caller=(caller, *entry.caller[1:]))
    if action != entry.action[0] and has_own_id((action, *entry.action[1:])):
        entry = entry._replace(action=(action, *entry.action[1:]))
    return entry


def _judge(part: Part, found: Description, written: list[bytes]) -> Verdict:
    """Compare what follows from a chunk's events with its seal, its row and the rows of its events."""
    chunk, rows = part.chunk, b"".join(written)
    whole = sum(found.rows.lengths) + len(written)
    stored = digest_content(part.frames, part.content)
    known = Record(chunk.cluster, chunk.received, found.first_id, whole, sha256(rows).digest(), stored)
    if (chunk.id, chunk.first_id, chunk.raw_bytes, chunk.events) != (found.id, found.first_id, whole, len(written)):
        return "changed"
    sealed = chunk.sealed_id, chunk.sealed_events, chunk.root, chunk.record
    if sealed != (chunk.id, chunk.events, root_of(found.leaves), record_of(known)):
        return "changed"
    if rows == part.rows:
        return "sound"
    try:
        left = set(write_rows(read_rows(part.rows)))
    except ValueError:
        return "changed"
    return "rows gone" if left < set(written) else "changed"
