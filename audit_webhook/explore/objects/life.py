"""The life of one object: reads the requests that may have changed it and follows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import msgspec

from audit_webhook.errors import InvalidParameter
from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.event import Event
from audit_webhook.events.ids import from_text, to_text
from audit_webhook.history.life import Life, follow
from audit_webhook.history.manifest import MOST_NODES
from audit_webhook.history.states import Request
from audit_webhook.kubectl import Card
from audit_webhook.query.edit import quote
from audit_webhook.search.addresses import SESSIONS, Place
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.related import cards_by_event
from audit_webhook.search.search import event_of, find
from audit_webhook.storage.repository import Located, Raw, Repository
from audit_webhook.storage.search_sql import LAST, Condition, Search

PAGE: Final = 200
PAGE_BYTES: Final = 8 * 1024**2
PAGE_NODES: Final = 200_000
FEWEST: Final = 2
"""Requests on a page at least, however large they are."""
MOST_MASS_DELETIONS: Final = 20
_WRITES: Final = ("create", "update", "patch", "delete")
_ENDINGS: Final = ("ResponseComplete", "Panic")


class History(NamedTuple):
    """An object's requests with their bytes, oldest first, what they tell, and the id before which there are more."""

    place: Place
    events: list[Event]
    raws: list[bytes]
    life: Life
    older: str | None
    cards: dict[str, Card] = {}
    """The command that each of the requests is part of, by the id of its event."""


class _Bodies(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    request_object: msgspec.Raw = msgspec.Raw(b"null")
    response_object: msgspec.Raw = msgspec.Raw(b"null")


_decode_bodies: Final = msgspec.json.Decoder(_Bodies).decode
_BESIDE: Final = frozenset({
    "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser", "sourceIPs",
    "userAgent", "objectRef", "responseStatus", "requestReceivedTimestamp", "stageTimestamp", "annotations",
})


def history(repository: Repository, place: Place, before: str | None, now: int) -> History:
    """Give the newest part of an object's life, or the part before an event; raises InvalidParameter."""
    edge = _read_edge(before) if before else LAST
    located = repository.select_events(_writes(place), edge, PAGE)
    raws = _affordable(repository.read_chunks(_within_bytes(located)))
    since = raws[-1].id if len(located) == PAGE or len(raws) < len(located) else None
    found = [(event_of(raw), raw) for raw in raws]
    if found:
        found += _mass_deletions(repository, place, edge, since, now)
    found.sort(key=lambda pair: pair[0].id)
    events = [event for event, _ in found]
    life = follow(request_of(event, raw, place.name) for event, raw in found)
    cards = cards_by_event(repository, [raw for _, raw in found], now)
    return History(place, events, [raw.raw for _, raw in found], life, to_text(since) if since else None, cards)


def _within_bytes(located: Sequence[Located]) -> Sequence[Located]:
    """Return the newest requests that are together not too long for one page; the rest is on the next one."""
    sizes = accumulate(item.length for item in located)
    return located[:max(FEWEST, sum(size <= PAGE_BYTES for size in sizes))]


def _affordable(raws: Sequence[Raw]) -> Sequence[Raw]:
    """Return the newest requests whose contents one page can compare.

    A request may leave the whole object to be compared, which the largest content of the page stands for.
    """
    nodes = [min(raw.raw.count(b",") + raw.raw.count(b":"), 2 * MOST_NODES) for raw in raws]
    largest = min(max(nodes, default=0), MOST_NODES)
    is_patch = [b'"verb":"patch"' in raw.raw for raw in raws]
    costs = accumulate(max(each, largest if patch else 0) for each, patch in zip(nodes, is_patch, strict=True))
    return raws[:max(FEWEST, sum(cost <= PAGE_NODES for cost in costs))]


def _read_edge(text: str) -> bytes:
    try:
        return from_text(text)
    except ValueError as error:
        raise InvalidParameter(f"before is the id of an event: {error}") from error


def _writes(place: Place) -> Search:
    """Look for finished requests that may have changed the object, by its name."""
    sql = (
        "e.name = %s AND e.namespace = %s AND c.cluster = %s AND a.api_group = %s AND a.resource = %s"
        f" AND a.verb IN ({_markers(_WRITES)}) AND a.stage IN ({_markers(_ENDINGS)})"
        f" AND a.subresource NOT IN ({_markers(SESSIONS)})"
    )
    values = (place.name, place.namespace, place.cluster, place.group, place.resource, *_WRITES, *_ENDINGS, *SESSIONS)
    return Search(Condition(sql, values), use_index="events_name")


def _markers(values: Iterable[str]) -> str:
    return ", ".join("%s" for _ in values)


def _mass_deletions(
    repository: Repository, place: Place, before: bytes, since: bytes | None, now: int
) -> list[tuple[Event, Raw]]:
    """Give the deletions of many objects at once that may have hit this one: they name no object."""
    text = (
        f"verb:deletecollection code:<400 cluster:{quote(place.cluster)} group:{quote(place.group)}"
        f" resource:{quote(place.resource)} ns:{quote(place.namespace)}"
    )
    search = compile_query(text, now, repository.database.dialect)
    if since:
        search = search._replace(lowest=since)
    found = find(repository, search, before, MOST_MASS_DELETIONS)
    ids = [from_text(event.id) for event in found.events if event.stage in _ENDINGS]
    raws = [raw for identifier in ids if (raw := repository.find_event(identifier))]
    return [(event_of(raw), raw) for raw in raws]


def request_of(event: Event, raw: Raw, name: str) -> Request:
    """Give what an event tells of one object's change."""
    sent, answered = read_bodies(raw.raw)
    return Request(
        id=event.id,
        verb=event.verb,
        name=name,
        subresource=event.subresource,
        code=event.code,
        is_dry_run=event.dry_run,
        is_truncated=event.truncated,
        is_built_in="." not in event.api_group or event.api_group.endswith(".k8s.io"),
        has_manager=bool(event.manager),
        level=event.level,
        request=sent,
        response=answered,
    )


def read_bodies(raw: bytes) -> tuple[object, object]:
    """Decode an event's requestObject and responseObject; None for what is absent or cannot be read."""
    try:
        bodies = _decode_bodies(raw)
        return tolerant.loads(bytes(bodies.request_object)), tolerant.loads(bytes(bodies.response_object))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, tolerant.Undecodable):
        values = tolerant.shallow(raw, skip=_BESIDE).values
        return values.get("requestObject"), values.get("responseObject")
