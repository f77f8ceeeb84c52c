"""An object's life as its page shows it: what happened, newest first, and its manifest with who set each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.objects.gap import MOST_LINES, Gap, Room, gap_before
from audit_webhook.explore.objects.life import History
from audit_webhook.history.diff import DiffLine
from audit_webhook.history.life import UNRECORDED, Deed, Life, Revision
from audit_webhook.history.manifest import write
from audit_webhook.humanize.actors import name_actor
from audit_webhook.humanize.moments import Moment, moment_of, moment_of_event
from audit_webhook.kubectl import Card
from audit_webhook.search.addresses import Actor, Place, actor_of
from audit_webhook.search.document import command_on
from audit_webhook.search.event_rows import Row, row_of

MOST_PAGE_LINES: Final = 8_000
MOST_BLAMED: Final = 20_000
OPEN_LINES: Final = 24
AGES: Final = 5
_DEEDS: Final[dict[Deed, str]] = {
    "created": "Created",
    "recreated": "Created again",
    "changed": "",
    "same": "Changed nothing",
    "deleting": "Deletion requested",
    "deleted": "Deleted",
    "perhaps": "Possibly deleted",
    "unknown": "Change not recorded",
    "failed": "Failed",
    "rehearsed": "Dry run",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One request: its row, the command behind it, what it did in words, and what differs after it."""

    number: int
    row: Row
    command: str
    confidence: str
    deed: str
    tone: str
    notes: tuple[str, ...]
    lines: tuple[DiffLine, ...]
    noise: tuple[DiffLine, ...]
    added: int
    removed: int
    left_out: int
    gap: Gap | None = None

    @property
    def is_short(self) -> bool:
        """Whether what differs is shown without being asked for."""
        return len(self.lines) <= OPEN_LINES


