"""Where refused requests are kept: the last one of each cluster, and how many there were on each day and why.

Anybody may have requests refused, under any name. So only clusters that were heard from, and so many other names, have
rows of their own; the requests of all others are counted together, under no name. Old rows are deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from audit_webhook.storage.database import Cursor, Database, Row
from audit_webhook.storage.scope import Scope
from audit_webhook.storage.text_columns import text_of

MOST_NAMES: Final = 200
KEPT_DAYS: Final = 31
MICROSECONDS_A_DAY: Final = 86_400_000_000
NO_NAME: Final = ""


class Refusal(NamedTuple):
    """The last request for a cluster that was refused: when in microseconds, why, and from which address."""

    cluster: str
    refused: int
    reason: str
    peer: str


class RefusalKey(NamedTuple):
    """What refused requests are counted by: the day since the epoch, the cluster or `NO_NAME`, and the kind."""

    day: int
    cluster: str
    kind: str


class RefusedRequests(NamedTuple):
    """How many requests of a kind were refused for a cluster, or for `NO_NAME`."""

    cluster: str
    kind: str
    requests: int


class RejectionStore:
    """The statements on ``refusals`` and ``refusal_counts``."""

    def __init__(self, database: Database, statements: Mapping[str, str], scope: Callable[[], Scope]) -> None:
        """Share the repository's connections and statements, and what may be seen at a moment."""
        self._database: Final = database
        self._statements: Final = statements
        self._scope: Final = scope

    def record(self, last: Iterable[Refusal], counts: Mapping[RefusalKey, int]) -> set[str]:
        """Keep the last refusals and add to the counts, in one transaction; return the names that may have rows.

        The rows come in the order of their keys, so that two processes never wait for each other.
        """
        latest = {refusal.cluster: refusal for refusal in last}
        with self._database.write() as cursor:
            named = self._names_with_rows(cursor, latest.keys() | {key.cluster for key in counts})
            for name in sorted(latest.keys() & named):
                self.record_refusal(cursor, latest[name])
            added: Counter[RefusalKey] = Counter()
            for key, requests in counts.items():
                added[key if key.cluster in named else key._replace(cluster=NO_NAME)] += requests
            for key, requests in sorted(added.items()):
                self.count_refusals(cursor, key, requests)
        return named

    def forget(self, now: int) -> None:
        """Delete what is older than any page shows; ``now`` in microseconds."""
        with self._database.write() as cursor:
            self.forget_refusals(cursor, now - KEPT_DAYS * MICROSECONDS_A_DAY)
            self.forget_refusal_counts(cursor, now // MICROSECONDS_A_DAY - KEPT_DAYS)

    def last_refusals(self, cluster: str | None = None) -> list[Refusal]:
        """Give the last refused request of every cluster, newest first, or only of the one named."""
        with self._database.read() as cursor:
            rows = self._rows(cursor, "last_refusals")
        refusals = [
            Refusal(text_of(name), int(refused), text_of(why), text_of(peer)) for name, refused, why, peer in rows
        ]
        seen = self._scope()
        return [each for each in refusals if cluster in (None, each.cluster) and seen.has_cluster(each.cluster)]

    def refused_since(self, day: int) -> list[RefusedRequests]:
        """Give how many requests were refused since a day; those of no name to who may see every cluster."""
        with self._database.read() as cursor:
            rows = self._rows(cursor, "refused_since", (day,))
        seen = self._scope()
        counted = [RefusedRequests(text_of(name), text_of(kind), int(requests)) for name, kind, requests in rows]
        return [each for each in counted if seen.has_cluster(each.cluster)]

    def record_refusal(self, cursor: Cursor, refusal: Refusal) -> None:
        """Note the last refused request for a cluster."""
        cursor.execute(self._statements["record_refusal"], refusal)

    def count_refusals(self, cursor: Cursor, key: RefusalKey, requests: int) -> None:
        """Add so many refused requests."""
        cursor.execute(self._statements["count_refusals"], (*key, requests))

    def refused_names(self, cursor: Cursor) -> set[str]:
        """Give the names whose last refusal is kept."""
        return {text_of(name) for (name,) in self._rows(cursor, "refused_names")}

    def heard_names(self, cursor: Cursor) -> set[str]:
        """Give the clusters that were ever heard from."""
        return {text_of(name) for (name,) in self._rows(cursor, "heard_names")}

    def forget_refusals(self, cursor: Cursor, before: int) -> None:
        """Delete the last refusals from before a time in microseconds."""
        cursor.execute(self._statements["forget_refusals"], (before,))

    def forget_refusal_counts(self, cursor: Cursor, before: int) -> None:
        """Delete the counts of the days before one."""
        cursor.execute(self._statements["forget_refusal_counts"], (before,))

    def _names_with_rows(self, cursor: Cursor, wanted: set[str]) -> set[str]:
        """Give those names that may have rows: clusters heard from, known names, and as many new ones as fit."""
        refused = self.refused_names(cursor)
        fresh = wanted - refused - {NO_NAME}
        if not fresh:
            return refused
        heard = self.heard_names(cursor)
        fresh = fresh - heard
        return refused | heard | set(sorted(fresh)[:max(0, MOST_NAMES - len(refused - heard))])

    def _rows(self, cursor: Cursor, statement: str, parameters: tuple[int, ...] = ()) -> Iterable[Row]:
        cursor.execute(self._statements[statement], parameters)
        return cursor.fetchall()
