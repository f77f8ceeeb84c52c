"""One event's story: the event, its raw JSON, and the other stages of its request."""

from __future__ import annotations

from typing import Final, NamedTuple

from audit_webhook.errors import EventNotFound
from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.event import Event
from audit_webhook.events.ids import audit_key, from_text
from audit_webhook.search.search import event_of, read
from audit_webhook.storage.repository import Raw, Repository
from audit_webhook.storage.search_sql import LAST, Condition, Search

STAGES: Final = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
MOST_STAGES: Final = 20


class Story(NamedTuple):
    """An event with its bytes, its decoded JSON, and all stages of its request, itself included, in their order.

    ``unreadable`` names the members that no parser takes.
    """

    event: Event
    raw: bytes
    document: dict[str, object]
    unreadable: tuple[str, ...]
    stages: list[Event]


def story(repository: Repository, identifier: str) -> Story:
    """Give all that is known of an event; raises EventNotFound."""
    raw = find_raw(repository, identifier)
    event = event_of(raw)
    values, unreadable = tolerant.shallow(raw.raw, skip=frozenset())
    return Story(event, raw.raw, values, unreadable, stages(repository, event))


def find_raw(repository: Repository, identifier: str) -> Raw:
    """Give an event's raw bytes; raises EventNotFound, also for what is no id at all."""
    try:
        raw = repository.find_event(from_text(identifier))
    except ValueError as error:
        raise EventNotFound(f"{identifier!r} is not an event id: {error}") from error
    if raw is None:
        raise EventNotFound(f"there is no event {identifier}: it never was, or its time of retention is over")
    return raw


def stages(repository: Repository, event: Event) -> list[Event]:
    """Give the stages of the event's request in the order in which they happened.

    Clients choose auditIDs and may repeat them, so the time of the request's arrival must be the same too.
    """
    same = Search(Condition("e.audit_key = %s", (audit_key(event.audit_id),)), use_index="events_audit")
    found = read(repository, repository.select_events(same, LAST, MOST_STAGES))
    of_request = [
        other for other in found
        if (other.cluster, other.audit_id, other.requested) == (event.cluster, event.audit_id, event.requested)
    ]
    return sorted(of_request, key=in_order)


def in_order(event: Event) -> tuple[int, int, str]:
    """Give the place of an event among the stages of its request."""
    return event.time, _rank(event.stage), event.id


def _rank(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)
