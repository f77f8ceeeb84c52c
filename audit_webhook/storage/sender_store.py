"""The table ``senders``: each kube-apiserver of a cluster, known by its address.

Names and addresses come from whoever sends, so both are bounded: further senders of a cluster are counted under an
empty address, and further clusters under an empty name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.scope import EVERYWHERE, Scope
from audit_webhook.storage.text_columns import text_of

MOST_CLUSTERS: Final = 1000
MOST_REFUSED_CLUSTERS: Final = 100
MOST_SENDERS: Final = 32
MOST_REFUSED_SENDERS: Final = 8
"""Clusters, and addresses of a cluster, of which nothing was ever taken: anybody can have requests refused."""
OTHERS: Final = ""


class Sender(NamedTuple):
    """What is known of a sender; times and gaps in microseconds, 0 for never or not known.

    ``usual_gap`` is the usual time between two of its batches. ``refused`` counts its refused requests.
    """

    cluster: str
    address: str
    user_agent: str = ""
    first_heard: int = 0
    last_heard: int = 0
    batches: int = 0
    events: int = 0
    raw_bytes: int = 0
    usual_gap: int = 0
    refused: int = 0
    last_refused: int = 0
    refused_kind: str = ""


class SenderStore:
    """The statements on ``senders``."""

    def __init__(self, database: Database, scope: Callable[[], Scope] = lambda: EVERYWHERE) -> None:
        """Use the repository's connections; ``scope`` tells what may be seen at a moment."""
        self._database: Final = database
        self._scope: Final = scope
        self._statements: Final[Mapping[str, str]] = queries.load(database.dialect)

    def merge(self, notes: Sequence[Sender], merge: Callable[[Sender, Sender], Sender]) -> list[tuple[Sender, Sender]]:
        """Merge what was noted into what is known, in one transaction; return each known row before and the note.

        Rows are locked in the order of their keys, so that two processes never wait for each other.
        """
        done = []
        with self._database.write() as cursor:
            for note in sorted(notes):
                known = self._place_of(cursor, note)
                self.write_sender(cursor, merge(known, note._replace(cluster=known.cluster, address=known.address)))
                done.append((known, note))
        return done

    def read_senders(self) -> list[Sender]:
        """Return all senders of the clusters that may be seen, by cluster and address."""
        with self._database.read() as cursor:
            cursor.execute(self._statements["read_senders"])
            rows = cursor.fetchall()
        seen = self._scope()
        return [sender for sender in map(_sender_of, rows) if seen.has_cluster(sender.cluster)]

    def forget(self, before: int) -> None:
        """Delete senders that were neither heard nor refused since a time in microseconds."""
        with self._database.write() as cursor:
            self.forget_senders(cursor, before)

    def delete_sender(self, cluster: str, address: str) -> bool:
        """Delete a sender that is gone for good, and return whether there was one."""
        with self._database.write() as cursor:
            cursor.execute(self._statements["delete_sender"], (cluster, address))
            return cursor.rowcount > 0

    def read_sender(self, cursor: Cursor, cluster: str, address: str) -> Sender | None:
        """Return one sender, locked until the end of the transaction."""
        cursor.execute(self._statements["read_sender"], (cluster, address))
        rows = cursor.fetchall()
        return _sender_of(rows[0]) if rows else None

    def count_senders(self, cursor: Cursor, cluster: str) -> tuple[int, int]:
        """Return how many senders of a cluster are known, and how many of them had a batch taken."""
        cursor.execute(self._statements["count_senders"], (cluster,))
        ((known, taken),) = cursor.fetchall()
        return int(known), int(taken)

    def count_sending_clusters(self, cursor: Cursor) -> tuple[int, int]:
        """Return how many clusters have senders, and of how many a batch was taken."""
        cursor.execute(self._statements["count_sending_clusters"])
        ((known, taken),) = cursor.fetchall()
        return int(known), int(taken)

    def write_sender(self, cursor: Cursor, sender: Sender) -> None:
        """Write a sender in the place of what was known of it."""
        cursor.execute(self._statements["write_sender"], sender)

    def forget_senders(self, cursor: Cursor, before: int) -> None:
        """Delete senders that were neither heard nor refused since a time in microseconds."""
        cursor.execute(self._statements["forget_senders"], (before, before))

    def _place_of(self, cursor: Cursor, note: Sender) -> Sender:
        """Return the row that a note belongs to: its own, or that of all others when there is no room for a new one."""
        known = self.read_sender(cursor, note.cluster, note.address)
        if known is None:
            cluster, address = self._room_for(cursor, note)
            known = self.read_sender(cursor, cluster, address) or Sender(cluster, address)
        return known

    def _room_for(self, cursor: Cursor, note: Sender) -> tuple[str, str]:
        senders, taken = self.count_senders(cursor, note.cluster)
        if not senders or (note.batches and not taken):
            clusters, sending = self.count_sending_clusters(cursor)
            if sending >= MOST_CLUSTERS if note.batches else clusters - sending >= MOST_REFUSED_CLUSTERS:
                return OTHERS, OTHERS
        is_full = taken >= MOST_SENDERS if note.batches else senders - taken >= MOST_REFUSED_SENDERS
        return note.cluster, OTHERS if is_full else note.address


def _sender_of(row: Row) -> Sender:
    cluster, address, agent, *numbers, kind = row
    return Sender(text_of(cluster), text_of(address), text_of(agent), *numbers)._replace(refused_kind=text_of(kind))
