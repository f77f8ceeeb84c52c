"""Marks the rows of events on which a rule raised an alert, with one question for all rows of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from audit_webhook.events.ids import from_text, to_text
from audit_webhook.events.visible_text import shown
from audit_webhook.search.event_rows import AlertMark, Row
from audit_webhook.storage.alert_store import SEVERITIES, AlertStore, Mark
from audit_webhook.storage.repository import Repository


def with_alerts(repository: Repository, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows, each with the alerts of its events that the reader may see, the most severe first."""
    events_of = {row.id: {row.id, *(row.folded.ids if row.folded else ())} for row in rows}
    wanted = sorted({from_text(event) for events in events_of.values() for event in events})
    found = AlertStore(repository.database, repository.scope).marks_of(wanted) if wanted else []
    if not found:
        return tuple(rows)
    by_event: dict[str, list[Mark]] = {}
    for mark in found:
        by_event.setdefault(to_text(mark.event_id), []).append(mark)
    return tuple(
        replace(row, alerts=_marks([mark for event in events_of[row.id] for mark in by_event.get(event, ())]))
        for row in rows
    )


def _marks(found: Sequence[Mark]) -> tuple[AlertMark, ...]:
    distinct = {mark.alert_id: mark for mark in found}.values()
    return tuple(
        AlertMark(mark.alert_id.hex(), SEVERITIES[mark.severity], shown(mark.rule, longest=64), mark.state == "closed")
        for mark in sorted(distinct, key=lambda mark: (-mark.severity, mark.rule, mark.alert_id))
    )
