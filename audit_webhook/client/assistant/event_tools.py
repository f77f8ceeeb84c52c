"""Tools about events: search, counts of values and over time, one event, what happened around it, failures."""

from __future__ import annotations

import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from audit_webhook.client import event_verbs
from audit_webhook.client.answers import Session
from audit_webhook.client.assistant.arguments import Argument
from audit_webhook.client.assistant.event_rows import command_of, row_of
from audit_webhook.client.assistant.questions import FILTERS, NARROW, page_of, query_of, times_of
from audit_webhook.client.assistant.results import Found
from audit_webhook.client.connection import Document
from audit_webhook.client.errors import NotFound
from audit_webhook.client.targets import Target, quote, read_target
from audit_webhook.events.api_resources import plural_of

SECONDS: Final = 20.0
MOST_EVENTS: Final = 100
MOST_BARS: Final = 400
MOST_ROUNDS: Final = 10
COUNTED: Final = 500
MOST_SIMILAR: Final = 10
FIELDS: Final = ("user", "verb", "resource", "outcome", "ns", "cluster", "kind", "client", "ip", "sub", "code")
SERIES: Final = ("outcome", "verb", "user", "resource", "ns", "client", "cluster", "kind", "ip", "sub", "code")
_SAME: Final = ("effective_user", "verb", "resource", "subresource", "namespace", "code", "cluster")
"""What the failures of one group share."""
LIMIT: Final = Argument("limit", "how many at most", "integer", default=20, at_most=MOST_EVENTS)
SEARCH: Final = (
    *times_of("30d"), *FILTERS, LIMIT,
    Argument("cursor", "next_cursor of the answer before, with otherwise the same arguments: the older ones"),
)
FACETS: Final = (
    *times_of("24h"), *FILTERS, Argument("field", "only the values of this field, ns is the namespace, kind that of "
                                         "the actor; without it the most frequent of each", choices=FIELDS),
    LIMIT._replace(meaning="how many values of a field at most"),
)
OVER_TIME: Final = (
    *times_of("24h"), *FILTERS,
    Argument("by", "what is counted apart in each bar", choices=SERIES, default="outcome"),
)
FAILURES: Final = (
    *times_of("24h"), *(each for each in FILTERS if each.name != "outcome"),
    Argument("kind", "denied: not authenticated or not allowed (401, 403). failed: any code from 400 on",
             choices=("denied", "failed"), default="denied"), LIMIT,
)
EVENT: Final = (
    Argument("id", "the id of an event, as other tools give it, or an auditID", is_required=True),
    Argument("raw", "also give the stored JSON, with what was sent and answered", "boolean", default=False),
)
AROUND: Final = (
    Argument("id", "the id of an event, as other tools give it", is_required=True),
    Argument("minutes", "so many before and after it", "integer", default=5, at_most=1440),
    Argument("same", "only events that share this with it", choices=event_verbs.SAME, default="all"),
    LIMIT._replace(default=50),
)


def search(given: Namespace, session: Session) -> Found:
    """Return matching events, newest first."""
    query = query_of(given, session, "30d")
    events, cursor, notes = _pages(session, query, given.limit, given.cursor)
    counts = _count_values(session, query) if cursor or given.cursor else None
    if counts and counts["exact"] and not given.cursor and counts["total"] <= len(events):
        cursor = None  # the page was full, and there is nothing behind it
    about = {"query": query, **page_of(session, query), **({"next_cursor": cursor} if cursor else {})}
    if not events and not given.cursor:
        notes += _advice(given, query)
    facts = similar_users(given.user, session) if given.user and not events and not given.cursor else {}
    return Found(
        "events", [row_of(each) for each in events], facts, about | _event_page(session), notes,
        total=counts["total"] if counts else None, is_exact=counts["exact"] if counts else True,
        narrow=f"{NARROW}, or give next_cursor as cursor", continues="next_cursor",
    )


def _count_values(session: Session, query: str) -> Document:
    """Return how often values occur among matching events alone.

    Without the parentheses, the values of a field would be counted without a condition on that field, as menus want it.
    """
    return session.source.get("facets", q=f"({query})" if query else "")


