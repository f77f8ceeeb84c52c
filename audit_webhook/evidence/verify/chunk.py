"""Finds out what is wrong with a chunk that does not fit its seal, and names the events.

An event's id follows from its bytes, and a chunk's id from the ids of its events in stored order. So what was changed
in one place can be told from the other places.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from audit_webhook.errors import IdTaken
from audit_webhook.events.ids import chunk_id, time_bound, to_text
from audit_webhook.events.lenient_json import Undecodable
from audit_webhook.evidence.findings import Findings, name_of
from audit_webhook.evidence.store import EvidenceStore, SealedChunk
from audit_webhook.evidence.verify.examine import Part, with_stored_ids
from audit_webhook.evidence.verify.seals import place_of
from audit_webhook.ingest.read_events import UNPLACED, identify
from audit_webhook.storage.chunks.columns import Columns, Entry
from audit_webhook.storage.chunks.frames import Damaged, unpack_whole
from audit_webhook.storage.chunks.hash_chain import (
    EventRow, Record, digest_content, digest_rows, leaves_of, record_of, root_of,
)
from audit_webhook.storage.chunks.layout import WINDOW_MILLISECONDS, describe, window_end


class Piece(NamedTuple):
    """The bytes of one event in a chunk's content, and what they are; None when they are no event."""

    offset: int
    raw: bytes
    found: Entry | None


def locate(store: EvidenceStore, part: Part, findings: Findings) -> None:
    """Note what is wrong with a chunk; there is at least one finding."""
    chunk, before = part.chunk, findings.counts.total()
    rows = rows_in(store, chunk)
    try:
        whole = unpack_whole(part.content, part.frames)
    except Damaged as error:
        findings.add("MODIFIED", name_of(chunk.id), f"{_place(chunk)}: the content of the batch is damaged: {error}")
        return
    pieces = _pieces(chunk, whole, rows)
    if root_of(leaves_of(chunk.cluster, [piece.raw for piece in pieces])) == chunk.root:
        _compare_rows(chunk, pieces, rows, findings)
    elif not _is_of_another_cluster(part, pieces, rows):
        _compare_content(chunk, pieces, rows, findings)
    if findings.counts.total() == before:
        what = "cluster, time of receipt, numbers, id or compressed content of the batch, or what stands between events"
        findings.add("MODIFIED", name_of(chunk.id), f"{_place(chunk)}: {what}, was changed")


def rows_in(store: EvidenceStore, chunk: SealedChunk) -> list[EventRow]:
    """Give the rows of a chunk's events, in stored order."""
    end = window_end(int.from_bytes(chunk.id[:6], "big"))
    return store.rows_of_chunk(time_bound(end - WINDOW_MILLISECONDS), time_bound(end), chunk.id)


def _pieces(chunk: SealedChunk, whole: bytes, rows: list[EventRow]) -> list[Piece]:
    """Cut the content where the rows say when they cover it without gaps, else at each line."""
    spans = [(row[2], row[3]) for row in rows]
    is_tiled = bool(spans) and spans[0][0] == 0 and sum(spans[-1]) + 1 == len(whole) and all(
        sum(left) + 1 == right[0] for left, right in pairwise(spans)
    )
    if not is_tiled:
        spans, offset = [], 0
        for line in whole.split(b"\n")[:-1] or [whole]:
            spans.append((offset, len(line)))
            offset += len(line) + 1
    ids = {row[2]: row[0] for row in rows}
    return [
        _filed(_piece(chunk.cluster, offset, whole[offset:offset + length]), ids.get(offset, b""))
        for offset, length in spans
    ]


def _filed(piece: Piece, identifier: bytes) -> Piece:
    """Return a piece with the id of its row, where the event does not say when it happened."""
    found = piece.found
    if found is None or found.id[:6] != UNPLACED or found.id[6:] != identifier[6:]:
        return piece
    return piece._replace(found=found._replace(id=identifier))


def _piece(cluster: str, offset: int, raw: bytes) -> Piece:
    try:
        return Piece(offset, raw, identify(cluster, raw))
    except (Undecodable, ValueError, RecursionError):
        return Piece(offset, raw, None)


