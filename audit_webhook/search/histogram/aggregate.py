"""Adds up what a picture shows: bars by series, values by field; from tallies where they can tell, else from events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.humanize import badge
from audit_webhook.humanize.phrases import READS
from audit_webhook.query.fields import BY_NAME
from audit_webhook.query.predicate import Predicate
from audit_webhook.query.syntax import And, Compare, Equals, Glob, Holds, Node, Not, Or
from audit_webhook.search.histogram.buckets import Timeline
from audit_webhook.storage.chunks.counts import LANE, read_lanes

DENIED: Final = 403
NO_JSON: Final = b""
"""What tallies can tell needs no JSON."""
OUTCOMES: Final = {"done": "1..399", "denied": "403", "failed": "(400..402 or >403)", "unanswered": "0"}
"""Each outcome with the value of ``code:`` that chooses it."""
FACETS: Final = ("user", "verb", "resource", "outcome", "ns", "cluster", "kind", "client", "ip", "sub", "code")
SERIES: Final = {
    "outcome": ("read", "change", "exec", "denied", "failed"),
    "verb": ("read", "create", "change", "delete", "exec", "other"),
}
SESSIONS: Final = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources by which somebody works inside a pod, a service or a node, whatever the verb says."""
CHARTED: Final = ("user", "resource", "ns", "client", "cluster", "kind", "ip", "sub", "code")
"""Fields whose most frequent values can be the series."""
BY: Final = (*SERIES, *CHARTED)
OTHERS: Final = "…"
"""The series of all values that have none of their own."""
MOST_SERIES: Final = 500
"""Values kept apart: of more, those that are seen first. A picture in the making holds a number a bar for each."""
_OF_CALLERS: Final = frozenset({"public"})
"""Fields without a column that the caller alone decides."""
_UNTALLIED: Final = frozenset({"name", "audit", "id"})


def outcome_of(event: Event) -> str:
    """Give the outcome of an event as its code tells it: one of OUTCOMES."""
    code = event.code or 0
    if code >= 400:
        return "denied" if code == DENIED else "failed"
    return "done" if code else "unanswered"


def _by_outcome(event: Event) -> str:
    outcome = outcome_of(event)
    if outcome in ("denied", "failed"):
        return outcome
    return "exec" if event.subresource in SESSIONS else "read" if event.verb in READS else "change"


def _by_verb(event: Event) -> str:
    return badge(event).tone


def _kind(event: Event) -> str:
    return "human" if event.kind == "anonymous" else event.kind


_SERIES_OF: Final[dict[str, Callable[[Event], str]]] = {"outcome": _by_outcome, "verb": _by_verb}
_VALUE_OF: Final[dict[str, Callable[[Event], str]]] = {
    **{name: BY_NAME[name].value for name in FACETS if name in BY_NAME}, "kind": _kind, "outcome": outcome_of,
}


def can_tally(node: Node) -> bool:
    """Whether tallies tell exactly what matches: they know callers, actions and namespaces, no names and no times."""
    match node:
        case And(children) | Or(children):
            return all(map(can_tally, children))
        case Not(child):
            return can_tally(child)
        case Equals(name, _) | Glob(name, _):
            return name not in _UNTALLIED
        case Compare(name, _, _):
            return name != "time"
        case Holds(name, _, _):
            return name in _OF_CALLERS
        case _:
            return False


def split_conditions(node: Node) -> tuple[Node, Node]:
    """Give what tallies can tell of a tree and what they cannot; range ends at its top are in neither."""
    children = node.children if isinstance(node, And) else (node,)
    children = tuple(inner for child in children for inner in (child.children if isinstance(child, And) else (child,)))
    timeless = [child for child in children if not _is_bound(child)]
    return (
        And(tuple(child for child in timeless if can_tally(child))),
        And(tuple(child for child in timeless if not can_tally(child))),
    )


def _is_bound(node: Node) -> bool:
    return isinstance(node, Compare) and node.field == "time" and node.operator in (">=", "<")


@dataclass
class Counts:
    """Sums so far: events in all, by series and bar, by field and value."""

    timeline: Timeline
    by: str
    matches: Predicate
    alternatives: dict[str, Predicate] = field(default_factory=dict)
    """For a field that the query fixes: what chooses the values that it could have instead."""
    total: int = 0
    bars: dict[str, list[int]] = field(default_factory=dict)
    facets: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, event: Event, events: int) -> bool:
        """Count events that are like this one in all but time and name; False when they do not match."""
        is_match = self.matches(event, NO_JSON)
        for name in FACETS:
            if self.alternatives[name](event, NO_JSON) if name in self.alternatives else is_match:
                self.facets[name][_VALUE_OF[name](event)] += events
        self.total += events if is_match else 0
        return is_match

    def series_of(self, event: Event) -> str:
        """Give the series that an event belongs to."""
        return _SERIES_OF[self.by](event) if self.by in _SERIES_OF else _VALUE_OF[self.by](event)

    def add_at(self, event: Event, events: int, milliseconds: int) -> None:
        """Count events of about this time."""
        bar = self.timeline.bar_of(milliseconds)
        if self.add(event, events) and bar is not None:
            self._bars(self.series_of(event))[bar] += events

    def add_day(self, series: str, day: int, lanes: int) -> None:
        """Add a day's lanes, whose events are counted already, to the bars."""
        bars, line = self._bars(series), self.timeline
        for number, events in enumerate(read_lanes(lanes)):
            if events and (bar := line.bar_of(day + number * LANE)) is not None:
                bars[bar] += events

    def _bars(self, series: str) -> list[int]:
        if series not in self.bars and len(self.bars) >= MOST_SERIES:
            series = OTHERS
        return self.bars.setdefault(series, [0] * self.timeline.bars)

    def series(self) -> dict[str, list[int]]:
        """Return the bars: of outcomes and verbs in their order, of a field's values the most frequent first."""
        if self.by in SERIES:
            return {name: list(self.bars[name]) for name in SERIES[self.by] if any(self.bars.get(name, ()))}
        ordered = sorted(self.bars.items(), key=lambda item: (item[0] == OTHERS, -sum(item[1]), item[0]))
        return {name: list(bars) for name, bars in ordered if any(bars)}
