"""The feed: pages of matching events, newest first, and what has arrived since a page was made.

The time of an event is not the order of arrival: batches are late, and several processes write at once. The live view
therefore follows the writers' streams. Each writer numbers its chunks in the order in which they become visible; a live
token holds the newest number seen of every stream.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, NamedTuple

import msgspec

from audit_webhook.errors import InvalidParameter
from audit_webhook.events.event import Event
from audit_webhook.events.ids import from_text, to_text
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.search import event_of, find
from audit_webhook.storage.repository import Raw, Repository
from audit_webhook.storage.search_sql import LAST, Search, Span

PAGE: Final = 50
LARGEST_PAGE: Final = 500
SHOWN_AT_ONCE: Final = 200
CHUNKS_AT_ONCE: Final = 64
STREAM_MEMORY: Final = 3600 * 1_000_000
LIVE_LIFETIME: Final = 15 * 60 * 1_000_000
"""A page that was not in live mode for longer is loaded again, and what it shows is recorded as any reading is."""
CLOCK_SLACK: Final = 30 * 1_000_000


class Progress(NamedTuple):
    """How far back a search came: the time in microseconds, and the share of its time range in percent."""

    moment: int
    percent: int


class FeedPage(NamedTuple):
    """One page: events newest first, the cursor of the next page or None, and the live token of this moment.

    ``progress`` is there when time ran out before the page was full.
    """

    events: list[Event]
    next: str | None
    live: str
    progress: Progress | None = None
    raws: list[Raw] = []

    @property
    def gave_up(self) -> bool:
        """Whether time ran out before the page was full."""
        return self.progress is not None


class News(NamedTuple):
    """What arrived since a token: matching events newest first, the next token, and how many were left out."""

    events: list[Event]
    live: str
    more: int
    raws: list[Raw] = []


class Arrivals(NamedTuple):
    """As `News`, with the events as they are stored."""

    raws: list[Raw]
    live: str
    more: int


class _Token(msgspec.Struct, array_like=True):
    """When it was made, in microseconds, and the newest sequence number seen of every stream."""

    made: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
    positions: dict[bytes, Annotated[int, msgspec.Meta(ge=0, lt=2**62)]]


def page(repository: Repository, text: str, cursor: str | None, limit: int, now: int) -> FeedPage:
    """Give the newest matching events, or those before a cursor; raises QueryError and InvalidParameter."""
    search = compile_query(text, now, repository.database.dialect)
    before = read_id(cursor) if cursor else LAST
    live = "" if cursor else begin_live(repository, now)
    found = find(repository, search, before, max(1, min(limit, LARGEST_PAGE)))
    progress = progress_of(repository, search, found.unread, now) if found.gave_up and found.unread else None
    return FeedPage(found.events, to_text(found.unread) if found.unread else None, live, progress, found.raws)


def begin_live(repository: Repository, now: int) -> str:
    """Give the live token of this moment."""
    return _write_token(_Token(now, repository.positions(now - STREAM_MEMORY)))


def progress_of(repository: Repository, search: Search, unread: bytes, now: int) -> Progress:
    """Tell how far back a search came that looked at nothing before the id ``unread``."""
    newest = min(now, _time_of(search.highest))
    oldest = oldest_moment(repository, search)
    moment = min(max(_time_of(unread), oldest), newest)
    return Progress(moment, 100 * (newest - moment) // max(1, newest - oldest))


def oldest_moment(repository: Repository, search: Search) -> int:
    """Return the time in microseconds from which on a search can find anything that its reader may see.

    A limited reader is told the beginning of the time range, or the midnight before the oldest visible event: batches
    also hold events of others, so that their times are not for everybody.
    """
    lowest = _time_of(search.lowest)
    if repository.sees_everything:
        return max(lowest, _time_of(repository.oldest_chunk(search.lowest) or search.lowest))
    return lowest or repository.tallies.first_visible_day() * 1000


def _time_of(identifier: bytes) -> int:
    """Give the time of an id in microseconds."""
    return int.from_bytes(identifier[:6], "big") * 1000


def news(repository: Repository, text: str, live: str, now: int) -> News:
    """Give the matching events that arrived since a token was made, late ones included."""
    arrivals = arrivals_of(repository, text, live, now)
    return News([event_of(raw) for raw in arrivals.raws], arrivals.live, arrivals.more, arrivals.raws)


def arrivals_of(repository: Repository, text: str, live: str, now: int) -> Arrivals:
    """Give what `news` gives, with the events as they are stored."""
    search = compile_query(text, now, repository.database.dialect)
    token = _read_token(live)
    spans, positions = _arrived(repository, token, now)
    located = repository.select_events(search, LAST, LARGEST_PAGE * 10, spans) if spans else []
    raws = repository.read_chunks(located[:SHOWN_AT_ONCE])
    if search.matches:
        raws = [raw for raw in raws if search.matches(event_of(raw), raw.raw)]
    return Arrivals(raws, _write_token(_Token(now, positions)), max(0, len(located) - SHOWN_AT_ONCE))


def _arrived(repository: Repository, token: _Token, now: int) -> tuple[list[Span], dict[bytes, int]]:
    """Give the chunks that became visible since the token, and the positions that were read up to."""
    spans: list[Span] = []
    positions = dict(token.positions)
    for stream, newest in repository.positions(min(token.made, now) - STREAM_MEMORY).items():
        seen = token.positions.get(stream, 0)
        if newest <= seen:
            continue
        since = 0 if stream in token.positions else token.made - CLOCK_SLACK
        arrived = repository.arrived_chunks(stream, seen, newest, since, CHUNKS_AT_ONCE)
        spans += [span for span, _ in arrived]
        positions[stream] = arrived[-1][1] if len(arrived) == CHUNKS_AT_ONCE else newest
    return spans, positions


def clusters(repository: Repository) -> list[str]:
    """Give the names of the clusters that were heard from, in alphabetical order."""
    return sorted(contact.cluster for contact in repository.contacts())


def read_id(text: str) -> bytes:
    """Read an id in a cursor; raises InvalidParameter."""
    try:
        return from_text(text)
    except ValueError as error:
        raise InvalidParameter("the cursor is not one that this server gave; leave it out to begin anew") from error


def _write_token(token: _Token) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode().rstrip("=")


def _read_token(text: str) -> _Token:
    try:
        padded = text + "=" * (-len(text) % 4)
        return msgspec.msgpack.decode(base64.urlsafe_b64decode(padded.encode("ascii")), type=_Token)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise InvalidParameter("the live token is not one that this server gave; load the page again") from error
