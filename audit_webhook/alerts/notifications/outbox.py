"""Writes what sinks are to be told, in the transaction of the alerts that it tells of.

The messages of a sink are grouped by rule and cluster, or by alert: the first one of a group is due at once; what
follows within the sink's interval is one message that is due at its end. A sink for which `MOST_WAITING` messages wait,
or `MOST_AT_ONCE` come in one transaction, gets the rest in one message, which counts it: whoever writes events chooses
how many alerts there are, and must not choose how long a transaction takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

from audit_webhook.alerts.notifications.sink import Sink
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.rule_book import Hit
from audit_webhook.storage.alert_outbox_store import MOST_MEMBERS, WAITING, AlertOutboxStore, Message
from audit_webhook.storage.alert_store import Alert, alert_id
from audit_webhook.storage.database import Cursor

MOST_WAITING: Final = 1000
MOST_AT_ONCE: Final = 200
REST: Final = bytes(16)
"""The group of what comes when too much waits."""


class News(NamedTuple):
    """Hits that were added to an alert, and the name of a sink that is to be told."""

    alert: Alert
    hits: int
    sink: str


class _Part(NamedTuple):
    """What a message is to tell: alerts, hits and the highest severity."""

    alerts: list[Alert]
    hits: int

    @property
    def severity(self) -> int:
        return max(alert.severity for alert in self.alerts)


class Outbox:
    """Writes messages for the sinks of SINKS_FILE."""

    def __init__(self, store: AlertOutboxStore, shelf: SinkShelf) -> None:
        """Write into these tables."""
        self.store: Final = store
        self.shelf: Final = shelf
        self._sinks: tuple[Sink, ...] = ()

    def look(self) -> None:
        """Take the sinks as the file holds them now, for `wanting`."""
        self._sinks = self.shelf.sinks()

    def wanting(self, hit: Hit, raw: bytes) -> tuple[str, ...]:
        """Return the names of the sinks that are to be told of a hit, whose event is stored as these bytes."""
        return tuple(sink.name for sink in self._sinks if sink.wants(hit, raw))

    def tell(self, cursor: Cursor, news: Iterable[News], now: int) -> None:
        """Write what sinks are to be told of hits; the time is in microseconds."""
        sinks = {sink.name: sink for sink in self.shelf.sinks()}
        groups: dict[str, dict[bytes, _Part]] = {}
        for alert, hits, name in news:
            if sink := sinks.get(name):
                parts, key = groups.setdefault(name, {}), _group_key(sink, "firing", alert)
                known = parts.setdefault(key, _Part([], 0))
                known.alerts.append(alert)
                parts[key] = known._replace(hits=known.hits + hits)
        for name, parts in sorted(groups.items()):
            for key, part in _bounded(parts):
                self._put(cursor, sinks[name], "firing", key, part, now)

    def tell_change(self, cursor: Cursor, alert: Alert, now: int) -> None:
        """Write to the sinks that were told of an alert, and want to know, that it was closed or opened again."""
        kind = "resolved" if alert.state == "closed" else "firing"
        for name in self.store.sinks_told(cursor, alert.id):
            sink = self.shelf.find(name)
            if sink is not None and sink.send_resolved:
                self._put(cursor, sink, kind, _group_key(sink, kind, alert), _Part([alert], 0), now)

    def _put(self, cursor: Cursor, sink: Sink, kind: str, key: bytes, part: _Part, now: int) -> None:
        for alert in part.alerts[:MOST_MEMBERS]:
            self.store.note_told(cursor, alert.id, sink.name, now)
        last = self.store.last_of_group(cursor, sink.name, key)
        if last is None or not _is_open(last):
            if self.store.count_waiting(cursor, sink.name) < MOST_WAITING:
                self.store.insert(cursor, _begun(sink, kind, key, part, last, now))
                return
            last = self.store.last_of_group(cursor, sink.name, REST)
            if last is None or not _is_open(last):
                self.store.insert(cursor, _begun(sink, kind, REST, part, last, now))
                return
        self.store.join(cursor, _joined(sink, last, part, now))


def a_test(sink: str, now: int) -> Message:
    """Return a message that only shows whether a sink can be reached."""
    identifier = alert_id(now)
    return Message(identifier, sink, identifier, "test", WAITING, 0, 0, False, (), now, now)


def _is_open(message: Message) -> bool:
    return message.state == WAITING and not message.begun


def _begun(sink: Sink, kind: str, key: bytes, part: _Part, last: Message | None, now: int) -> Message:
    """Return the first message of a group, or the one that follows the last."""
    following = (last.begun or last.made) + sink.interval if last else 0
    due = sink.not_before(max(now, following), part.severity)
    members = tuple(dict.fromkeys(alert.id for alert in part.alerts))[:MOST_MEMBERS]
    is_more = following > now or key == REST
    return Message(
        alert_id(now), sink.name, key, kind, WAITING, part.severity, part.hits, is_more, members, now, due
    )


def _bounded(parts: dict[bytes, _Part]) -> list[tuple[bytes, _Part]]:
    """Return the gravest groups, and as one further group what is beyond their number."""
    ordered = sorted(parts.items(), key=lambda each: (-each[1].severity, each[0]))
    if rest := [part for _, part in ordered[MOST_AT_ONCE:]]:
        alerts = [alert for part in rest for alert in part.alerts]
        return [*ordered[:MOST_AT_ONCE], (REST, _Part(alerts, sum(part.hits for part in rest)))]
    return ordered


def _joined(sink: Sink, message: Message, part: _Part, now: int) -> Message:
    """Return a message with further hits; one that is graver now need not wait for the end of the interval."""
    members = tuple(dict.fromkeys((*message.members, *(alert.id for alert in part.alerts))))[:MOST_MEMBERS]
    is_graver = part.severity > message.severity
    due = min(message.due, sink.not_before(now, part.severity)) if is_graver else message.due
    severity = max(message.severity, part.severity)
    return message._replace(severity=severity, hits=message.hits + part.hits, members=members, due=due)


def _group_key(sink: Sink, kind: str, alert: Alert) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    of = (alert.id.hex(),) if sink.group_by == "alert" else (alert.rule, alert.cluster)
    for text in (sink.group_by, kind, *of):
        encoded = text.encode("utf-8", "replace")
        digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.digest()