def similar_users(name: str, session: Session) -> dict[str, list[str]]:
    """Return users whose names hold a name that nobody has exactly, such as bob@example.com for bob."""
    plain = name.strip("*").lower()
    found = session.source.get("facets")["facets"].get("user", []) if plain else []
    names = [each["value"] for each in found if plain in each["value"].lower() and each["value"] != name][:MOST_SIMILAR]
    return {"users_with_similar_names": names} if names else {}


def _advice(given: Namespace, query: str) -> Iterator[str]:
    """Yield what may be why nothing was found."""
    if not given.since and "since:30d" in query:
        yield "nothing in the last 30 days; since=all looks at everything that is stored"
    target = read_target(given.object.split()) if given.object else Target("", "", "")
    if target.name and given.did in ("deleted", "delete"):
        yield "an object also goes with its namespace, or with a whole collection, which names no object: see history"
    if target.resource and not target.name and plural_of(target.resource) is None:
        yield f"{target.resource} was taken for a type; an object is named TYPE/NAME, configmap/{target.resource}"


def commands(given: Namespace, session: Session) -> Found:
    """Return the kubectl commands behind matching events, newest first, each once."""
    query, cursor = query_of(given, session, "30d"), given.cursor
    found: list[Document] = []
    for _ in range(MOST_ROUNDS):
        page = session.source.get("commands", q=query, limit=given.limit - len(found), cursor=cursor)
        found, cursor = found + page["commands"], page["next"]
        if cursor is None or len(found) >= given.limit:
            break
    rows = [
        {"time": each["time"], "cluster": each["cluster"], "effective_user": each["effective_user"] or each["user"],
         "what": each["summary"], **command_of({"kubectl": each}), "events": each["events"],
         **({"unknown": each["unknown"]} if each["unknown"] else {})}
        for each in found
    ]
    about = {"query": query, **page_of(session, query), **({"next_cursor": cursor} if cursor else {})}
    notes = [page.get("shortfall", ""), "a row without a command is a request for which kubectl has no form"]
    return Found("commands", rows, about=about | _event_page(session), notes=notes, is_exact=cursor is None,
                 narrow=f"{NARROW}, or give next_cursor as cursor")


def _pages(
    session: Session, query: str, limit: int, cursor: str | None
) -> tuple[list[Document], str | None, list[str]]:
    """Return events, the cursor of what follows, and notes; a search that finds little stops after some seconds."""
    events: list[Document] = []
    end = time.monotonic() + SECONDS
    while True:
        page = session.source.get("events", q=query, limit=limit - len(events), cursor=cursor)
        events += page["events"]
        cursor = page["next"]
        if cursor is None or len(events) >= limit:
            return events, cursor, [page.get("shortfall", "")]
        if time.monotonic() >= end:
            return events, cursor, ["not everything was looked through yet: continue with next_cursor"]


def facets(given: Namespace, session: Session) -> Found:
    """Return how often each value occurs."""
    query = query_of(given, session, "24h")
    found = _count_values(session, query)
    rows = [
        {"field": name, "value": each["value"], "events": each["events"]}
        for name, values in found["facets"].items() if given.field in (None, name)
        for each in values[:given.limit if given.field else 10]
    ]
    more = [f"{name} has more values" for name, values in found["facets"].items()
            if given.field in (None, name) and len(values) > (given.limit if given.field else 10)]
    about = {"query": query, "events_matching": found["total"], "events_matching_is": _certainty(found["exact"])}
    notes = [f"only the most frequent values are shown: {', '.join(more)}" if more else ""]
    return Found("values", rows, about=about | page_of(session, query), notes=notes)


