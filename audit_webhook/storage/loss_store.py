"""The table ``losses``: what was lost or may have been, of which cluster, when and why.

Three kinds of rows share it. *Refused* requests are counted by hour, cluster, reason and address; ``requests`` is above
0, ``unread`` counts those whose number of events is not known because they were refused before their body was read.
*Given up* is a report of a kube-apiserver's own log: ``events`` is the number that it named, ``content`` its list of
them. *Gaps* tell of silence or a restart between ``happened`` and ``ended``; nobody knows whether they lost anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.scope import EVERYWHERE, Scope
from audit_webhook.storage.text_columns import text_of

HOUR: Final = 3_600_000_000
MOST_ADDRESSES: Final = 20
MOST_ADDRESSES_AN_HOUR: Final = 400
KEPT_DAYS: Final = 92
MOST_LISTED: Final = 5000
MICROSECONDS_A_DAY: Final = 86_400_000_000
GIVEN_UP: Final = "given-up"
PAUSE: Final = "pause"
RESTART: Final = "restart"
GAPS: Final = (PAUSE, RESTART)


class Loss(NamedTuple):
    """One row; times in microseconds."""

    id: bytes
    cluster: str
    kind: str
    reason: str
    address: str
    happened: int
    ended: int
    requests: int = 0
    unread: int = 0
    events: int = 0
    named: int = 0
    content: bytes = b""


class RefusedKey(NamedTuple):
    """What refused requests are counted by: the hour since the epoch, cluster, kind and address."""

    hour: int
    cluster: str
    kind: str
    address: str


class RefusedCount(NamedTuple):
    """Refused requests of one key: the last reason, first and last time, and how many."""

    reason: str
    first: int
    last: int
    requests: int
    unread: int
    events: int

    def plus(self, other: RefusedCount) -> RefusedCount:
        """Return both together."""
        return RefusedCount(
            other.reason, min(self.first, other.first), max(self.last, other.last), self.requests + other.requests,
            self.unread + other.unread, self.events + other.events,
        )


class LossSum(NamedTuple):
    """What is known of a cluster's losses of one kind: rows, requests, unread ones, events, and events by name."""

    cluster: str
    kind: str
    rows: int
    requests: int
    unread: int
    events: int
    named: int


class PlotSum(NamedTuple):
    """Losses of a cluster and kind in one step of time, which is counted since the epoch."""

    cluster: str
    kind: str
    step: int
    rows: int
    requests: int
    events: int


def loss_id(*parts: str | int) -> bytes:
    """Return the id of a loss: what is recorded twice has the same."""
    text = b"".join(b"%d:%s" % (len(part), part) for part in (str(part).encode() for part in parts))
    return hashlib.sha256(text).digest()[:16]


