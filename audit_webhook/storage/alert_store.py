"""The tables of alerts: what rules found, and all that was done about it.

An alert is a group of hits of one rule on one cluster, by one actor, on one object; ``group_key`` is a hash of these.
While it is open or acknowledged, further hits are added to it; after it was closed, the next one begins a new alert.
Of each alert at most `MOST_HITS` hits have rows of their own; ``hits`` counts all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.scope import EVERYWHERE, Scope
from audit_webhook.storage.search_sql import fill_ids
from audit_webhook.storage.text_columns import text_of

MOST_HITS: Final = 1000
Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "low", "medium", "high", "critical")
"""From the least to the most severe; a row has the place in this list."""
STATES: Final = ("open", "acknowledged", "closed")
LONGEST: Final = {"actor": 512, "object": 1024, "namespace": 255, "client": 64, "reason": 1024, "note": 4096}
_FILTERS: Final = ("rule", "cluster", "actor", "object", "state", "assignee", "severity")


class Alert(NamedTuple):
    """One row; times in microseconds: of the events, when it was found, and when anything about it changed.

    ``denied`` counts the hits that were denied, ``late`` those whose events came long after they happened.
    """

    id: bytes
    group_key: bytes
    rule: str
    severity: int
    cluster: str
    namespace: str
    actor: str
    object: str
    client: str
    state: str
    reason: str
    assignee: str
    first_time: int
    last_time: int
    found: int
    changed: int
    hits: int
    denied: int
    late: int
    last_event: bytes


class Note(NamedTuple):
    """What somebody did to an alert: ``action`` is a state, ``assigned``, ``note`` or ``muted``."""

    id: bytes
    alert_id: bytes
    made: int
    author: str
    action: str
    note: str


class Mark(NamedTuple):
    """An alert that an event belongs to."""

    event_id: bytes
    alert_id: bytes
    rule: str
    severity: int
    state: str


class RuleCount(NamedTuple):
    """What a rule found: alerts, hits, the time of the last one, and how many alerts are not closed."""

    rule: str
    alerts: int
    hits: int
    last: int
    open: int


def alert_id(moment: int) -> bytes:
    """Return a new id that begins with a time in microseconds, as milliseconds."""
    return (moment // 1000).to_bytes(6, "big") + os.urandom(10)


class AlertStore:
    """The statements on alerts; a reader sees those of the clusters and namespaces that may be seen."""

    def __init__(self, database: Database, scope: Callable[[], Scope] = lambda: EVERYWHERE) -> None:
        """Use the repository's connections; ``scope`` tells what may be seen at a moment."""
        self._database: Final = database
        self._scope: Final = scope
        self._statements: Final[Mapping[str, str]] = queries.load(database.dialect)

    def list_alerts(
        self, since: int, until: int, limit: int, chosen: Mapping[str, Collection[str | int]] | None = None
    ) -> list[Alert]:
        """Return the newest alerts whose last hit lies between two times, of the values chosen by column."""
        where, values = self._where(chosen or {})
        sql = self._statements["list_alerts"].format(where=where)
        return [_alert_of(row) for row in self._rows(sql, (since, until, *values, limit))]

    def find_alert(self, identifier: bytes) -> Alert | None:
        """Return an alert that may be seen, or None."""
        found = [_alert_of(row) for row in self._rows(self._statements["find_alert"], (identifier,))]
        return found[0] if found and self._may_see(found[0].cluster, found[0].namespace) else None

    def hits_of(self, identifier: bytes, limit: int) -> list[tuple[bytes, int]]:
        """Return the ids and times of an alert's events, newest first."""
        rows = self._rows(self._statements["alert_hits"], (identifier, limit))
        return [(bytes(event), happened) for event, happened in rows]

    def times_of(self, ids: Sequence[bytes], since: int) -> dict[bytes, list[int]]:
        """Return the times since one of the hits of some alerts."""
        found: dict[bytes, list[int]] = {}
        for start in range(0, len(ids), 500):
            part = ids[start:start + 500]
            rows = self._rows(fill_ids(self._statements["hits_of_alerts"], len(part)), (since, *part))
            for identifier, happened in rows:
                found.setdefault(bytes(identifier), []).append(happened)
        return found

    def marks_of(self, events: Sequence[bytes]) -> list[Mark]:
        """Return the alerts that some events belong to, of those that may be seen."""
        found = []
        for start in range(0, len(events), 500):
            part = events[start:start + 500]
            for row in self._rows(fill_ids(self._statements["alerts_of_events"], len(part)), part):
                event, identifier, rule, severity, cluster, namespace, state = row
                if self._may_see(text_of(cluster), text_of(namespace)):
                    found.append(Mark(bytes(event), bytes(identifier), text_of(rule), severity, text_of(state)))
        return found

    def count_by_rule(self, since: int) -> list[RuleCount]:
        """Return what each rule found since a time, of what may be seen."""
        where, values = self._where({})
        rows = self._rows(self._statements["hits_by_rule"].format(where=where), ("closed", since, *values))
        return [RuleCount(text_of(rule), *map(int, numbers)) for rule, *numbers in rows]

    def open_by_severity(self) -> dict[int, int]:
        """Return how many alerts are open, by severity."""
        rows = self._rows(self._statements["open_by_severity"], ("open",))
        return {int(severity): int(count) for severity, count in rows}

    def notes_of(self, identifier: bytes) -> list[Note]:
        """Return what was done to an alert, oldest first."""
        return [
            Note(bytes(key), bytes(alert), made, text_of(author), text_of(action), text_of(note))
            for key, alert, made, author, action, note in self._rows(self._statements["list_notes"], (identifier,))
        ]

    def set_state(self, alert: Alert, note: Note, also: Callable[[Cursor], None] = lambda cursor: None) -> None:
        """Store the state of an alert, the note that says who did it, and what ``also`` writes in the transaction."""
        with self._database.write() as cursor:
            self._execute(
                cursor, "set_alert_state", alert.state, alert.reason, alert.assignee, alert.changed, alert.id
            )
            self._execute(cursor, "insert_note", *note)
            also(cursor)

    def forget(self, before: int) -> None:
        """Delete alerts, hits and notes that are older than a time in microseconds."""
        with self._database.write() as cursor:
            for name in ("forget_hits", "forget_alerts", "forget_notes"):
                self._execute(cursor, name, before)

    def known_hits(self, cursor: Cursor, ids: Sequence[bytes]) -> set[bytes]:
        """Return those of some hits that are stored."""
        found: set[bytes] = set()
        for start in range(0, len(ids), 500):
            part = ids[start:start + 500]
            cursor.execute(self._adapted(fill_ids(self._statements["known_hits"], len(part))), tuple(part))
            found |= {bytes(row[0]) for row in cursor.fetchall()}
        return found

    def open_alert(self, cursor: Cursor, group_key: bytes) -> Alert | None:
        """Return the alert of a group that is not closed, or None."""
        self._execute(cursor, "open_alert", group_key, "closed")
        rows = cursor.fetchall()
        return _alert_of(rows[0]) if rows else None

    def insert_alert(self, cursor: Cursor, alert: Alert) -> None:
        """Insert a new alert."""
        self._execute(cursor, "insert_alert", *alert)

    def update_alert(self, cursor: Cursor, alert: Alert) -> None:
        """Store what further hits changed."""
        self._execute(
            cursor, "update_alert", alert.severity, alert.first_time, alert.last_time, alert.changed, alert.hits,
            alert.denied, alert.late, alert.last_event, alert.id,
        )

    def insert_hits(self, cursor: Cursor, rows: Iterable[tuple[bytes, bytes, bytes, int]]) -> None:
        """Insert hits: their ids, alerts, events and times."""
        for row in rows:
            self._execute(cursor, "insert_hit", *row)

    def _may_see(self, cluster: str, namespace: str) -> bool:
        scope = self._scope()
        return scope.has_cluster(cluster) and (scope.namespaces is None or namespace in scope.namespaces)

    def _where(self, chosen: Mapping[str, Collection[str | int]]) -> tuple[str, tuple[Any, ...]]:
        """Return the condition of the columns chosen and of what may be seen; columns are those of `_FILTERS`."""
        scope = self._scope()
        conditions: list[tuple[str, Collection[Any]]] = [(name, chosen[name]) for name in _FILTERS if name in chosen]
        conditions += [("cluster", scope.clusters)] if scope.clusters is not None else []
        conditions += [("namespace", scope.namespaces)] if scope.namespaces is not None else []
        sql = ["TRUE"]
        values: list[Any] = []
        for name, wanted in conditions:
            sql.append(f"{name} IN ({', '.join(['%s'] * len(wanted))})" if wanted else "FALSE")
            values += sorted(wanted)
        return " AND ".join(sql), tuple(values)

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> Sequence[Row]:
        with self._database.read() as cursor:
            cursor.execute(self._adapted(sql), tuple(values))
            return cursor.fetchall()

    def _execute(self, cursor: Cursor, name: str, *values: Any) -> None:
        cursor.execute(self._adapted(self._statements[name]), values)

    def _adapted(self, sql: str) -> str:
        return queries.adapt(sql, self._database.dialect)


def _alert_of(row: Row) -> Alert:
    key, group, rule, severity, cluster, namespace, actor, thing, client, state, reason, assignee, *rest = row
    *numbers, event = rest
    texts = map(text_of, (cluster, namespace, actor, thing, client, state, reason, assignee))
    return Alert._make((bytes(key), bytes(group), text_of(rule), severity, *texts, *numbers, bytes(event)))