def count_over_time(given: Namespace, session: Session) -> Found:
    """Return how many events happened when; bars without any are left out."""
    query = query_of(given, session, "24h")
    found = session.source.get("histogram", q=query, by=given.by)
    start, step = datetime.fromisoformat(found["start"]), found["step"]
    bars: dict[int, dict[str, int]] = defaultdict(dict)
    for name, counts in found["series"].items():
        for place, count in enumerate(counts):
            if count:
                bars[place][name] = count
    rows = [
        {"from": event_verbs.write_moment(start + timedelta(seconds=place * step)),
         "events": sum(parts.values()), "of_them": [{"value": name, "events": n} for name, n in parts.items()]}
        for place, parts in sorted(bars.items())
    ]
    about = {"query": query, "seconds_each": step, "events_matching": found["total"],
             "events_matching_is": _certainty(found["exact"])}
    return Found("bars", rows[:MOST_BARS], about=about | page_of(session, query), total=len(rows), narrow=NARROW)


def failures(given: Namespace, session: Session) -> Found:
    """Return what was denied or failed most: groups of the same request by the same actor, and who and what most."""
    given.outcome = given.kind
    query = query_of(given, session, "24h")
    counts = _count_values(session, query)
    events, cursor, notes = _pages(session, query, COUNTED, None)
    groups: dict[tuple[Any, ...], list[Document]] = defaultdict(list)
    for each in events:
        groups[tuple(each[name] for name in _SAME)].append(each)
    ordered = sorted(groups.values(), key=lambda group: -len(group))
    rows = [
        {"events": len(group), "first": group[-1]["time"], "example": row_of(group[0])}
        for group in ordered[:given.limit]
    ]
    if cursor:
        notes.append(f"groups are counted in the newest {len(events):,} events; counts of values are of all")
    most = {name: counts["facets"].get(name, [])[:10] for name in ("user", "verb", "resource", "ns", "code", "ip")}
    about = {"query": query, "events_matching": counts["total"], "events_matching_is": _certainty(counts["exact"])}
    return Found("groups", rows, {"most": most}, about | page_of(session, query) | _event_page(session), notes,
                 total=len(ordered), is_exact=cursor is None, narrow=NARROW)


def event(given: Namespace, session: Session) -> Found:
    """Return one event, or the events of an auditID."""
    if len(given.id) == 26 and given.id.isalnum():
        found = session.source.get("events", given.id)
        facts = {name: found[name] for name in ("reason", "decision", "request_uri", "level", "stage", "user_groups",
                                                "audit_id", "received") if found[name]}
        raw = {"raw": _in_pieces(found["raw"])} if given.raw else {}
        about = {"page": f"{session.source.url}/events/{found['id']}"} if session.source.url else {}
        return Found("events", [row_of(found) | facts], raw, about)
    page = session.source.get("events", q=f"audit:{quote(given.id)}", limit=20)
    if not page["events"]:
        raise NotFound("there is no event of this id or auditID")
    return Found("events", [row_of(each) for each in page["events"]], about=_event_page(session))


def around(given: Namespace, session: Session) -> Found:
    """Return what happened around an event, oldest first; the nearest ones where there are too many."""
    answer = next(event_verbs.around(given, session))
    place = next((place for place, each in enumerate(answer.document) if each["id"] == given.id), len(answer.document))
    first = max(0, min(place - given.limit // 2, len(answer.document) - given.limit))
    shown = answer.document[first:first + given.limit]
    rows = [row_of(each) | ({"is_the_event": True} if each["id"] == given.id else {}) for each in shown]
    return Found("events", rows, about=_event_page(session), notes=answer.notes, total=len(answer.document),
                 is_exact=not answer.notes, narrow="the nearest are shown; choose fewer minutes, or same")


def _in_pieces(text: str, size: int = 300, most: int = 50) -> list[str]:
    """Return the beginning of a text in pieces, each short enough to be shown whole."""
    pieces = [text[start:start + size] for start in range(0, min(len(text), size * most), size)]
    return [*pieces, f"… {len(text):,} characters in all"] if len(text) > size * most else pieces


def _event_page(session: Session) -> dict[str, str]:
    return {"page_of_an_event": f"{session.source.url}/events/ID"} if session.source.url else {}


def _certainty(is_exact: bool) -> str:
    return "exact" if is_exact else "at least: time ran out before all were counted"
