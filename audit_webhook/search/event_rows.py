"""Events as the pages show them: frozen values with every text made safe to read, so that templates only place them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.events.visible_text import shown, shown_value
from audit_webhook.humanize import Part, badge, emphasis, outcome, sentence, why
from audit_webhook.humanize.moments import Moment, moment_of_event
from audit_webhook.query.fields import BY_NAME
from audit_webhook.search.addresses import Actor, Place, actor_of, place_of

KIND_LABELS: Final = {
    "human": "person",
    "serviceaccount": "service account",
    "node": "node",
    "controlplane": "control plane",
    "anonymous": "anonymous",
}


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
    """What a row of the feed folds: a command, its requests, and the ids of all of their events, oldest first.

    ``confidence`` is how sure the command is: ``exact``, ``likely``, ``equivalent``, or empty without one.
    """

    command: str
    confidence: str
    requests: tuple[Sent, ...]
    ids: tuple[str, ...]


class AlertMark(NamedTuple):
    """An alert that events of a row belong to."""

    id: str
    severity: str
    rule: str
    is_closed: bool


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
    alerts: tuple[AlertMark, ...] = ()

    @property
    def order(self) -> str:
        """The id by which the row has its place: that of its newest event."""
        return max(self.folded.ids) if self.folded else self.id

    def holds(self, identifier: str) -> bool:
        """Whether an event is on this row."""
        return identifier == self.id or bool(self.folded and identifier in self.folded.ids)

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
