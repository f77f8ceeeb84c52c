"""The time of a search: what the menu offers, a range of the reader's own, fixed bounds to share, and the usual one."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit_webhook.events.event import rfc3339
from audit_webhook.query import QueryError, parse, time_bounds
from audit_webhook.query.edit import with_term
from audit_webhook.query.pasted_time import read_instant, read_range

RANGES: Final = (
    ("15m", "Last 15 minutes"),
    ("1h", "Last hour"),
    ("6h", "Last 6 hours"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("", "All time"),
)
USUAL: Final = "24h"
"""What the feed shows to those who have chosen no other range yet."""


class Wanted(NamedTuple):
    """A range as a form gives it: a pasted text, or two bounds of which either may be empty; and the zone they mean."""

    pasted: str
    since: str
    until: str
    zone: str = ""


def usual_query(remembered: str | None) -> str:
    """Return the query of a feed for which none was given: the range that was last chosen."""
    known = [value for value, _ in RANGES]
    chosen = remembered if remembered in known else "" if remembered == "all" else USUAL
    return f"since:{chosen}" if chosen else ""


def timeless(text: str, *fields: str) -> str:
    """Return the query without its bounds of time, or only without these; one that cannot be read as it is."""
    try:
        for field in fields or ("since", "until"):
            text = with_term(text, field, None)
        return text
    except QueryError:
        return text


def with_range(text: str, wanted: Wanted, now: int) -> str:
    """Return the query with a range of the reader's own; what is no time stands in it, for the page to say so."""
    zone = _zone(wanted.zone)
    kept = timeless(text)
    try:
        if wanted.pasted.strip():
            bounds = read_range(wanted.pasted, now, zone)
            return _bounded(kept, bounds.since, bounds.until)
        ends = [read_instant(each, now, zone) if each else None for each in (wanted.since, wanted.until)]
    except ValueError:
        return with_term(kept, "since", wanted.pasted.strip() or wanted.since or wanted.until)
    return _bounded(kept, *ends)


def pinned(text: str, now: int) -> str:
    """Return the query with the instants that its relative times mean now, so that it finds the same tomorrow."""
    try:
        since, until = time_bounds(parse(text, now))
    except QueryError:
        return text
    return text if since is None else _bounded(timeless(text), since, until or now // 1000)


def _bounded(text: str, since: int | None, until: int | None) -> str:
    for field, bound in (("since", since), ("until", until)):
        if bound is not None:
            text = with_term(text, field, write_instant(bound))
    return text


def write_instant(milliseconds: int) -> str:
    """Write a time as the query language reads it, no longer than it has to be."""
    whole = rfc3339(milliseconds * 1000).removesuffix("Z").partition(".")
    fraction = whole[2][:3].rstrip("0")
    return f"{whole[0]}.{whole[2][:3]}Z" if fraction else f"{whole[0]}Z"


def _zone(name: str) -> tzinfo:
    """Return the zone of this name; UTC when the machine does not know it."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
