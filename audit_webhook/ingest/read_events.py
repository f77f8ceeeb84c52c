"""Reads the events of a batch: decodes them, takes their secrets out, and gives them their ids and rows.

A batch is read column by column, a step for all of its events and then the next one: most of the cost of an event is
that of the calls made for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple

from audit_webhook.events.decode import NO_OBJECT, Wire, is_event, read_wire
from audit_webhook.events.ids import as_posted, digest_events, event_ids, is_logged
from audit_webhook.events.lenient_json import Undecodable
from audit_webhook.events.redaction.redact import find_suspects, redact, redact_paths
from audit_webhook.events.redaction.settings import BUILT_IN, Redaction
from audit_webhook.events.times import UNKNOWN, events_milliseconds
from audit_webhook.events.wire import are_events, read_usual_wires
from audit_webhook.storage.chunks.columns import Columns, Entry, to_columns, to_entries

AT_ONCE: Final = 48
"""Events that are read at a time: so few that what one step made is in the processor's cache for the next."""
STORED_AT_ONCE: Final = 256
UNPLACED: Final = UNKNOWN.to_bytes(6, "big")
"""What the id of an event begins with that does not say when it happened, until it is filed: less than any other."""
_id_of: Final = attrgetter("id")


class Unread(NamedTuple):
    """Which of the given bytes are no event, and why."""

    place: int
    reason: str


def read_events(
    cluster: str, raws: Sequence[bytes], redaction: Redaction = BUILT_IN
) -> tuple[list[Entry], list[Unread]]:
    """Read events, take their secrets out and give them their ids; tell of what is none where it was.

    What is kept carries the marks and masks of ``redaction``; the ids never depend on them.
    """
    entries: list[Entry] = []
    unread: list[Unread] = []
    for start in range(0, len(raws), AT_ONCE):
        read = _read_some(raws[start:start + AT_ONCE], start, unread)
        _take_secrets_out(read, redaction, unread)
        entries += _entries_of(cluster, read)
    return entries, unread


class _Read(NamedTuple):
    """Events that were decoded, as columns: their ids follow from ``identified``, ``kept`` is what is stored."""

    places: list[int]
    identified: list[bytes]
    kept: list[bytes]
    wires: list[Wire]


def _read_some(raws: Sequence[bytes], start: int, unread: list[Unread]) -> _Read:
    """Decode events, all of them at once where each is a usual one."""
    wires = read_usual_wires(raws)
    if wires is not None and are_events(wires):
        return _Read(list(range(start, start + len(raws))), list(raws), list(raws), wires)
    read = _Read([], [], [], [])
    for place, raw in enumerate(raws, start):
        try:
            read.wires.append(_read(raw))
        except Undecodable as error:
            unread.append(Unread(place, str(error)))
            continue
        read.places.append(place)
        read.identified.append(raw)
        read.kept.append(raw)
    return read


def read_stored(cluster: str, raws: Sequence[bytes]) -> Columns:
    """Return what is kept of at least one event as it is stored, whose secrets were taken out; raises Undecodable.

    The ids follow from these bytes as posted, as those of most events do that were sent.
    """
    parts = []
    for start in range(0, len(raws), STORED_AT_ONCE):
        kept = raws[start:start + STORED_AT_ONCE]
        wires = read_usual_wires(kept)
        if wires is None or not are_events(wires):
            wires = list(map(_read, kept))
        leaves = digests = digest_events(cluster, kept)
        if any(map(is_logged, kept)):
            digests = digest_events(cluster, map(as_posted, kept))
        parts.append(to_columns(cluster, event_ids(digests, events_milliseconds(wires)), wires, kept, leaves))
    return parts[0] if len(parts) == 1 else Columns(*map(list, map(chain.from_iterable, zip(*parts))))


def identify(cluster: str, raw: bytes, redaction: Redaction = BUILT_IN) -> Entry:
    """Read one event as `read_events` does; raises Undecodable."""
    entries, unread = read_events(cluster, [raw], redaction)
    if unread:
        raise Undecodable(unread[0].reason)
    return entries[0]


def place_by_receipt(entries: Sequence[Entry], received: int) -> list[Entry]:
    """Return the entries, those of events that do not say when they happened filed by their receipt (microseconds)."""
    if min(map(_id_of, entries), default=b"\xff")[:6] != UNPLACED:
        return list(entries)
    head = (received // 1000).to_bytes(6, "big")
    return [
        entry if entry.id[:6] != UNPLACED else entry._replace(id=head + entry.id[6:]) for entry in entries
    ]


def _take_secrets_out(read: _Read, redaction: Redaction, unread: list[Unread]) -> None:
    """Put the redacted bytes, and what they say, in the place of those that were sent."""
    for index in reversed(_suspects(read, redaction)):
        raw = read.kept[index]
        read.identified[index], clean = _redacted(raw, read.wires[index], redaction)
        if clean is raw:
            continue
        try:
            read.kept[index], read.wires[index] = clean, read_wire(clean)  # what was masked must not reach the columns
        except Undecodable as error:
            unread.append(Unread(read.places[index], str(error)))
            for column in read:
                del column[index]


def _entries_of(cluster: str, read: _Read) -> list[Entry]:
    """Return what is kept of events without their secrets."""
    posted = read.identified
    if any(map(is_logged, posted)):
        posted = list(map(as_posted, posted))
    digests = leaves = digest_events(cluster, posted)
    others = [index for index, (own, kept) in enumerate(zip(posted, read.kept, strict=True)) if own is not kept]
    if others:
        leaves = list(digests)
        for index, leaf in zip(others, digest_events(cluster, [read.kept[index] for index in others]), strict=True):
            leaves[index] = leaf
    return to_entries(cluster, event_ids(digests, events_milliseconds(read.wires)), read.wires, read.kept, leaves)


def _read(raw: bytes) -> Wire:
    wire = read_wire(raw)
    if not is_event(wire):
        raise Undecodable("it has neither a verb nor a level of the audit API")
    return wire


def _suspects(read: _Read, redaction: Redaction) -> list[int]:
    """Return which of the events may hold something to take out; most batches hold few of them."""
    if redaction.rules:
        return list(range(len(read.places)))
    targets = [wire.object_ref or NO_OBJECT for wire in read.wires]
    resources, subresources = [each.resource or "" for each in targets], [each.subresource or "" for each in targets]
    return find_suspects(read.kept, resources, subresources, [wire.request_uri or "" for wire in read.wires])


def _redacted(raw: bytes, wire: Wire, redaction: Redaction) -> tuple[bytes, bytes]:
    """Give an event's bytes with the constant mask, from which its id comes, and those that are kept."""
    target = wire.object_ref or NO_OBJECT
    facts = resource, subresource, _ = target.resource or "", target.subresource or "", wire.request_uri or ""
    clean = identified = redact(raw, *facts)
    if clean is not raw and redaction.mark:
        clean = redact(raw, *facts, redaction.mark)
    if redaction.rules:
        paths = redaction.rules.paths_of(resource, target.api_group or "", subresource)
        clean = redact_paths(clean, paths, redaction.mark)
    return identified, clean