def _is_of_another_cluster(part: Part, pieces: list[Piece], rows: list[EventRow]) -> bool:
    """Return whether no event has the id of a row, which follows from the cluster too, nor the record this cluster."""
    known, chunk = {row[0] for row in rows}, part.chunk
    if any(piece.found and piece.found.id in known for piece in pieces):
        return False
    written, stored = digest_rows(rows), digest_content(part.frames, part.content)
    return chunk.record != record_of(
        Record(chunk.cluster, chunk.received, chunk.first_id, chunk.raw_bytes, written, stored)
    )


def _compare_rows(chunk: SealedChunk, pieces: list[Piece], rows: list[EventRow], findings: Findings) -> None:
    """The content is as it was sealed: compare the rows with those that follow from it."""
    found = [piece.found for piece in pieces if piece.found is not None]
    offsets = [piece.offset for piece in pieces if piece.found is not None]
    try:
        own = with_stored_ids(chunk.cluster, found, offsets, rows)
        described = describe(chunk.cluster, Columns(*zip(*own)), range(len(own)), offsets)
    except (IdTaken, ValueError, TypeError):
        return
    wanted = {row[0]: row for row in zip(*described.rows)}
    there = {row[0]: row for row in rows}
    if there and not wanted.keys() & there.keys():
        return  # ids follow from the cluster too: it was changed, not each of the events
    for identifier in sorted(wanted.keys() - there.keys()):
        findings.add("MISSING", to_text(identifier), f"{_place(chunk)}: the row by which the event is found is gone")
    for identifier in sorted(there.keys() - wanted.keys()):
        findings.add("EXTRA", name_of(identifier), f"{_place(chunk)}: a row that belongs to no event of the batch")
    for identifier in sorted(wanted.keys() & there.keys()):
        if wanted[identifier][2:] != there[identifier][2:]:
            findings.add("MODIFIED", to_text(identifier), f"{_place(chunk)}: the row of the event was changed")


def _compare_content(chunk: SealedChunk, pieces: list[Piece], rows: list[EventRow], findings: Findings) -> None:
    """The content is not as it was sealed: look for events that are not those of their rows."""
    by_offset = {row[2]: row[0] for row in rows}
    ids = [piece.found.id if piece.found else b"" for piece in pieces]
    strange = [
        (by_offset.get(piece.offset, b""), own) for piece, own in zip(pieces, ids, strict=True)
        if by_offset.get(piece.offset) != own
    ]
    known = {row[0] for row in rows}
    if len(pieces) != chunk.sealed_events:
        _compare_count(chunk, ids, known, findings)
        return
    if sorted(ids) == sorted(known) and chunk_id(ids) != chunk.id:
        findings.add("REORDERED", name_of(chunk.id), f"{_place(chunk)}: the events of the batch stand in another order")
        return
    for row, own in strange:
        if row and own not in known:
            findings.add("MODIFIED", name_of(row), f"{_place(chunk)}: the event is not the one that was sealed")
    if not strange:
        text = f"{_place(chunk)}: an event of the batch was exchanged for another one"
        findings.add("MODIFIED", name_of(chunk.id), text)


def _compare_count(chunk: SealedChunk, ids: list[bytes], known: set[bytes], findings: Findings) -> None:
    """There are more or fewer events than were sealed."""
    place, more = _place(chunk), len(ids) - (chunk.sealed_events or 0)
    lost = sorted(known - set(ids))
    if more < 0:
        text = f"{place}: {-more} of {chunk.sealed_events} events of the batch are gone"
        for identifier in lost or [chunk.id]:
            findings.add("MISSING", name_of(identifier), text)
        return
    text = f"{place}: there are {more} more events than the {chunk.sealed_events} that were sealed"
    strangers = [own for own in ids if own not in known]
    if not strangers and more == 1:
        strangers = [own for place, own in enumerate(ids) if chunk_id(ids[:place] + ids[place + 1:]) == chunk.id]
    for identifier in strangers or [chunk.id]:
        findings.add("EXTRA", name_of(identifier), text)


def _place(chunk: SealedChunk) -> str:
    return place_of(chunk.stream, chunk.sequence)
