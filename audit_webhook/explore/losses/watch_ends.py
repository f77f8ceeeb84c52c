"""Finds watches whose end was never recorded: what a kube-apiserver leaves that ended without a goodbye.

A watch is two events with one audit id: ResponseStarted when it begins, ResponseComplete when it ends. A kube-apiserver
that is killed writes no end, and neither is there one when the batch that held it was lost. Only watches that must have
ended by now are counted: their ``timeoutSeconds`` is over, or the longest time that a kube-apiserver lets one live.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.query.edit import quote
from audit_webhook.search.feed import page
from audit_webhook.storage.repository import Repository

SECOND: Final = 1_000_000
HOURS: Final = 6
MOST_EVENTS: Final = 2000
PAGE: Final = 500
LONGEST_SECONDS: Final = 3600
"""Twice ``--min-request-timeout``, whose default is half an hour: what a watch without a timeout lives at most."""
GRACE_SECONDS: Final = 120
FEWEST: Final = 3
_TIMEOUT: Final = re.compile(r"[?&]timeoutSeconds=(\d{1,6})(?:&|$)", re.ASCII)


class Watch(NamedTuple):
    """A watch: between which times its end must lie, in microseconds."""

    began: int
    ends: int


class Cut(NamedTuple):
    """So many watches have no recorded end, and all of these ends lie between two times, in microseconds."""

    watches: int
    after: int
    before: int


class WatchEnds(NamedTuple):
    """How many watches were looked at since a time and must have ended, and where ends are missing.

    ``is_recorded`` is false when no watch at all has a recorded end: a policy that leaves that stage out.
    """

    since: int
    ended: int
    without_end: int
    cuts: tuple[Cut, ...]
    is_recorded: bool


def find_missing_ends(repository: Repository, cluster: str, now: int) -> WatchEnds:
    """Return what the newest events of a cluster's watches tell, at most `MOST_EVENTS` of the last hours."""
    events: list[Event] = []
    cursor: str | None = None
    text = f"cluster:{quote(cluster)} verb:watch since:{HOURS}h"
    while len(events) < MOST_EVENTS:
        found = page(repository, text, cursor, PAGE, now)
        events += found.events
        cursor = found.next
        if cursor is None or not found.events:
            break
    return judge(events, now)


def judge(events: Sequence[Event], now: int) -> WatchEnds:
    """Return what events of watches tell; each is known by its audit id, its user and what it watched."""
    begun: dict[tuple[str, str, str], Event] = {}
    ended: set[tuple[str, str, str]] = set()
    for event in events:
        key = (event.audit_id or "", event.user or "", event.request_uri or "")
        if event.stage == "ResponseStarted":
            begun[key] = event
        elif event.stage in ("ResponseComplete", "Panic"):
            ended.add(key)
    missing = [watch for key, event in begun.items() if key not in ended and (watch := _must_have_ended(event, now))]
    done = len(begun.keys() & ended)
    since = min((event.time for event in events), default=now)
    return WatchEnds(since, done + len(missing), len(missing), tuple(_gather(missing)), bool(done))


def _must_have_ended(event: Event, now: int) -> Watch | None:
    """Return the watch when its time is over; a refused one was never open."""
    if event.code is not None and event.code >= 300:
        return None
    found = _TIMEOUT.search(event.request_uri or "")
    ends = event.time + (int(found[1]) if found else LONGEST_SECONDS) * SECOND
    return Watch(event.time, ends) if ends + GRACE_SECONDS * SECOND < now else None


def _gather(watches: Iterable[Watch]) -> Iterable[Cut]:
    """Yield the fewest moments that can explain all missing ends, with those of several watches."""
    left = sorted(watches, key=lambda watch: watch.ends)
    while left:
        moment = left[0].ends
        together = [watch for watch in left if watch.began <= moment]
        left = [watch for watch in left if watch.began > moment]
        if len(together) >= FEWEST:
            yield Cut(len(together), max(watch.began for watch in together), moment)
