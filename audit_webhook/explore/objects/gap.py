"""What changed an object without any record, as its page shows it, and the room for lines on such a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from audit_webhook.events.visible_text import shown
from audit_webhook.explore.objects.life import History
from audit_webhook.history.diff import DiffLine
from audit_webhook.history.life import Revision
from audit_webhook.history.unrecorded import Unrecorded
from audit_webhook.humanize.moments import Moment, moment_of

MOST_LINES: Final = 400


class Room:
    """How many lines the page may still take."""

    def __init__(self, lines: int) -> None:
        self.lines = lines

    def take(self, lines: tuple[DiffLine, ...]) -> tuple[DiffLine, ...]:
        """Give as many of the lines as there is room for."""
        taken = tuple(DiffLine(line.sign, shown(line.text)) for line in lines[:min(MOST_LINES, self.lines)])
        self.lines -= len(taken)
        return taken


@dataclass(frozen=True, slots=True)
class Gap:
    """What changed before a request without any record: between when, in words, and what differs after it."""

    number: int
    since: Moment | None
    until: Moment
    notes: tuple[str, ...]
    lines: tuple[DiffLine, ...]
    left_out: int


def gap_before(history: History, revision: Revision, now: int, room: Room) -> Gap | None:
    """Return what happened before a revision without any record; None where nothing tells of anything."""
    found, place = revision.unrecorded, revision.number - 1
    if found is None:
        return None
    lines = found.difference.essence if found.difference else ()
    taken = room.take(lines)
    return Gap(
        number=revision.number,
        since=moment_of(history.events[place - 1].time, now) if place else None,
        until=moment_of(history.events[place].time, now),
        notes=tuple(_explain(found)),
        lines=taken,
        left_out=len(lines) - len(taken),
    )


def _explain(found: Unrecorded) -> Iterator[str]:
    if found.difference is None:
        yield "What changed is not known: the next update was based on a version that was not recorded."
    if not found.is_certain:
        yield "The server may also have made this change within the next request, such as by an admission webhook."
    if found.writes > 1:
        yield f"There were at least {found.writes} such requests."
