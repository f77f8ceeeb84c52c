"""What is known of one actor: ways of coming, times of activity, and a close look at the newest events."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.event import Event
from audit_webhook.kubectl import Card
from audit_webhook.query.edit import quote
from audit_webhook.search.addresses import Actor
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.related import cards_by_event
from audit_webhook.search.search import FIRST_GROUP, LARGEST_GROUP, event_of, narrow_down
from audit_webhook.storage.actor_store import CallerOf, Exploration
from audit_webhook.storage.chunks.layout import WINDOW
from audit_webhook.storage.repository import Located, Repository
from audit_webhook.storage.search_sql import FIRST, LAST

DAY: Final = 86_400_000_000
DAYS: Final = 35
SAMPLE: Final = 300
MOST_DENIED: Final = 6
FIND_SECONDS: Final = 1.0
READ_SECONDS: Final = 0.06
DENIED_SECONDS: Final = 0.1
READ_AT_ONCE: Final = 25
CREDENTIAL: Final = "authentication.kubernetes.io/"
CREDENTIALS: Final = (f"{CREDENTIAL}credential-id", "accessKeyId")
"""Keys of extra values that name what somebody logged in with: a token, a certificate, a key of AWS."""


class Traits(NamedTuple):
    """What an event tells of the one behind it beside the name: the UID and the authenticator's extra values."""

    uid: str
    extra: dict[str, tuple[str, ...]]


class Activity(NamedTuple):
    """The ten-minute windows, counted from the epoch, in which the actor did something, from a day on."""

    first_day: int
    days: int
    windows: frozenset[int]


class Portrait(NamedTuple):
    """An actor: see the parts. `sample` is the newest events with their traits, newest first; `is_whole` if all.

    `is_denied_whole` tells whether there was time to look for denied requests as far back as there are events.
    """

    actor: Actor
    callers: list[CallerOf]
    impersonators: list[tuple[str, int]]
    activity: Activity
    first: int | None
    sample: list[tuple[Event, Traits]]
    is_whole: bool
    denied: list[Event]
    is_denied_whole: bool
    cards: dict[str, Card]
    """The command that each of the denied requests is part of, by the id of its event."""


def portray(repository: Repository, actor: Actor, now: int) -> Portrait:
    """Give what is known of an actor; empty in all parts when nobody of that name was ever seen."""
    exploration = Exploration(repository.database, repository.scope)
    chunks = exploration.active_chunks(actor.cluster, actor.name)
    located, is_all = _find(repository, exploration, chunks, actor.query, SAMPLE, FIND_SECONDS, now)
    sample = _read_sample(repository, located)
    refused = f"{actor.query} decision:forbid"
    denied, is_denied_whole = _find(repository, exploration, chunks, refused, MOST_DENIED, DENIED_SECONDS, now)
    raws = repository.read_chunks(denied)
    return Portrait(
        actor=actor,
        callers=exploration.callers_of(actor.cluster, actor.name),
        impersonators=exploration.impersonators_of(actor.cluster, actor.name),
        activity=_activity(chunks, now),
        first=_first_seen(repository, exploration, actor, now),
        sample=sample,
        is_whole=is_all and len(sample) == len(located),
        denied=[event_of(raw) for raw in raws],
        is_denied_whole=is_denied_whole or len(denied) == MOST_DENIED,
        cards=cards_by_event(repository, raws, now),
    )


def _read_sample(repository: Repository, located: list[Located]) -> list[tuple[Event, Traits]]:
    """Read events, the newest first, as many as there is time for: each may lie in a chunk of its own."""
    deadline = time.monotonic() + READ_SECONDS
    found: list[tuple[Event, Traits]] = []
    for start in range(0, len(located), READ_AT_ONCE):
        raws = repository.read_chunks(located[start:start + READ_AT_ONCE])
        found += [(event_of(raw), traits_of(raw.raw)) for raw in raws]
        if time.monotonic() > deadline:
            break
    return found


def _find(
    repository: Repository, exploration: Exploration, chunks: Sequence[bytes], text: str, limit: int, seconds: float,
    now: int,
) -> tuple[list[Located], bool]:
    """Give the newest matches of a query in chunks, newest first, and whether these are all that there are.

    The chunks that hold the actor's events are known already: there is no need to look for them as a search does.
    """
    search = narrow_down(repository, compile_query(text, now, repository.database.dialect))
    if search is None:
        return [], True
    matches: list[Located] = []
    deadline = time.monotonic() + seconds
    start, size = 0, FIRST_GROUP
    while start < len(chunks):
        spans = exploration.chunk_spans(chunks[start:start + size])
        matches += repository.select_events(search, LAST, limit + 1, spans) if spans else []
        start, size = start + size, min(2 * size, LARGEST_GROUP)
        edge = chunks[start][:6] + b"\xff" * 10 if start < len(chunks) else FIRST
        if sum(match.id > edge for match in matches) > limit or time.monotonic() > deadline:
            break
    matches.sort(reverse=True)
    return matches[:limit], len(matches) <= limit and start >= len(chunks)


def _activity(chunks: Sequence[bytes], now: int) -> Activity:
    """Give when the actor was active in the last weeks; a chunk never reaches over the end of a window."""
    first_day = now // DAY - DAYS + 1
    windows = {int.from_bytes(chunk[:6], "big") * 1000 // WINDOW for chunk in chunks}
    first_window = first_day * (DAY // WINDOW)
    return Activity(first_day, DAYS, frozenset(window for window in windows if window >= first_window))


def _first_seen(repository: Repository, exploration: Exploration, actor: Actor, now: int) -> int | None:
    """Give the time of the actor's first event, in microseconds."""
    span = exploration.first_chunk(actor.cluster, actor.name)
    if span is None:
        return None
    text = f"user:{quote(actor.name)}"
    search = compile_query(text, now, repository.database.dialect)
    located = repository.select_events(search, LAST, 100_000, [span])
    return int.from_bytes(located[-1].id[:6], "big") * 1000 if located else None


class _User(msgspec.Struct, frozen=True, gc=False):
    uid: str = ""
    extra: dict[str, tuple[str, ...]] = {}


class _Signed(msgspec.Struct, frozen=True, gc=False):
    user: _User = _User()


_decode_user: Final = msgspec.json.Decoder(_Signed).decode
_ALL_BUT_USER: Final = frozenset({
    "requestObject", "responseObject", "annotations", "objectRef", "responseStatus", "sourceIPs", "impersonatedUser",
})


def traits_of(raw: bytes) -> Traits:
    """Read the user's UID and extra values; what cannot be read counts as absent."""
    try:
        user = _decode_user(raw).user
        return Traits(user.uid, user.extra)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        found = _mapping(tolerant.shallow(raw, skip=_ALL_BUT_USER).values.get("user"))
    uid, extra = found.get("uid"), _mapping(found.get("extra"))
    return Traits(uid if isinstance(uid, str) else "", {key: tuple(_texts(values)) for key, values in extra.items()})


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> Iterable[str]:
    return (item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