@dataclass(frozen=True, slots=True)
class Run:
    """Changes that follow each other; several that changed nothing but the status are folded under a text."""

    changes: tuple[Change, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Blame:
    """Lines of the manifest that one request set last: who, when, with what; an age from 1 (oldest) to 5."""

    text: str
    number: int
    who: str
    when: Moment | None
    how: str
    title: str
    age: int


@dataclass(frozen=True, slots=True)
class ObjectView:
    """Everything that the object page's templates use."""

    place: Place
    kind: str
    title: str
    state: str
    tone: str
    notes: tuple[str, ...]
    runs: tuple[Run, ...]
    count: int
    blame: tuple[Blame, ...]
    blame_title: str
    actors: tuple[tuple[str, Actor, int], ...]
    before: str
    older: str | None
    left_out: int
    since: int | None


def view_object(history: History, before: str, now: int) -> ObjectView:
    """Show an object's life."""
    room = Room(MOST_PAGE_LINES)
    told = list(zip(history.life.revisions, history.events, strict=True))
    changes = [
        replace(
            _change(revision, event, history.cards.get(event.id), now, room),
            gap=gap_before(history, revision, now, room),
        )
        for revision, event in reversed(told)
    ]
    lines = list(_blame(history, now))
    state, tone = _state(history.life, bool(before))
    return ObjectView(
        place=history.place,
        kind=shown(_kind(history.place), longest=300),
        title=shown(history.place.name, longest=120),
        state=state,
        tone=tone,
        notes=tuple(_notes(history)),
        runs=tuple(_runs(changes)),
        count=len(changes),
        blame=tuple(lines[:MOST_LINES * 5]),
        blame_title="Manifest, line by line" if history.life.exists is not False else "Last known manifest",
        actors=tuple(_actors(history.events)),
        before=before,
        older=history.older,
        left_out=max(0, len(lines) - MOST_LINES * 5),
        since=history.events[0].time if history.events else None,
    )


def _kind(place: Place) -> str:
    """Say what the object is and where: ``deployments.apps in shop · prod``."""
    resource = f"{place.resource}.{place.group}" if place.group else place.resource
    return f"{resource}{f' in {place.namespace}' if place.namespace else ''} · {place.cluster}"


def _change(revision: Revision, event: Event, card: Card | None, now: int, room: Room) -> Change:
    found = revision.difference
    lines, noise = (found.essence, found.noise) if found else ((), ())
    added, removed = found.counts if found else (0, 0)
    # What controllers do nobody typed.
    typed = (command_on(card) if card and event.kind == "human" else None) or {}
    taken = room.take(lines)
    quiet = room.take(noise)
    return Change(
        number=revision.number,
        row=row_of(event, now),
        command=shown(typed.get("command", ""), longest=300),
        confidence=typed.get("confidence", ""),
        deed=_deed(revision),
        tone=revision.deed,
        notes=tuple(_remarks(revision)),
        lines=taken,
        noise=quiet,
        added=added,
        removed=removed,
        left_out=len(lines) - len(taken) + len(noise) - len(quiet),
    )


def _deed(revision: Revision) -> str:
    if revision.deed == "changed" and revision.difference and not revision.difference.essence:
        return "Status only"
    if revision.deed == "changed" and revision.difference is None:
        return "First seen here"
    return _DEEDS[revision.deed]


def _remarks(revision: Revision) -> Iterator[str]:
    if revision.note:
        yield shown(revision.note, longest=300)
    if revision.difference and revision.difference.is_cut:
        yield "Only the beginning of what differs was compared: there is too much of it."
    if revision.gap:
        plural = "requests" if revision.gap > 1 else "request"
        yield f"May hold changes of at least {revision.gap} earlier {plural} whose content was not recorded."
    if revision.is_partial:
        yield "Only a part of the object is known: its earlier content was not recorded."


def _runs(changes: list[Change]) -> Iterator[Run]:
    """Fold what follows each other and changed only the status."""
    for is_quiet, group in groupby(changes, key=lambda change: change.deed == "Status only"):
        found = tuple(group)
        if is_quiet and len(found) > 1:
            yield Run(found, f"{len(found)} changes of the status only")
        else:
            yield from (Run((change,)) for change in found)


def _state(life: Life, is_past: bool) -> tuple[str, str]:
    """Say whether the object is there; on an older part of its life, whether it was then."""
    if life.exists is None:
        return ("Not known", "unknown")
    if life.exists:
        return ("Existed then" if is_past else "Exists", "ok")
    return ("Deleted then" if is_past else "Deleted", "bad")


def _notes(history: History) -> Iterator[str]:
    life = history.life
    levels = {event.level for event in history.events}
    if history.events and life.manifest is None:
        yield (
            "No content of this object was recorded: the audit policy keeps only metadata of such requests."
            if levels == {"Metadata"} else "No content of this object could be read from what was recorded."
        )
    if life.manifest is not None and life.gap:
        yield f"{life.gap} later changes were recorded without content: the manifest is older than they are."
    if life.manifest is not None and next(islice(write(life.manifest), MOST_BLAMED, None), None):
        yield f"Of the manifest, only the first {MOST_BLAMED:,} lines are shown: it is too large."
    if life.is_partial:
        yield "The manifest holds only what requests set since it was first seen."


def _blame(history: History, now: int) -> Iterator[Blame]:
    life = history.life
    if life.manifest is None:
        return
    newest = len(life.revisions)
    lines = islice(write(life.manifest, life.marks), MOST_BLAMED)
    for number, group in groupby(lines, key=lambda line: line.number):
        text = "\n".join(shown(line.text) for line in group)
        place = abs(number) % UNRECORDED
        yield _blamed(history, text, number, max(1, AGES - (newest - place) * AGES // max(newest, 1)), now)


def _blamed(history: History, text: str, number: int, age: int, now: int) -> Blame:
    if not number:
        return Blame(text, 0, "earlier", None, "", "Set before the first request that was recorded", 0)
    if number > UNRECORDED:
        until = moment_of(history.events[number - UNRECORDED - 1].time, now)
        title = f"Changed before {until.exact} by requests that are not recorded"
        return Blame(text, number - UNRECORDED, "not recorded", until, "≤", title, age)
    event = history.events[abs(number) - 1]
    row = row_of(event, now)
    doubt = "or a request before it that was recorded without content" if number < 0 else ""
    return Blame(
        text=text,
        number=abs(number),
        who=("≤ " if number < 0 else "") + shown(name_actor(event.actor), longest=80),
        when=moment_of_event(event, now),
        how=row.badge.text,
        title=f"{row.summary} {doubt}".strip(),
        age=age,
    )


def _actors(events: Iterable[Event]) -> Iterator[tuple[str, Actor, int]]:
    """Give who changed or tried to change the object, the busiest first."""
    counts: dict[Actor, int] = {}
    for event in events:
        if actor := actor_of(event):
            counts[actor] = counts.get(actor, 0) + 1
    for actor, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:12]:
        yield shown(name_actor(actor.name), longest=60), actor, count
