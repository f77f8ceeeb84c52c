"""Events as the pages show them: frozen values with every text made safe to read, so that templates only place them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, NamedTuple

from audit_webhook.event import EPOCH, Event, rfc3339
from audit_webhook.humanize import Part, badge, emphasis, outcome, sentence, why
from audit_webhook.query.fields import BY_NAME
from audit_webhook.services.places import Actor, Place, actor_of, place_of
from audit_webhook.visible_text import write_out

LONGEST_TEXT: Final = 2_000
SECOND: Final = 1_000_000
KIND_LABELS: Final = {
    "human": "person",
    "serviceaccount": "service account",
    "node": "node",
    "controlplane": "control plane",
    "anonymous": "anonymous",
}


def shown(text: str, kept: str = "", longest: int = LONGEST_TEXT) -> str:
    r"""Return a text with what cannot be seen, or turns the line around, as ``\u202e``; long ones are cut."""
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text):,} characters)"
    return write_out(text, kept)


def shown_value(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text as `shown` does, in quotes when spaces at its ends or in a row would not be seen."""
    written = shown(text, longest=longest)
    return f"“{written}”" if written != written.strip(" ") or "  " in written else written


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: for programs, exact for people, and how long ago."""

    iso: str
    exact: str
    relative: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What stands behind a user name, as an icon and in words."""

    icon: str
    label: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of a sentence; the actor and what was acted on are strong."""

    text: str
    is_strong: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A word with the tone that colours it."""

    text: str
    tone: str


class Cell(NamedTuple):
    """A further fact of an event, in a column that the reader chose: the field's name and its text."""

    name: str
    text: str


class Sent(NamedTuple):
    """One of the requests of a command: its event, when, what was done in a word and in a sentence, and the outcome."""

    id: str
    time: Moment
    badge: Mark
    text: str
    outcome: Mark


class Folded(NamedTuple):
    """What a row of the feed folds: a command, its requests, and the ids of all of their events, oldest first."""

    command: str
    requests: tuple[Sent, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One event in the feed, or a command with its requests."""

    id: str
    time: Moment
    kind: Kind
    phrases: tuple[Phrase, ...]
    badge: Mark
    outcome: Mark
    cluster: str
    cells: tuple[Cell, ...]
    emphasis: str
    why: str
    actor: Actor | None = None
    place: Place | None = None
    folded: Folded | None = None

    @property
    def order(self) -> str:
        """The id by which the row has its place: that of its newest event."""
        return max(self.folded.ids) if self.folded else self.id

    @property
    def summary(self) -> str:
        """The sentence as plain text."""
        return "".join(phrase.text for phrase in self.phrases)


def row_of(event: Event, now: int, columns: Iterable[str] = ()) -> Row:
    """Turn an event into its row with these fields as columns."""
    word, result = badge(event), outcome(event)
    return Row(
        id=event.id,
        time=moment_of_event(event, now),
        kind=Kind(event.kind, KIND_LABELS.get(event.kind, event.kind)),
        phrases=phrases_of(sentence(event)),
        badge=Mark(shown(word.text), word.tone),
        outcome=Mark(shown(result.text), result.tone),
        cluster=event.cluster,
        cells=tuple(Cell(name, shown_value(BY_NAME[name].value(event), longest=200)) for name in columns),
        emphasis=emphasis(event),
        why=why(event),
        actor=actor_of(event),
        place=place_of(event),
    )


def phrases_of(parts: Iterable[Part]) -> tuple[Phrase, ...]:
    """Make the parts of a sentence safe to read."""
    return tuple(Phrase(shown(part.text), part.role != "text") for part in parts)


def moment_of_event(event: Event, now: int) -> Moment:
    """Return when an event happened, or when it was received where it does not say."""
    moment = moment_of(event.time, now)
    if event.is_time_recorded:
        return moment
    return replace(moment, exact=f"Time not recorded. Received {moment.exact}", relative=f"~ {moment.relative}")


def moment_of(microseconds: int, now: int) -> Moment:
    """Write a time in its three forms."""
    moment = EPOCH + timedelta(microseconds=microseconds)
    exact = f"{moment:%a} {moment.day} {moment:%b %Y %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"
    return Moment(rfc3339(microseconds), exact, write_age(now - microseconds) or f"{moment:%Y-%m-%d}")


def write_age(microseconds: int) -> str:
    """Say how long ago something was in a few characters; empty when that is a month or more."""
    seconds = abs(microseconds) // SECOND
    sign = "in " if microseconds < 0 else ""
    if seconds < 5:
        return "now"
    for size, unit in ((60, "s"), (3600, "min"), (86_400, "h"), (30 * 86_400, "d")):
        if seconds < size:
            return f"{sign}{seconds // _UNITS[unit]} {unit}"
    return ""


_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


def write_duration(microseconds: int) -> str:
    """Say how long something took: ``9 ms``, ``1.2 s``, ``3 min 20 s``."""
    if microseconds < 1000:
        return f"{microseconds} µs"
    if microseconds < SECOND:
        return f"{microseconds / 1000:.0f} ms" if microseconds >= 10_000 else f"{microseconds / 1000:.1f} ms"
    seconds = microseconds / SECOND
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
