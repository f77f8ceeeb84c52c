"""Tries rules on what is stored, before they are on: what they would have found in a range of time.

Nothing is written. Events are looked at in the order of the hours in which they happened, which is not always that of
their arrival; rules about something new look on for the first part of the range.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from audit_webhook.alerts.chunk_reader import ChunkReader
from audit_webhook.alerts.grouping import group_key, hit_id, subject_of
from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.rule_book import Hit, RuleBook
from audit_webhook.alerts.stores import Stores
from audit_webhook.alerts.windows import Windows
from audit_webhook.events.ids import time_bound
from audit_webhook.search.windows import Windows as OpenWindows
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import EVERYTHING, Span

HOUR: Final = 3_600_000
DAY: Final = 86_400_000_000
CHUNKS_A_PAGE: Final = 500
EXAMPLES: Final = 3
ACTORS: Final = 3
MOST_REMEMBERED: Final = 200_000
"""Requests, and groups of them, that are told apart; beyond them, numbers say "at least" or count some twice."""
PAUSE_SECONDS: Final = 0.0005


class Found(NamedTuple):
    """What a rule would have found."""

    rule: Rule
    alerts: int
    hits: int
    is_least: bool
    """Whether there were more groups than are told apart."""
    actors: tuple[tuple[str, int], ...]
    days: tuple[tuple[int, int], ...]
    """The days since the epoch on which there were alerts, and how many began on each."""
    examples: tuple[Hit, ...]


class Progress(NamedTuple):
    """How far a replay is: the share of the range, and how many chunks were read."""

    share: float
    chunks: int


class _Tally:
    """What one rule has found so far."""

    def __init__(self) -> None:
        self.groups: set[bytes] = set()
        self.hits = 0
        self.is_full = False
        self.actors: Counter[str] = Counter()
        self.days: Counter[int] = Counter()
        self.examples: list[Hit] = []

    def add(self, hit: Hit) -> None:
        self.hits += 1
        subject = subject_of(hit.rule, hit.event)
        key = group_key(hit, subject)
        if len(self.actors) < MOST_REMEMBERED or hit.event.actor in self.actors:
            self.actors[hit.event.actor] += 1
        if key in self.groups:
            return
        if len(self.groups) >= MOST_REMEMBERED:
            self.is_full = True
            return
        self.groups.add(key)
        self.days[hit.event.time // DAY] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(hit)

    def found(self, rule: Rule) -> Found:
        actors = tuple(self.actors.most_common(ACTORS))
        days = tuple(sorted(self.days.items()))
        return Found(rule, len(self.groups), self.hits, self.is_full, actors, days, tuple(self.examples))


def replay(
    repository: Repository, stores: Stores, rules: Iterable[Rule], since: int, until: int, learning: int,
    progress: Callable[[Progress], None] = lambda _: None,
) -> list[Found]:
    """Return what rules would have found between two times in microseconds, those with most alerts first.

    ``learning`` is how long rules about something new only look on. ``progress`` is told after each chunk how far it
    is; what it raises ends the replay.
    """
    book, windows = RuleBook(rules), Windows(learning)
    reader = ChunkReader(repository, stores.progress, book, lambda: time.sleep(PAUSE_SECONDS))
    tallies = {rule.id: _Tally() for rule in book.rules}
    known: OrderedDict[bytes, None] = OrderedDict()
    may_hold = _chunk_test(repository, book)
    for number, (share, span) in enumerate(_spans(repository, since // 1000, until // 1000), 1):
        for event, raw, candidates in reader.read(span) if may_hold(span) else ():
            if not since <= event.time < until:
                continue
            for hit in book.hits(event, raw, candidates, windows):
                if _is_first(known, hit_id(hit)):
                    tallies[hit.rule.id].add(hit)
        progress(Progress(share, number))
    found = [tallies[rule.id].found(rule) for rule in book.rules]
    return sorted(found, key=lambda each: (-each.alerts, each.rule.id))


def _chunk_test(repository: Repository, book: RuleBook) -> Callable[[Span], bool]:
    """Return what tells from tallies whether a chunk is worth reading; of what is found by bytes, every chunk is."""
    if book.needles:
        return lambda span: True
    windows = OpenWindows(repository, lambda event, raw: bool(book.candidates(event)))
    return lambda span: windows.is_open(span.id)


def _is_first(known: OrderedDict[bytes, None], identifier: bytes) -> bool:
    """Return whether a hit is the first one of its request, as far as that is remembered."""
    if identifier in known:
        return False
    known[identifier] = None
    if len(known) > MOST_REMEMBERED:
        known.popitem(last=False)
    return True


def _spans(repository: Repository, since: int, until: int) -> Iterator[tuple[float, Span]]:
    """Yield the chunks of a range in milliseconds, hour by hour, each with the share of the range that it ends."""
    oldest, newest = _bounds(repository, since, until)
    start = oldest // HOUR * HOUR
    while start < newest:
        end = min(start + HOUR, newest)
        page = _spans_between(repository, start, end)
        for number, span in enumerate(page, 1):
            yield min(1.0, (start - oldest + (end - start) * number / len(page)) / max(1, newest - oldest)), span
        start += HOUR


def _spans_between(repository: Repository, start: int, end: int) -> list[Span]:
    """Return the chunks whose ids, the times of their newest events, lie in a range of milliseconds; oldest first."""
    found: list[Span] = []
    below = time_bound(end)
    search = EVERYTHING._replace(lowest=time_bound(start))
    while page := repository.select_chunks(search, below, EVERYTHING.highest, CHUNKS_A_PAGE):
        found += page
        below = page[-1].id
    return found[::-1]


def _bounds(repository: Repository, since: int, until: int) -> tuple[int, int]:
    """Return the range, cut to what is stored and with the hour behind it: a chunk is filed by its newest event."""
    search = EVERYTHING._replace(lowest=time_bound(max(0, since)))
    newest = repository.select_chunks(search, EVERYTHING.highest, EVERYTHING.highest, 1)
    if not newest:
        return since, since
    oldest = repository.oldest_chunk(search.lowest)
    first = int.from_bytes(oldest[:6], "big") if oldest else since
    return max(since, first), min(until + HOUR, int.from_bytes(newest[0].id[:6], "big") + 1)
