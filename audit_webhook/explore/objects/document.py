"""An object's life as the JSON interface shows it: its changes, newest first, and its manifest line by line."""

from __future__ import annotations

from itertools import islice
from typing import Final

from audit_webhook.events.event import rfc3339
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.objects.gap import MOST_LINES, Room
from audit_webhook.explore.objects.life import History
from audit_webhook.explore.objects.view import MOST_BLAMED, MOST_PAGE_LINES
from audit_webhook.history.diff import DiffLine
from audit_webhook.history.life import UNRECORDED, Revision
from audit_webhook.history.manifest import write
from audit_webhook.search.document import document_of

MOST_MANIFEST_LINES: Final = 5 * MOST_LINES


def document_of_life(history: History) -> dict[str, object]:
    """Give an object's place, its changes with what differs after each, and who set each line of what it is now."""
    room = Room(MOST_PAGE_LINES)
    told = list(zip(history.life.revisions, history.events, strict=True))
    changes = [
        {
            "event": document_of(event, history.cards.get(event.id)), **_document_of_revision(revision, room),
            "unrecorded": _document_of_gap(history, revision, room),
        }
        for revision, event in reversed(told)
    ]
    lines = _manifest(history)
    return {
        **history.place._asdict(),
        "exists": history.life.exists,
        "changes": changes,
        "older": history.older,
        "manifest": lines[:MOST_MANIFEST_LINES],
        "manifest_left_out": max(0, len(lines) - MOST_MANIFEST_LINES),
        "manifest_is_partial": history.life.is_partial,
        "manifest_gap": history.life.gap,
    }


def _document_of_revision(revision: Revision, room: Room) -> dict[str, object]:
    found = revision.difference
    lines, noise = (found.essence, found.noise) if found else ((), ())
    taken, quiet = room.take(lines), room.take(noise)
    return {
        "deed": revision.deed,
        "note": shown(revision.note) or None,
        "gap": revision.gap,
        "is_partial": revision.is_partial,
        "is_rebuilt": revision.is_rebuilt,
        "diff": _signed(taken) if found else None,
        "status_diff": _signed(quiet) if found else None,
        "left_out": len(lines) - len(taken) + len(noise) - len(quiet),
    }


def _document_of_gap(history: History, revision: Revision, room: Room) -> dict[str, object] | None:
    """Return what changed before a revision by requests that are not recorded; None where nothing tells of any."""
    found, place = revision.unrecorded, revision.number - 1
    if found is None:
        return None
    lines = found.difference.essence if found.difference else ()
    return {
        "since": rfc3339(history.events[place - 1].time) if place else None,
        "until": rfc3339(history.events[place].time),
        "at_least": found.writes,
        "is_certain": found.is_certain,
        "diff": _signed(room.take(lines)) if found.difference else None,
    }


def _signed(lines: tuple[DiffLine, ...]) -> list[str]:
    return [line.sign + line.text for line in lines]


def _manifest(history: History) -> list[dict[str, object]]:
    """Give each line with the id of the event that set it; null for a time before the first that was recorded."""
    life = history.life
    if life.manifest is None:
        return []
    return [
        {
            "text": shown(line.text),
            "event": history.events[abs(line.number) % UNRECORDED - 1].id if line.number else None,
            "or_before": line.number < 0,
            "is_unrecorded": line.number > UNRECORDED,
        }
        for line in islice(write(life.manifest, life.marks), MOST_BLAMED)
    ]
