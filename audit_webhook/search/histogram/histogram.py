"""The picture of a search: how many events when, and which values they have; exact, or on the way to it.

Tallies tell everything about most searches, whatever the number of events. What they cannot tell (names, words,
auditIDs, the minutes at the two ends of a range) is counted from events, newest first, in short steps: a picture that
is not yet exact says so, and is continued when it is asked for again.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from audit_webhook import query
from audit_webhook.errors import InvalidParameter
from audit_webhook.query.edit import with_term
from audit_webhook.query.syntax import And
from audit_webhook.search.histogram.aggregate import BY, FACETS, NO_JSON, OUTCOMES, Counts, split_conditions
from audit_webhook.search.histogram.buckets import Timeline, cut
from audit_webhook.search.histogram.counter import Range, Scanner
from audit_webhook.search.histogram.dimensions import Dimensions
from audit_webhook.storage.chunks.counts import DAY, LANE, LANES, Count, Key, add_lanes, mask_lanes, merge, read_lanes
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.scope import EVERYWHERE

FIRST_SECONDS: Final = 0.12
NEXT_SECONDS: Final = 1.0
FINE_EVENTS: Final = 60_000
"""Ranges with no more events than this are counted from events where that makes finer bars."""
RUNNING: Final = 64
FUTURE: Final = 2 * DAY
LONGEST: Final = 400 * DAY
"""What lies further ahead, or further back before the newest, is counted but not drawn: clocks are wrong at times."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many events match: by bar and series, and by field and value, most frequent first."""

    timeline: Timeline
    by: str
    total: int
    bars: dict[str, list[int]]
    facets: dict[str, list[tuple[str, int]]]
    is_exact: bool
    token: str
    """Continues the counting; empty when it is done."""
    share: float
    """How much of the range has been counted, from 0 to 1."""
    is_slow: bool = False
    """Whether events have to be read whole: not to be asked for again at once, others search too."""


class _Days(NamedTuple):
    """Tallies of a range by day, and the range in milliseconds that has events."""

    counts: list[tuple[int, dict[Key, Count]]]
    low: int
    high: int
    events: int


class _Run:
    """A picture in the making."""

    def __init__(self, counts: Counts, work: Iterator[float], is_slow: bool) -> None:
        self.counts = counts
        self.work = work
        self.share = 0.0
        self.is_done = False
        self.is_slow = is_slow
        self.owner = ("", EVERYWHERE)
        self.lock = threading.Lock()

    def go_on(self, seconds: float) -> None:
        """Count one step, and more until the time is over or nothing is left."""
        deadline = time.monotonic() + seconds
        with self.lock:
            while not self.is_done:
                share = next(self.work, None)
                self.is_done = share is None
                self.share = 1.0 if share is None else share
                if time.monotonic() >= deadline:
                    return


