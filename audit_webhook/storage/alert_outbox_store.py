"""The tables of messages: what waits for which sink, which alerts a sink was told of, and how each sink fares.

A message is written in the transaction of the alerts that it tells of. As long as nobody has begun to send it, further
hits of its group join it; from then on it stays as it is, so that a second try says the same under the same id. A
message that was sent stays for a while: it tells when the next one of its group may follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from audit_webhook.events.limits import cut
from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.text_columns import text_of

WAITING: Final = "waiting"
SENT: Final = "sent"
DEAD: Final = "dead"
MOST_MEMBERS: Final = 100
"""Alerts that one message names; ``hits`` counts those of all."""
LONGEST_ERROR: Final = 512
_KEY: Final = 16


class Message(NamedTuple):
    """One row; times in microseconds. ``is_more``: its group had a message shortly before.

    ``kind`` is ``firing``, ``resolved`` or ``test``; ``members`` are the ids of alerts; ``begun`` is when it was first
    tried, 0 while it was not; ``tries`` counts those that failed, and ``error`` is what the last one said.
    """

    id: bytes
    sink: str
    group_key: bytes
    kind: str
    state: str
    severity: int
    hits: int
    is_more: bool
    members: tuple[bytes, ...]
    made: int
    due: int
    begun: int = 0
    tries: int = 0
    error: str = ""


class SinkState(NamedTuple):
    """How a sink fares: messages sent and tries that failed, the time of the last of each, and the last error."""

    sink: str
    sent: int = 0
    failed: int = 0
    succeeded: int = 0
    erred: int = 0
    error: str = ""


class Pile(NamedTuple):
    """How many messages of a sink are in a state, when the oldest one was made, and since when the first one is due."""

    messages: int = 0
    oldest: int = 0
    since: int = 0


class AlertOutboxStore:
    """The statements on messages."""

    def __init__(self, database: Database) -> None:
        """Use the repository's connections."""
        self._database: Final = database
        self._statements: Final[Mapping[str, str]] = queries.load(database.dialect)

    def last_of_group(self, cursor: Cursor, sink: str, group_key: bytes) -> Message | None:
        """Return the newest message of a group, locked until the end of the transaction."""
        self._execute(cursor, "last_of_group", sink, group_key)
        rows = cursor.fetchall()
        return _message_of(rows[0]) if rows else None

    def insert(self, cursor: Cursor, message: Message) -> None:
        """Insert a new message."""
        values = {**message._asdict(), "members": b"".join(message.members)}
        self._execute(cursor, "insert_message", *values.values())

    def join(self, cursor: Cursor, message: Message) -> None:
        """Store what joined a message."""
        members = b"".join(message.members)
        self._execute(cursor, "join_message", message.severity, message.hits, members, message.due, message.id)

    def count_waiting(self, cursor: Cursor, sink: str) -> int:
        """Return how many messages wait for a sink."""
        self._execute(cursor, "waiting_of_sink", WAITING, sink)
        return int(cursor.fetchall()[0][0])

    def sinks_told(self, cursor: Cursor, alert: bytes) -> list[str]:
        """Return the sinks that were told of an alert."""
        self._execute(cursor, "sinks_told", alert)
        return sorted(text_of(sink) for (sink,) in cursor.fetchall())

    def note_told(self, cursor: Cursor, alert: bytes, sink: str, now: int) -> None:
        """Note that a sink is told of an alert."""
        self._execute(cursor, "note_told", alert, sink, now)

    def due_sinks(self, now: int) -> list[str]:
        """Return the sinks for which a message is due."""
        return sorted(text_of(sink) for (sink,) in self._rows("due_sinks", WAITING, now))

    def next_message(self, cursor: Cursor, sink: str, now: int) -> Message | None:
        """Return the message of a sink that is due next, locked until the end of the transaction, and begin it."""
        self._execute(cursor, "next_message", WAITING, sink, now)
        rows = cursor.fetchall()
        if not rows:
            return None
        message = _message_of(rows[0])
        if not message.begun:
            message = message._replace(begun=now)
            self._execute(cursor, "begin_message", now, message.id)
        return message

    def note_sent(self, cursor: Cursor, message: Message, now: int) -> None:
        """Note that a sink took a message."""
        self._execute(cursor, "end_message", SENT, message.due, message.tries, "", message.id)
        self._execute(cursor, "note_sent", message.sink, now, "")

    def note_failed(self, cursor: Cursor, message: Message, now: int) -> None:
        """Note that a sink did not take a message; its state, tries, error and next time are those that it has now."""
        error = cut(message.error, LONGEST_ERROR)
        self._execute(cursor, "end_message", message.state, message.due, message.tries, error, message.id)
        self._execute(cursor, "note_failed", message.sink, now, error)

    def states(self) -> dict[str, SinkState]:
        """Return how each sink fares that a message was ever sent to."""
        found = {}
        for sink, sent, failed, succeeded, erred, error in self._rows("read_sinks"):
            name = text_of(sink)
            found[name] = SinkState(name, int(sent), int(failed), int(succeeded), int(erred), text_of(error))
        return found

    def counts(self) -> dict[tuple[str, str], Pile]:
        """Return how many messages wait or are dead, by sink and state."""
        rows = self._rows("count_messages", SENT)
        return {(text_of(sink), text_of(state)): Pile(*map(int, numbers)) for sink, state, *numbers in rows}

    def messages(self, state: str, sink: str, limit: int) -> list[Message]:
        """Return the newest messages in a state, of one sink or, where that is empty, of all."""
        return [_message_of(row) for row in self._rows("list_messages", state, sink, len(sink), limit)]

    def revive(self, sink: str, now: int) -> int:
        """Let the dead messages of a sink, or of all where that is empty, be sent again; return their number."""
        with self._database.write() as cursor:
            self._execute(cursor, "revive_messages", WAITING, now, DEAD, sink, len(sink))
            return cursor.rowcount

    def revive_one(self, identifier: bytes, now: int) -> bool:
        """Let a dead message be sent again; return whether there is one of this id."""
        with self._database.write() as cursor:
            self._execute(cursor, "revive_message", WAITING, now, DEAD, identifier)
            return cursor.rowcount > 0

    def add(self, message: Message) -> None:
        """Insert a message in a transaction of its own."""
        with self._database.write() as cursor:
            self.insert(cursor, message)

    def forget(self, sent_before: int, before: int, sinks: Iterable[str], most_dead: int) -> None:
        """Delete messages sent before a time, all made before another one, and the oldest dead ones beyond a number."""
        with self._database.write() as cursor:
            self._execute(cursor, "forget_sent", SENT, sent_before)
            self._execute(cursor, "forget_messages", before)
            for sink in sinks:
                self._execute(cursor, "oldest_dead_kept", DEAD, sink, most_dead)
                for (made,) in cursor.fetchall():
                    self._execute(cursor, "forget_dead", DEAD, sink, made)

    def forget_told(self, before: int) -> None:
        """Delete what is known of whom was told before a time."""
        with self._database.write() as cursor:
            self._execute(cursor, "forget_told", before)

    def _rows(self, name: str, *values: Any) -> Sequence[Row]:
        with self._database.read() as cursor:
            self._execute(cursor, name, *values)
            return cursor.fetchall()

    def _execute(self, cursor: Cursor, name: str, *values: Any) -> None:
        cursor.execute(self._statements[name], values)


def _message_of(row: Row) -> Message:
    identifier, sink, group_key, kind, state, severity, hits, is_more, members, *rest = row
    made, due, begun, tries, error = rest
    whole = bytes(members)
    return Message(
        bytes(identifier), text_of(sink), bytes(group_key), text_of(kind), text_of(state), int(severity), int(hits),
        bool(is_more), tuple(whole[start:start + _KEY] for start in range(0, len(whole), _KEY)), int(made), int(due),
        int(begun), int(tries), text_of(error),
    )
