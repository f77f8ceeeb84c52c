"""Alerts as the pages show them: every text made safe to read, so that templates only place them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from audit_webhook.alerts.inbox import MICROSECONDS_A_DAY, Choice, list_alerts
from audit_webhook.alerts.rule import SEVERITIES, Rule
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.events.event import Event, rfc3339
from audit_webhook.events.visible_text import shown
from audit_webhook.query.edit import quote
from audit_webhook.search import feed
from audit_webhook.search.card_rows import row_of_card
from audit_webhook.search.cards import card_around
from audit_webhook.search.event_rows import Row, row_of
from audit_webhook.search.search import event_of
from audit_webhook.storage.alert_store import Alert, AlertStore, Note
from audit_webhook.storage.repository import Repository

PAGE: Final = 200
BARS: Final = 30
HEIGHT: Final = 20
BAR: Final = 4
LONGEST: Final = 200
MOST_EVENTS: Final = 20
MOST_AROUND: Final = 25
MOST_OTHERS: Final = 20
AROUND: Final = 10 * 60 * 1_000_000


class Column(NamedTuple):
    """One bar of a sparkline."""

    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """An alert in a list."""

    id: str
    title: str
    rule: str
    severity: str
    state: str
    cluster: str
    actor: str
    object: str
    assignee: str
    hits: int
    denied: int
    late: int
    first: int
    last: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Inbox:
    """The list of alerts; ``is_cut`` tells whether there are more."""

    choice: Choice
    lines: tuple[Line, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Story:
    """One alert with all that its page shows; ``row`` is None when the event is no longer stored."""

    line: Line
    rule: Rule | None
    reason: str
    row: Row | None
    events: tuple[Row, ...]
    around: tuple[Row, ...]
    around_query: str
    notes: tuple[Note, ...]
    others: tuple[Line, ...]
    namespace: str
    client: str


def view_inbox(store: AlertStore, shelf: RuleShelf, choice: Choice, now: int) -> Inbox:
    """Return the chosen alerts, newest first; raises InvalidParameter."""
    alerts = list_alerts(store, choice, PAGE + 1, now)
    lines = _lines(store, shelf, alerts[:PAGE], choice.days, now)
    return Inbox(choice, lines, len(alerts) > PAGE)


def view_alert(repository: Repository, store: AlertStore, shelf: RuleShelf, alert: Alert, now: int) -> Story:
    """Return an alert with its events, what its actor did around it, and their other alerts."""
    found = repository.find_event(alert.last_event)
    event = event_of(found) if found else None
    query = _around(alert)
    others = [
        each for each in list_alerts(store, Choice(days=90, actor=alert.actor, cluster=alert.cluster), MOST_OTHERS, now)
        if each.id != alert.id
    ] if alert.actor else []
    return Story(
        line=_lines(store, shelf, [alert], 30, now)[0], rule=shelf.find(alert.rule), reason=shown(alert.reason),
        row=row_of_card(card_around(repository, event, found.raw, now), now) if event and found else None,
        events=tuple(row_of(each, now) for each in _events(repository, store, alert)),
        around=tuple(row_of(each, now) for each in _happened(repository, query, now)), around_query=query,
        notes=tuple(_shown_note(note) for note in store.notes_of(alert.id)),
        others=_lines(store, shelf, others, 90, now), namespace=shown(alert.namespace), client=shown(alert.client),
    )


def _shown_note(note: Note) -> Note:
    return note._replace(note=shown(note.note), author=shown(note.author))


def _events(repository: Repository, store: AlertStore, alert: Alert) -> list[Event]:
    """Return the newest events of an alert, oldest first, of those that are still stored."""
    raws = [repository.find_event(event) for event, _ in store.hits_of(alert.id, MOST_EVENTS)]
    return sorted((event_of(raw) for raw in raws if raw is not None), key=lambda event: event.time)


def _around(alert: Alert) -> str:
    """Return the query for what happened around the first hit: by the actor, or to the cluster where there is none."""
    terms = [f"cluster:{quote(alert.cluster)}"]
    terms += [f"user:{quote(alert.actor)}"] if alert.actor else []
    since, until = rfc3339(max(0, alert.first_time - AROUND)), rfc3339(alert.first_time + AROUND)
    return " ".join((*terms, f'since:"{since}"', f'until:"{until}"'))


def _happened(repository: Repository, query: str, now: int) -> list[Event]:
    return feed.page(repository, query, None, MOST_AROUND, now).events[::-1]


def _lines(
    store: AlertStore, shelf: RuleShelf, alerts: Sequence[Alert], days: int, now: int
) -> tuple[Line, ...]:
    since = now - days * MICROSECONDS_A_DAY
    times = store.times_of([alert.id for alert in alerts], since) if alerts else {}
    titles = {rule.id: rule.title for rule in shelf.rules()}
    return tuple(_line(alert, titles, times.get(alert.id, ()), since, now) for alert in alerts)


def _line(alert: Alert, titles: Mapping[str, str], times: Sequence[int], since: int, now: int) -> Line:
    return Line(
        id=alert.id.hex(), title=titles.get(alert.rule, alert.rule), rule=alert.rule,
        severity=SEVERITIES[alert.severity], state=alert.state, cluster=alert.cluster,
        actor=shown(alert.actor, longest=LONGEST), object=shown(alert.object, longest=LONGEST),
        assignee=shown(alert.assignee), hits=alert.hits, denied=alert.denied, late=alert.late, first=alert.first_time,
        last=alert.last_time, columns=_columns(times, since, now),
    )


def _columns(times: Sequence[int], since: int, now: int) -> tuple[Column, ...]:
    """Return the bars of a sparkline from a time until now; what is later counts for now."""
    width = max(1, (now - since) // BARS)
    counts = [0] * BARS
    for moment in times:
        counts[min(BARS - 1, max(0, (moment - since) // width))] += 1
    most = max(counts)
    heights = [max(2, round(HEIGHT * count / most)) if count else 0 for count in counts]
    return tuple(Column(place * BAR, HEIGHT - height, height) for place, height in enumerate(heights) if height)