class Histograms:
    """Draws pictures of one repository, and remembers those that are not finished."""

    def __init__(self, repository: Repository) -> None:
        """Read from this repository."""
        self._repository = repository
        self.dimensions: Final = Dimensions(repository.tallies)
        self._running: OrderedDict[str, _Run] = OrderedDict()
        self._lock = threading.Lock()

    def draw(self, text: str, by: str, now: int, seconds: float = FIRST_SECONDS, reader: str = "") -> Histogram:
        """Return the picture of a search as far as it comes in a moment; raises QueryError and InvalidParameter.

        Only ``reader`` can continue it, while what may be seen stays what it was.
        """
        if by not in BY:
            raise InvalidParameter(f"by is one of {', '.join(BY)}")
        run = self._begin(text, by, now)
        run.owner = (reader, self._repository.scope())
        run.go_on(seconds)
        return self._show(run, secrets.token_urlsafe(12))

    def refine(self, token: str, seconds: float = NEXT_SECONDS, reader: str = "") -> Histogram | None:
        """Continue a picture of this reader; None when it is not known here any more and must be drawn anew."""
        with self._lock:
            run = self._running.get(token)
        if run is None or run.owner != (reader, self._repository.scope()):
            return None
        run.go_on(seconds)
        return self._show(run, token)

    def _show(self, run: _Run, token: str) -> Histogram:
        with self._lock:
            self._running.pop(token, None)
            if not run.is_done:
                self._running[token] = run
                while len(self._running) > RUNNING:
                    self._running.popitem(last=False)
        counts = run.counts
        with run.lock:
            facets = {name: counts.facets[name].most_common() for name in FACETS}
            return Histogram(
                counts.timeline, counts.by, counts.total, counts.series(), facets, run.is_done,
                "" if run.is_done else token, run.share, run.is_slow,
            )

    def _begin(self, text: str, by: str, now: int) -> _Run:
        tree = query.parse(text, now)
        since, until = query.time_bounds(tree)
        days = self._read_days(since, until)
        tallied, scanned = split_conditions(tree)
        low = days.low if since is None else since
        high = until if until is not None else days.high if since is None else max(days.high, now // 1000 + 1)
        drawn_high = min(high, max(now // 1000 + FUTURE, low + 1))
        drawn_low = low if since is not None else max(low, drawn_high - LONGEST)
        must_scan = scanned != And()
        is_fine = days.events <= FINE_EVENTS
        timeline = cut(drawn_low, drawn_high, least=1000 if is_fine else LANE)
        is_fine = is_fine and (timeline.step < LANE or must_scan)
        counts = Counts(timeline, by, query.compile_predicate(tallied), _alternatives(text, now, must_scan))
        scanner = Scanner(self._repository, self.dimensions, tree, scanned, counts)
        if must_scan or is_fine:
            ranges = [Range(low, high, days.events)]
        else:
            ranges = self._tally(days, since, until, counts)
        work = scanner.run(ranges) if days.events else iter(())
        return _Run(counts, work, scanner.is_slow)

    def _read_days(self, since: int | None, until: int | None) -> _Days:
        """Read the tallies of the days of a range, and find where in it events are."""
        first = 0 if since is None else since // DAY * DAY
        last = 2**47 if until is None else -(-until // DAY) * DAY
        packed: dict[int, list[bytes]] = defaultdict(list)
        for row in self._repository.tallies.select_tallies(first, last):
            packed[row.day].append(row.content)
        counts = [(day, merge(packed[day])) for day in sorted(packed)]
        low, high, events = 2**47, 0, 0
        for day, keys in counts:
            every = sum(count.lanes & _mask(day, since, until, is_inside=False) for count in keys.values())
            if every:
                lanes = read_lanes(every)
                used = [number for number, here in enumerate(lanes) if here]
                low = min(low, day + used[0] * LANE)
                high = max(high, day + (used[-1] + 1) * LANE)
                events += sum(lanes)
        return _Days(counts, low, high, events) if events else _Days([], 0, 0, 0)

    def _tally(self, days: _Days, since: int | None, until: int | None, counts: Counts) -> list[Range]:
        """Count the lanes that lie wholly in the range; give the pieces at its ends that are still to be counted."""
        events = self.dimensions.events({key for _, keys in days.counts for key in keys})
        series = {key: counts.series_of(event) for key, event in events.items()}
        chosen = {key: counts.matches(event, NO_JSON) for key, event in events.items()}
        totals: dict[Key, int] = defaultdict(int)
        for day, keys in days.counts:
            mask = _mask(day, since, until, is_inside=True)
            by_series: dict[str, int] = defaultdict(int)
            for key, count in keys.items():
                lanes = count.lanes & mask
                totals[key] += add_lanes(lanes)
                if chosen[key]:
                    by_series[series[key]] += lanes
            for name, lanes in by_series.items():
                counts.add_day(name, day, lanes)
        for key, total in totals.items():
            counts.add(events[key], total) if total else None
        return _ends(days, since, until)


def _alternatives(text: str, now: int, must_scan: bool) -> dict[str, query.Predicate]:
    """Give, for each field with a term of its own, what matches without this term."""
    found = {}
    for name in () if must_scan else FACETS:
        term = "code" if name == "outcome" else name
        value = query.term_value(text, term)
        if value is not None and (name != "outcome" or value in OUTCOMES.values()):
            tallied, _ = split_conditions(query.parse(with_term(text, term, None), now))
            found[name] = query.compile_predicate(tallied)
    return found


def _lane(day: int, milliseconds: int) -> int:
    return min(max((milliseconds - day) // LANE, 0), LANES)


def _mask(day: int, since: int | None, until: int | None, is_inside: bool) -> int:
    """Give the lanes of a day that lie in a range: wholly, or at least in part."""
    grow = LANE - 1
    first = 0 if since is None else _lane(day, since + grow if is_inside else since)
    last = LANES if until is None else _lane(day, until if is_inside else until + grow)
    return mask_lanes(first, last)


def _ends(days: _Days, since: int | None, until: int | None) -> list[Range]:
    """Give the pieces of a range before its first and after its last whole lane, newest first."""
    if since is not None and until is not None and -(-since // LANE) >= until // LANE:
        return [Range(since, until, days.events)]
    found = []
    if until is not None and until % LANE:
        found.append(Range(until // LANE * LANE, until, _events_at(days, until // LANE * LANE)))
    if since is not None and since % LANE:
        found.append(Range(since, -(-since // LANE) * LANE, _events_at(days, since // LANE * LANE)))
    return found


def _events_at(days: _Days, lane: int) -> int:
    """Give how many events one lane holds."""
    mask = mask_lanes(lane % DAY // LANE, lane % DAY // LANE + 1)
    return sum(add_lanes(count.lanes & mask) for day, keys in days.counts if 0 <= lane - day < DAY
               for count in keys.values())
