"""The tables ``quarantine`` and ``quarantine_left_out``: bytes that could not be read, and how many were left out.

Contents are compressed. A reader sees the quarantine of whole clusters alone: in which namespace something happened
that cannot be read, nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import zstandard

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Database, Row
from audit_webhook.storage.scope import EVERYWHERE, Scope
from audit_webhook.storage.text_columns import text_of

IDS_AT_ONCE: Final = 500


class Usage(NamedTuple):
    """How many items of a cluster are kept, and in how many bytes, as they are stored."""

    items: int
    stored_bytes: int


class LeftOut(NamedTuple):
    """What there was no room for of a cluster: how many items and bytes; time, reason and hash of the last one."""

    cluster: str
    items: int
    raw_bytes: int
    received: int
    reason: str
    digest: bytes


class Kept(NamedTuple):
    """An item: ``raw_bytes`` as sent, ``stored_bytes`` as kept, 0 for its hash alone; ``content`` when it was read."""

    id: bytes
    cluster: str
    received: int
    reason: str
    raw_bytes: int
    digest: bytes
    stored_bytes: int
    content: bytes = b""


class QuarantineStore:
    """The statements of the quarantine."""

    def __init__(self, database: Database, scope: Callable[[], Scope] = lambda: EVERYWHERE) -> None:
        """Use these connections; ``scope`` returns what may be seen at a moment."""
        self._database: Final = database
        self._statements: Final = queries.load(database.dialect)
        self._scope: Final = scope

    def usage(self) -> dict[str, Usage]:
        """Return how much of each cluster is kept."""
        rows = self._rows("quarantine_usage")
        return {text_of(cluster): Usage(int(items), int(size)) for cluster, items, size in rows if self._sees(cluster)}

    def left_out(self) -> list[LeftOut]:
        """Return what there was no room for."""
        return [
            LeftOut(text_of(cluster), int(items), int(size), int(received), text_of(reason), bytes(digest))
            for cluster, items, size, received, reason, digest in self._rows("quarantine_left_out")
            if self._sees(cluster)
        ]

    def known_ids(self, ids: Sequence[bytes]) -> set[bytes]:
        """Return those of the ids that are kept."""
        found: set[bytes] = set()
        for start in range(0, len(ids), IDS_AT_ONCE):
            part = ids[start:start + IDS_AT_ONCE]
            marks = ", ".join([queries.adapt("%s", self._database.dialect)] * len(part))
            with self._database.read() as cursor:
                cursor.execute(self._statements["quarantined_ids"].format(ids=marks), tuple(part))
                found |= {bytes(identifier) for (identifier,) in cursor.fetchall()}
        return found

    def list_items(self, limit: int, cluster: str = "") -> list[Kept]:
        """Return the newest items without their contents, of one cluster or of all that may be seen."""
        rows = self._rows("list_quarantined_of", cluster, limit) if cluster else self._rows("list_quarantined", limit)
        return [_kept(row) for row in rows if self._sees(row[1])]

    def find_item(self, identifier: bytes) -> Kept | None:
        """Return an item with its content; None when there is none that may be seen."""
        rows = [row for row in self._rows("find_quarantined", identifier) if self._sees(row[1])]
        return _kept(rows[0]) if rows else None

    def read_items(self, limit: int = 100) -> list[Kept]:
        """Return the newest items with their contents."""
        return [item for each in self.list_items(limit) if (item := self.find_item(each.id)) is not None]

    def delete_item(self, identifier: bytes) -> int:
        """Delete an item; return how many there were: 0 or 1."""
        with self._database.write() as cursor:
            cursor.execute(self._statements["clear_quarantined"], (identifier,))
            return cursor.rowcount

    def delete_cluster(self, cluster: str) -> int:
        """Delete everything of a cluster, and the count of what was left out; return how many items there were."""
        with self._database.write() as cursor:
            cursor.execute(self._statements["clear_left_out_of"], (cluster,))
            cursor.execute(self._statements["clear_quarantine_of"], (cluster,))
            return cursor.rowcount

    def _sees(self, cluster: Any) -> bool:
        scope = self._scope()
        return scope.namespaces is None and scope.has_cluster(text_of(cluster))

    def _rows(self, name: str, *parameters: object) -> Sequence[Row]:
        with self._database.read() as cursor:
            cursor.execute(self._statements[name], parameters)
            return cursor.fetchall()


def _kept(row: Row) -> Kept:
    identifier, cluster, received, reason, size, digest, stored, *content = row
    packed = bytes(content[0]) if content else b""
    return Kept(
        bytes(identifier), text_of(cluster), int(received), text_of(reason), int(size), bytes(digest), int(stored),
        zstandard.ZstdDecompressor().decompress(packed) if packed else b"",
    )
