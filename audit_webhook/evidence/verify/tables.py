"""Compares what searches, counts and pages read beside the events with what follows from the events.

Callers and actions, postings, tallies and arrivals: each is worked out anew from the raw events of a whole pass, and
compared with the tables. Batches may come and go meanwhile; what could be their doing is no finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from audit_webhook.errors import StoreUnavailable
from audit_webhook.events.ids import time_bound, to_text
from audit_webhook.evidence.findings import Findings, Kind, name_of
from audit_webhook.evidence.store import CHUNKS_AT_ONCE, ROWS_AT_ONCE, EvidenceStore, Posting, SealedChunk
from audit_webhook.evidence.verify.examine import SUMS, Day, Examined, Used, day_of_tally, hash_posting
from audit_webhook.evidence.verify.late import LateCheck
from audit_webhook.evidence.verify.trail import Trail
from audit_webhook.storage.retention import DAY
from audit_webhook.storage.typed_rows import read_posting

MOST_NAMED: Final = 200
Row = tuple[Any, ...]
Ends = dict[tuple[bytes, str], tuple[int, int, int]]
"""Newest number, newest time of receipt and number of events, by stream and cluster."""


class TableCheck:
    """What the tables have to say, as far as a pass has come, and the comparison at its end."""

    def __init__(self, store: EvidenceStore, trail: Trail, findings: Findings, secret: bytes, since: int) -> None:
        """Compare this store's tables, from a time in milliseconds on; ``secret`` is that of `examine`."""
        self._store: Final = store
        self._trail: Final = trail
        self._findings: Final = findings
        self._secret: Final = secret
        self._since: Final = since // DAY * DAY
        self._callers: Used = {}
        self._actions: Used = {}
        self._postings: dict[bytes, tuple[int, int]] = {}
        self._days: dict[tuple[int, str], Day] = {}
        self._seen: dict[int, set[bytes]] = {}
        self._places: dict[bytes, tuple[bytes, int]] = {}
        self._ends: Ends = {}
        self._broken_days: set[int] = set()
        self._compared: set[int] = set()
        self._late: Final = LateCheck(store, trail, findings, self._since)
        self._before: tuple[dict[bytes, int], dict[bytes, int]] = {}, {}

    def begin(self) -> None:
        """Read which callers and actions there are before the pass: it will see an event of each."""
        if self._since == 0:
            self._before = (
                {row[0]: row[-1] for row in _pages(self._store.callers_after)},
                {row[0]: row[-1] for row in _pages(self._store.actions_after)},
            )

    def note_chunk(self, chunk: SealedChunk) -> None:
        """Take a chunk that is there."""
        self._late.note_chunk(chunk)
        self._seen.setdefault(_day(chunk.id), set()).add(chunk.id)
        self._places[chunk.id] = chunk.stream, chunk.sequence
        number, received, events = self._ends.get((chunk.stream, chunk.cluster), (0, 0, 0))
        newest = max((number, received), (chunk.sequence, chunk.received))  # a clock may have been set back since
        self._ends[chunk.stream, chunk.cluster] = (*newest, events + chunk.events)

    def note_broken(self, chunk: SealedChunk) -> None:
        """Take a chunk that was found changed: what follows from its day cannot be told any more."""
        self._broken_days.add(_day(chunk.id))

    def take(self, found: Examined) -> None:
        """Take what some chunks have come to."""
        for own, more in ((self._callers, found.callers), (self._actions, found.actions)):
            for identifier, (row, day) in more.items():
                known = own.get(identifier)
                if known is not None and known[0] != row:
                    self._findings.add("MODIFIED", identifier.hex(), "two different callers or actions have one id")
                own[identifier] = row, max(day, known[1]) if known else day
        self._postings |= found.postings
        for place, more_of_day in found.days.items():
            self._days[place] = self._days.get(place, Day()).plus(more_of_day)
        self._compare_days(max((day for day, _ in found.days), default=0))

    def end(self) -> None:
        """Compare what is left."""
        self._trail.follow()
        self._compare_days(1 << 48)
        self._find_strange_days()
        self._compare_dimensions("caller", self._store.callers_after, self._callers, self._before[0])
        self._compare_dimensions("action", self._store.actions_after, self._actions, self._before[1])
        self._compare_postings()
        self._compare_arrivals()
        self._late.end(self._places)
        for table in self._store.odd_keys():
            self._findings.add("EXTRA", f"table {table}", "it holds rows whose key is of another type than keys are")

    def _compare_days(self, before: int) -> None:
        """Compare the tallies of the days before one in milliseconds: no chunk of theirs is still to come."""
        for day in sorted({day for day in self._seen if day < before}):
            seen = self._seen.pop(day)
            self._compared.add(day)
            wanted = {cluster: self._days.pop((own, cluster)) for own, cluster in list(self._days) if own == day}
            if day not in self._broken_days:
                self._compare_day(day, wanted, seen)

    def _compare_day(self, day: int, wanted: dict[str, Day], seen: set[bytes]) -> None:
        rows, chunks = self._store.day_of_tallies(time_bound(day), time_bound(day + DAY))
        if chunks != seen:
            return  # batches came or went meanwhile: the next verification compares this day
        there: dict[str, Day] = {}
        for row in rows:
            try:
                added = day_of_tally(row.chunks, row.events, row.content, self._secret)
            except ValueError as error:
                self._findings.add("MODIFIED", f"tally {to_text(time_bound(day))}", str(error))
                return
            there[row.cluster] = there.get(row.cluster, Day()).plus(added)
            if (row.chunks == 0) != (row.id in chunks):
                text = "it counts one batch as a whole day, or a day as one batch"
                self._findings.add("MODIFIED", f"tally {to_text(time_bound(day))}", text)
        for cluster in sorted(wanted.keys() | there.keys()):
            if wanted.get(cluster) != there.get(cluster) and not self._is_pruned_day(seen):
                text = f"the counts of the cluster {cluster!r} on this day are not those of its events"
                self._findings.add("MODIFIED", f"tally {to_text(time_bound(day))}", text)

    def _find_strange_days(self) -> None:
        """Find tallies of days of which there is no batch."""
        first = self._store.first_tally(time_bound(self._since))
        while first is not None:
            day = _day(first)
            if day not in self._compared:
                rows, chunks = self._store.day_of_tallies(time_bound(day), time_bound(day + DAY))
                if rows and not chunks:
                    text = "events of this day are counted, and there are none"
                    self._findings.add("EXTRA", f"tally {to_text(time_bound(day))}", text)
            first = self._store.first_tally(time_bound(day + DAY))

    def _is_pruned_day(self, seen: set[bytes]) -> bool:
        """Return whether a pruning is just taking a day: its tallies go before its chunks."""
        return bool(seen) and all(self._trail.was_pruned(chunk, *self._places[chunk]) for chunk in seen)

    def _compare_dimensions(
        self, kind: str, after: Callable[[bytes], list[Row]], used: Used, before: dict[bytes, int]
    ) -> None:
        """Compare callers or actions with those of the events; one that no event has is left by a pruning, or extra."""
        left = dict(used)
        for row in _pages(after):
            known = left.pop(row[0], None)
            place = f"{kind} {row[0].hex()}"
            if known is None:
                if row[0] in before and not (self._trail.has_pruned or self._broken_days):
                    self._findings.add("EXTRA", place, f"no event has this {kind}")
                continue
            if row[:-1] != known[0]:
                self._findings.add("MODIFIED", place, f"this {kind} was another one")
            is_later = before.get(row[0], 0) > known[1] and not self._trail.has_pruned
            if self._since == 0 and (row[-1] < known[1] or is_later):
                self._findings.add("MODIFIED", place, f"the last day on which this {kind} was received was changed")
        for identifier in sorted(left):
            text = f"events point to this {kind}, and it is gone"
            self._findings.add("MISSING", f"{kind} {identifier.hex()}", text)

    def _compare_postings(self) -> None:
        sums: dict[bytes, list[int]] = {}
        for written in self._all_postings():
            known = sums.setdefault(written[:16], [0, 0])
            known[0] += 1
            known[1] += hash_posting(written[16:], self._secret)
        named = 0
        for chunk in sorted(sums.keys() | self._postings.keys()):
            count, total = sums.get(chunk, (0, 0))
            wanted = self._postings.get(chunk)
            is_right = (count, total & SUMS) == wanted
            if is_right or named >= MOST_NAMED or not self._is_settled(chunk, wanted is not None):
                continue
            named += 1
            more = count - (wanted or (0, 0))[0]
            kind: Kind = "EXTRA" if more > 0 else "MISSING" if more < 0 else "MODIFIED"
            text = "what searches find this batch by (postings) is not what follows from its events"
            self._findings.add(kind, name_of(chunk), text)

    def _all_postings(self) -> Iterator[bytes]:
        last: Posting = ("", "", b"")
        while page := self._store.postings_after(last):
            yield from page
            if len(page) < ROWS_AT_ONCE:
                return
            before, last = last, read_posting(page[-1])
            if last <= before:
                raise StoreUnavailable("the postings cannot be read in order")

    def _is_settled(self, chunk: bytes, is_known: bool) -> bool:
        """Return whether a chunk neither came nor went meanwhile, so that its postings have to be right."""
        if chunk < time_bound(self._since) or _day(chunk) in self._broken_days:
            return False
        is_there = self._store.is_chunk_there(chunk)
        if not is_known:
            return not is_there
        return is_there and not self._trail.was_pruned(chunk, *self._places[chunk])

    def _compare_arrivals(self) -> None:
        """Each cluster and stream of a batch has its arrival, which says no less than the batches.

        Retention sums the arrivals of silent streams up; one that goes on afterwards is counted anew.
        """
        has_pruned = self._trail.has_pruned
        there = {(row.stream, row.cluster): row for row in self._store.arrivals()}
        for (stream, cluster), (number, received, events) in sorted(self._ends.items()):
            row = there.get((stream, cluster))
            place = f"arrivals {stream.hex()} {cluster}"
            if row is None:
                if not has_pruned:
                    self._findings.add("MISSING", place, "it is not told any more when this cluster was heard from")
            elif (row.sequence, row.received) < (number, received) or row.events < events and not has_pruned:
                self._findings.add("MODIFIED", place, "it says less than the batches that are there")


def _pages(after: Callable[[bytes], list[Row]]) -> Iterator[Row]:
    last = b""
    while page := after(last):
        yield from page
        if len(page) < CHUNKS_AT_ONCE or page[-1][0] <= last:
            return
        last = page[-1][0]


def _day(chunk: bytes) -> int:
    return int.from_bytes(chunk[:6], "big") // DAY * DAY
