"""Lays events out as the chunks, rows and postings that the store keeps; pure functions, no database here.

A chunk holds events of one cluster within one ten-minute window and about 8 MiB, so that an id bounds where a search
must look, and so that a chunk never outlives its events when a day is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import is_
from typing import Any, Final, NamedTuple, TypeVar

from audit_webhook.errors import IdTaken
from audit_webhook.events.ids import chunk_id, row_id
from audit_webhook.storage.chunks.columns import ActionRow, CallerRow, Columns, Entry, groups_of
from audit_webhook.storage.chunks.counts import pack as pack_counts
from audit_webhook.storage.chunks.counts import count_events
from audit_webhook.storage.chunks.frames import pack
from audit_webhook.storage.chunks.grant_postings import grant_of
from audit_webhook.storage.chunks.hash_chain import (
    EventRow, RowColumns, digest_content, digest_written, root_of, write_row_columns,
)

WINDOW: Final = 600_000_000
WINDOW_MILLISECONDS: Final = WINDOW // 1000
CHUNK_BYTES: Final = 8 * 1024**2
POSTED_BYTES: Final = 128
TURNS: Final = 64
"""How many ids a row can have: each row that already holds one of them takes a turn."""
REMEMBERED_PAIRS: Final = 4096  # callers, and actions; a hostile one may be some kilobytes long

Posting = tuple[str, str, bytes]
_Row = TypeVar("_Row")


class Chunk(NamedTuple):
    """What one chunk brings into every table; the last three are what its seal needs to know of its events."""

    id: bytes
    cluster: str
    first_id: bytes
    raw_bytes: int
    frames: bytes
    content: bytes
    events: list[EventRow]
    callers: dict[bytes, CallerRow]
    actions: dict[bytes, ActionRow]
    postings: list[Posting]
    tally: bytes
    root: bytes
    rows: bytes
    stored: bytes


class Description(NamedTuple):
    """What the tables say of a chunk but for its content; all of it follows from the events. Leaves in stored order."""

    id: bytes
    first_id: bytes
    rows: RowColumns
    callers: dict[bytes, CallerRow]
    actions: dict[bytes, ActionRow]
    postings: list[Posting]
    leaves: Sequence[bytes]


def lay_out(cluster: str, entries: Iterable[Entry]) -> list[Chunk]:
    """Give the chunks of a batch; their ids follow from their content alone.

    In a chunk, events of one object follow each other, and objects of one resource: what says nearly the same is
    compressed together.
    """
    taken = list(entries)
    return [
        lay_out_chunk(cluster, group, _by_object(group)) for window in _by_window(taken)
        for group in _within_size(window)
    ]


def _by_object(entries: Sequence[Entry]) -> list[int]:
    """Give the places of the events in the order in which they are stored."""
    objects = ["\0".join((entry.action[3], entry.namespace, entry.name)) for entry in entries]
    return sorted(range(len(objects)), key=objects.__getitem__)


def _by_window(entries: list[Entry]) -> list[list[Entry]]:
    """Give the events of each window, in the order sent; most batches lie in one."""
    ids = [entry.id for entry in entries]
    if not ids or _window(min(ids)) == _window(max(ids)):
        return [entries]
    windows: dict[int, list[Entry]] = {}
    for entry in entries:
        windows.setdefault(_window(entry.id), []).append(entry)
    return [windows[window] for window in sorted(windows)]


def _window(identifier: bytes) -> int:
    return int.from_bytes(identifier[:6], "big") // WINDOW_MILLISECONDS


def window_end(milliseconds: int) -> int:
    """Give the end, in milliseconds, of the window that a time lies in: no chunk that begins in it reaches further."""
    return (milliseconds // WINDOW_MILLISECONDS + 1) * WINDOW_MILLISECONDS


def _within_size(entries: list[Entry]) -> Iterator[list[Entry]]:
    if entries and sum([len(entry.raw) for entry in entries]) <= CHUNK_BYTES:
        yield entries
        return
    group: list[Entry] = []
    size = 0
    for entry in entries:
        if group and size + len(entry.raw) > CHUNK_BYTES:
            yield group
            group, size = [], 0
        group.append(entry)
        size += len(entry.raw)
    if group:
        yield group


def lay_out_chunk(cluster: str, entries: Sequence[Entry], order: Sequence[int]) -> Chunk:
    """Return the chunk in which events stand in this order of their places; its rows come in the order of the events.

    Raises IdTaken when two callers, or two actions, have one id; `storage.row_ids` gives them ids of their own.
    """
    packed = pack([entries[place].raw for place in order])
    offsets = [0] * len(entries)
    for place, offset in zip(order, packed.offsets, strict=True):
        offsets[place] = offset
    found = describe(cluster, Columns(*zip(*entries, strict=True)), order, offsets)
    rows = found.rows
    counts = count_events(rows.ids, rows.callers, rows.actions, rows.namespaces, rows.lengths)
    return Chunk(
        found.id, cluster, found.first_id, packed.raw_bytes, packed.frames, packed.content,
        list(zip(*rows, strict=True)), found.callers, found.actions, found.postings, pack_counts(counts),
        root_of(found.leaves), digest_written(write_row_columns(rows)), digest_content(packed.frames, packed.content),
    )


def describe(cluster: str, events: Columns, order: Sequence[int], offsets: Sequence[int]) -> Description:
    """Return what the tables say of a chunk whose events stand at these offsets; raises IdTaken, see `lay_out_chunk`.

    ``order`` gives the places of the events in stored order; offsets are those of the events as they are given.
    """
    caller_ids, action_ids = [row[0] for row in events.callers], [row[0] for row in events.actions]
    callers, actions = dict(zip(caller_ids, events.callers)), dict(zip(action_ids, events.actions))
    if not _are_own(callers, caller_ids, events.callers) or not _are_own(actions, action_ids, events.actions):
        raise IdTaken("two callers or two actions of the batch have one id")
    in_order = order == range(len(events.ids))
    identifier = chunk_id(events.ids if in_order else [events.ids[place] for place in order])
    grants = {
        grant_of(cluster, reason, groups_of(callers[caller]), caller)
        for caller, reason in set(zip(caller_ids, events.allow_reasons)) if reason is not None
    }
    rows = RowColumns(
        events.ids, [identifier] * len(order), offsets, list(map(len, events.raws)), caller_ids, action_ids,
        events.audits, events.namespaces, events.names, events.uris,
    )
    return Description(
        identifier, min(events.ids), rows, callers, actions,
        _postings(identifier, callers.values(), actions.values(), set(events.namespaces), grants),
        events.leaves if in_order else [events.leaves[place] for place in order],
    )


def _are_own(by_id: dict[bytes, _Row], ids: Sequence[bytes], rows: Sequence[_Row]) -> bool:
    """Return whether each id stands for one row only."""
    return all(map(is_, map(by_id.__getitem__, ids), rows)) or list(map(by_id.__getitem__, ids)) == list(rows)


def has_own_id(row: Sequence[Any]) -> bool:
    """Whether the id of a caller's or an action's row follows from what stands in it, in the first turn or another."""
    return any(row[0] == row_id(row[1:], turn) for turn in range(TURNS))


def _postings(
    identifier: bytes, callers: Iterable[CallerRow], actions: Iterable[ActionRow], namespaces: Iterable[str],
    grants: Iterable[str],
) -> list[Posting]:
    """Give which values occur in the chunk: what lets a search for a rare value skip all other chunks."""
    pairs = {("ns", posted(namespace)) for namespace in namespaces if namespace}
    pairs.update(("grant", grant) for grant in grants if grant)
    pairs.update(*map(_caller_pairs, callers), *map(_action_pairs, actions))
    return [(field, value, identifier) for field, value in sorted(pairs)]


@lru_cache(maxsize=REMEMBERED_PAIRS)
def _caller_pairs(row: CallerRow) -> tuple[tuple[str, str], ...]:
    _, cluster, user, groups, impersonated, ip, agent, client, kind, effective, session, claimed = row
    pairs = (
        ("cluster", cluster), ("user", user), ("user", effective), ("as", impersonated), ("ip", ip), ("ua", agent),
        ("client", client), ("kind", kind), ("session", session),
        *(("usergroup", group) for group in groups.split("\n")), *(("ip", each) for each in claimed.split("\n")),
    )
    return tuple((field, posted(value)) for field, value in pairs if value)


@lru_cache(maxsize=REMEMBERED_PAIRS)
def _action_pairs(row: ActionRow) -> tuple[tuple[str, str], ...]:
    _, verb, group, resource, subresource, code, level, stage, decision, manager, command, *flags = row
    pairs = (
        ("verb", verb), ("group", group), ("resource", resource), ("sub", subresource), ("code", f"{code:03d}"),
        ("level", level), ("stage", stage), ("decision", decision), ("manager", manager), ("command", command),
        ("dryrun", "1" if flags[0] else ""), ("truncated", "1" if flags[1] else ""),
    )
    return tuple((field, posted(value)) for field, value in pairs if value)


def posted(value: str) -> str:
    """Give a value as postings hold it: at most 128 bytes of it."""
    return value if len(value) <= POSTED_BYTES // 4 else value.encode()[:POSTED_BYTES].decode("utf-8", "ignore")