class LossStore:
    """The statements on ``losses``; a reader sees the losses of those clusters that may be seen."""

    def __init__(self, database: Database, scope: Callable[[], Scope] = lambda: EVERYWHERE) -> None:
        """Use the repository's connections; ``scope`` tells what may be seen at a moment."""
        self._database: Final = database
        self._scope: Final = scope
        self._statements: Final[Mapping[str, str]] = queries.load(database.dialect)

    def may_see(self, cluster: str) -> bool:
        """Return whether the losses of a cluster may be seen now."""
        return self._scope().has_cluster(cluster)

    def record_refused(self, counts: Mapping[RefusedKey, RefusedCount], named: set[str]) -> None:
        """Add refused requests; only clusters that are ``named`` and some addresses of an hour have rows of their own.

        Rows are written in the order of their ids, so that two processes never wait for each other.
        """
        with self._database.write() as cursor:
            known = self.refused_addresses(cursor, min(key.hour for key in counts) * HOUR)
            placed: dict[RefusedKey, RefusedCount] = {}
            for key, count in sorted(counts.items()):
                key = _bound(key if key.cluster in named else key._replace(cluster=""), known)
                placed[key] = placed[key].plus(count) if key in placed else count
            for loss in sorted(_refused_row(key, count) for key, count in placed.items()):
                self.add_refused(cursor, loss)

    def record(self, losses: Iterable[Loss]) -> int:
        """Store reports and gaps; return how many were new. One that is known stays, unless the new one names more."""
        stored = 0
        with self._database.write() as cursor:
            for loss in sorted(losses):
                named = self.find_named(cursor, loss.id)
                if named is None or named < loss.named:
                    if named is not None:
                        self.delete_loss(cursor, loss.id)
                    self.insert_loss(cursor, loss)
                    stored += named is None
        return stored

    def find_loss(self, identifier: bytes) -> Loss | None:
        """Return one loss with its content, or None when there is none that may be seen."""
        rows = [_loss_of(row) for row in self._rows("find_loss", identifier)]
        return rows[0] if rows and self._scope().has_cluster(rows[0].cluster) else None

    def list_losses(self, since: int, until: int) -> tuple[list[Loss], bool]:
        """Return the newest losses that began between two times, without their content, and whether these are all."""
        rows = self._rows("list_losses", since, until, MOST_LISTED)
        seen = [loss for loss in map(_loss_of, rows) if self._scope().has_cluster(loss.cluster)]
        return seen, len(rows) < MOST_LISTED

    def sum_losses(self, since: int, ended: int = 0) -> list[LossSum]:
        """Return the sums by cluster and kind of what began since a time, and ended since another."""
        rows = self._rows("sum_losses", since, ended)
        sums = [LossSum(text_of(row[0]), text_of(row[1]), *map(int, row[2:])) for row in rows]
        return [each for each in sums if self._scope().has_cluster(each.cluster)]

    def plot_losses(self, since: int, step: int) -> list[PlotSum]:
        """Return the sums of what began since a time by cluster, kind and step of time."""
        rows = self._rows("plot_losses", step, since, step)
        sums = [PlotSum(text_of(row[0]), text_of(row[1]), *map(int, row[2:])) for row in rows]
        return [each for each in sums if self._scope().has_cluster(each.cluster)]

    def forget(self, before: int) -> None:
        """Delete what ended before a time in microseconds."""
        with self._database.write() as cursor:
            self.forget_losses(cursor, before)

    def refused_addresses(self, cursor: Cursor, since: int) -> set[tuple[str, str]]:
        """Return the clusters and addresses that have rows of refused requests since a time."""
        cursor.execute(self._statements["refused_addresses"], (since,))
        return {(text_of(cluster), text_of(address)) for cluster, address in cursor.fetchall()}

    def add_refused(self, cursor: Cursor, loss: Loss) -> None:
        """Add refused requests to what is counted of their hour."""
        cursor.execute(self._statements["add_refused"], loss)

    def find_named(self, cursor: Cursor, identifier: bytes) -> int | None:
        """Return how many events a known loss names; None when it is not known."""
        cursor.execute(self._statements["find_named"], (identifier,))
        rows = cursor.fetchall()
        return int(rows[0][0]) if rows else None

    def insert_loss(self, cursor: Cursor, loss: Loss) -> None:
        """Insert a loss."""
        cursor.execute(self._statements["insert_loss"], loss)

    def delete_loss(self, cursor: Cursor, identifier: bytes) -> None:
        """Delete a loss."""
        cursor.execute(self._statements["delete_loss"], (identifier,))

    def forget_losses(self, cursor: Cursor, before: int) -> None:
        """Delete what ended before a time in microseconds."""
        cursor.execute(self._statements["forget_losses"], (before,))

    def _rows(self, statement: str, *parameters: int | bytes) -> list[Row]:
        with self._database.read() as cursor:
            cursor.execute(self._statements[statement], parameters)
            return list(cursor.fetchall())


def _bound(key: RefusedKey, known: set[tuple[str, str]]) -> RefusedKey:
    """Return the key under which requests are counted: without its address where there are too many of them."""
    place = (key.cluster, key.address)
    if place not in known:
        own = sum(cluster == key.cluster for cluster, _ in known)
        if own >= MOST_ADDRESSES or len(known) >= MOST_ADDRESSES_AN_HOUR:
            return key._replace(address="")
        known.add(place)
    return key


def _refused_row(key: RefusedKey, count: RefusedCount) -> Loss:
    return Loss(
        loss_id(*key), key.cluster, key.kind, count.reason, key.address, count.first, count.last, count.requests,
        count.unread, count.events,
    )


def _loss_of(row: Row) -> Loss:
    identifier, cluster, kind, reason, address, *rest = row
    return Loss(bytes(identifier), text_of(cluster), text_of(kind), text_of(reason), text_of(address), *rest)
