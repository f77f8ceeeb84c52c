"""Lays events out as the chunks, rows and postings that the store keeps; pure functions, no database here.

A chunk holds events of one cluster within one ten-minute window and about 8 MiB, so that an id bounds where a search
must look, and so that a chunk never outlives its events when a day is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, NamedTuple

from audit_webhook.chunk import pack
from audit_webhook.event import Event
from audit_webhook.grants import grant_of
from audit_webhook.identity import audit_hash, chunk_id, short_hash
from audit_webhook.sealing import EventRow, digest_rows, leaf_of, root_of
from audit_webhook.tally import tally_events

WINDOW: Final = 600_000_000
WINDOW_MILLISECONDS: Final = WINDOW // 1000
CHUNK_BYTES: Final = 8 * 1024**2
POSTED_BYTES: Final = 128

CallerRow = tuple[bytes, str, str, str, str, str, str, str, str]
ActionRow = tuple[bytes, str, str, str, str, int, str, str, str, str, str, int, int, int]
Posting = tuple[str, str, bytes]


class Identified(NamedTuple):
    """An event with the 16 bytes of its id and its raw bytes, redacted already."""

    id: bytes
    event: Event
    raw: bytes


class Chunk(NamedTuple):
    """What one chunk brings into every table; ``root`` and ``rows`` are what its seal needs to know of its events."""

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


def lay_out(cluster: str, identified: Iterable[Identified]) -> list[Chunk]:
    """Give the chunks of a batch; their ids follow from their content alone."""
    by_window = sorted(identified, key=_window)
    return [
        _chunk(cluster, group)
        for _, window in groupby(by_window, key=_window)
        for group in _within_size(window)
    ]


def _window(item: Identified) -> int:
    return item.event.time // WINDOW


def window_end(milliseconds: int) -> int:
    """Give the end, in milliseconds, of the window that a time lies in: no chunk that begins in it reaches further."""
    return (milliseconds // WINDOW_MILLISECONDS + 1) * WINDOW_MILLISECONDS


def _within_size(items: Iterable[Identified]) -> Iterator[list[Identified]]:
    group: list[Identified] = []
    size = 0
    for item in items:
        if group and size + len(item.raw) > CHUNK_BYTES:
            yield group
            group, size = [], 0
        group.append(item)
        size += len(item.raw)
    if group:
        yield group


def _chunk(cluster: str, items: list[Identified]) -> Chunk:
    identifier = chunk_id(item.id for item in items)
    packed = pack([item.raw for item in items])
    callers: dict[bytes, CallerRow] = {}
    actions: dict[bytes, ActionRow] = {}
    rows: list[EventRow] = []
    grants: set[str] = set()
    for item, offset in zip(items, packed.offsets, strict=True):
        event = item.event
        caller = _caller(
            cluster, event.user, event.user_groups, event.impersonated_user, event.source_ip, event.user_agent,
            event.client, event.kind,
        )
        action = _action(
            event.verb, event.api_group, event.resource, event.subresource, event.code or 0, event.level, event.stage,
            event.decision, event.manager, event.command, int(event.dry_run), int(event.truncated), int(event.cut),
        )
        callers[caller[0]] = caller
        actions[action[0]] = action
        if event.decision == "allow":
            # Of an impersonated user the groups are not known here.
            groups = () if event.impersonated_user else event.user_groups
            grants.add(grant_of(cluster, event.reason, groups, caller[0]))
        rows.append((
            item.id, identifier, offset, len(item.raw), caller[0], action[0], audit_hash(event.audit_id),
            event.namespace, event.name, event.request_uri,
        ))
    return Chunk(
        id=identifier,
        cluster=cluster,
        first_id=min(item.id for item in items),
        raw_bytes=packed.raw_bytes,
        frames=packed.frames,
        content=packed.content,
        events=rows,
        callers=callers,
        actions=actions,
        postings=_postings(identifier, callers.values(), actions.values(), {row[7] for row in rows}, grants),
        tally=tally_events((row[0], row[4], row[5], row[7], row[3]) for row in rows),
        root=root_of([leaf_of(item.raw) for item in items]),
        rows=digest_rows(rows),
    )


def is_caller(row: Sequence[Any]) -> bool:
    """Whether the id of a caller's row is the one that follows from what stands in it."""
    return bool(row[0] == short_hash(*map(str, row[1:])))


def is_action(row: Sequence[Any]) -> bool:
    """Whether the id of an action's row is the one that follows from what stands in it."""
    verb, group, resource, subresource, code, *texts, dry_run, truncated, cut = row[1:]
    values = (verb, group, resource, subresource, *texts, code, dry_run, truncated, cut)
    return bool(row[0] == short_hash(*map(str, values)))


@lru_cache(maxsize=16384)
def _caller(
    cluster: str, user: str, groups: tuple[str, ...], impersonated: str, ip: str, agent: str, client: str, kind: str
) -> CallerRow:
    joined = "\n".join(("", *groups, "")) if groups else ""
    identifier = short_hash(cluster, user, joined, impersonated, ip, agent, client, kind)
    return (identifier, cluster, user, joined, impersonated, ip, agent, client, kind)


@lru_cache(maxsize=16384)
def _action(
    verb: str, group: str, resource: str, subresource: str, code: int, level: str, stage: str, decision: str,
    manager: str, command: str, dry_run: int, truncated: int, cut: int,
) -> ActionRow:
    numbers = (str(code), str(dry_run), str(truncated), str(cut))
    identifier = short_hash(verb, group, resource, subresource, level, stage, decision, manager, command, *numbers)
    return (
        identifier, verb, group, resource, subresource, code, level, stage, decision, manager, command, dry_run,
        truncated, cut,
    )


def _postings(
    identifier: bytes, callers: Iterable[CallerRow], actions: Iterable[ActionRow], namespaces: Iterable[str],
    grants: Iterable[str],
) -> list[Posting]:
    """Give which values occur in the chunk: what lets a search for a rare value skip all other chunks."""
    pairs = {("ns", namespace) for namespace in namespaces} | {("grant", grant) for grant in grants}
    for _, cluster, user, groups, impersonated, ip, agent, client, kind in callers:
        pairs |= {
            ("cluster", cluster), ("user", user), ("as", impersonated), ("ip", ip), ("ua", agent), ("client", client),
            ("kind", kind),
        }
        pairs.update(("usergroup", group) for group in groups.split("\n"))
    for _, verb, group, resource, subresource, code, level, stage, decision, manager, command, *flags in actions:
        pairs |= {
            ("verb", verb), ("group", group), ("resource", resource), ("sub", subresource), ("code", f"{code:03d}"),
            ("level", level), ("stage", stage), ("decision", decision), ("manager", manager), ("command", command),
            ("dryrun", "1" if flags[0] else ""), ("truncated", "1" if flags[1] else ""),
        }
    return sorted({(field, posted(value), identifier) for field, value in pairs if value})


def posted(value: str) -> str:
    """Give a value as postings hold it: at most 128 bytes of it."""
    return value if len(value) <= POSTED_BYTES // 4 else value.encode()[:POSTED_BYTES].decode("utf-8", "ignore")
