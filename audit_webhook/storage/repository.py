"""The hand-written repository: raw SQL from ``sql/queries``, one method for each statement, values always bound.

Services speak to this class and never see a cursor. Writing is one transaction a batch; reading takes a connection
from the pool for as long as a method runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from audit_webhook.config import Config
from audit_webhook.deadline import held
from audit_webhook.errors import IdTaken, RowRefused
from audit_webhook.storage import statements as queries
from audit_webhook.storage.chunks.columns import ActionRow, CallerRow
from audit_webhook.storage.chunks.frames import unpack
from audit_webhook.storage.chunks.hash_chain import begin_stream
from audit_webhook.storage.chunks.layout import Chunk
from audit_webhook.storage.count_store import TallyStore
from audit_webhook.storage.database import Row, classified, open_database
from audit_webhook.storage.quarantine_store import QuarantineStore
from audit_webhook.storage.rejection_store import RejectionStore
from audit_webhook.storage.saved_search_store import SavedSearches
from audit_webhook.storage.schema import is_current, migrate
from audit_webhook.storage.scope import EVERYWHERE, Scope
from audit_webhook.storage.search_sql import (
    EVERYTHING, Condition, Search, Span, fill_arrivals, fill_chunks, fill_condition, fill_events, fill_ids,
    fill_values, within,
)
from audit_webhook.storage.text_columns import text_of
from audit_webhook.storage.writer import Arrival, NotNew, Quarantined, Transaction, insert_fresh, note_dimensions

REMEMBERED: Final = 20_000
MICROSECONDS_A_DAY: Final = 86_400_000_000


class Contact(NamedTuple):
    """When a cluster was last heard from, in microseconds, and how many events were stored or known already."""

    cluster: str
    received: int
    events: int
    duplicates: int


class Located(NamedTuple):
    """Where an event's raw bytes lie."""

    id: bytes
    chunk_id: bytes
    offset: int
    length: int


class Raw(NamedTuple):
    """An event's id and raw bytes, with its cluster and when it was received, in microseconds."""

    id: bytes
    cluster: str
    received: int
    raw: bytes


class Repository:
    """All that is stored, behind methods that speak of events, chunks and clusters."""

    def __init__(self, config: Config, scope: Callable[[], Scope] = lambda: EVERYWHERE) -> None:
        """Open the database; its schema is not touched yet. ``scope`` tells what may be seen at a moment."""
        self.scope: Final = scope
        self.database: Final = open_database(config, self._begin_stream)
        self._statements: Final = queries.load(self.database.dialect)
        self.saved: Final = SavedSearches(self.database, self._statements)
        self.tallies: Final = TallyStore(self.database, self._statements, scope)
        self.quarantine: Final = QuarantineStore(self.database, scope)
        self.refusals: Final = RejectionStore(self.database, self._statements, scope)
        self._lock = threading.Lock()
        self._head = begin_stream()
        self._noted: set[CallerRow | ActionRow] = set()
        self._noted_day = 0

    def _begin_stream(self) -> None:
        """Begin a new stream: sequence numbers tell the order only while one connection gives them."""
        self._head = begin_stream()

    def migrate(self) -> list[int]:
        """Bring the schema up to date and make partitions ahead; give the numbers of the steps applied."""
        return migrate(self.database)

    def is_ready(self) -> bool:
        """Whether the database answers and holds the schema that this program writes."""
        return is_current(self.database)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    def store(self, cluster: str, chunks: Sequence[Chunk], quarantined: Sequence[Quarantined], received: int) -> int:
        """Store a batch in one transaction; give how many of its events were new.

        Raises PartlyStored, IdTaken, and what `database.classify` knows.
        """
        with classified(), held(self._lock):
            try:
                try:
                    return self._store(cluster, chunks, quarantined, received, is_optimistic=True)
                except NotNew:
                    return self._store(cluster, chunks, quarantined, received, is_optimistic=False)
            except RowRefused as error:
                if self._are_ids_taken(chunks):
                    raise IdTaken("another caller or another action has the id of one of these") from error
                raise

    def _are_ids_taken(self, chunks: Sequence[Chunk]) -> bool:
        """Whether the store holds another caller or action under the id of one of these."""
        callers = {key: row for chunk in chunks for key, row in chunk.callers.items()}
        actions = {key: row for chunk in chunks for key, row in chunk.actions.items()}
        return any(row != callers[row[0]] for row in self.tallies.read_callers(list(callers))) or any(
            row != actions[row[0]] for row in self.tallies.read_actions(list(actions))
        )

    def _store(
        self, cluster: str, chunks: Sequence[Chunk], quarantined: Sequence[Quarantined], received: int,
        is_optimistic: bool,
    ) -> int:
        day = received // MICROSECONDS_A_DAY
        with (
            self.database.write() as cursor,
            (transaction := Transaction(cursor, self._statements)).together(is_optimistic),
        ):
            fresh, head = insert_fresh(transaction, chunks, self._head, received)
            noted = note_dimensions(transaction, fresh, self._noted_on(day), day)
            if quarantined:
                transaction.insert_quarantined(quarantined)
            stored = sum(len(chunk.events) for chunk in fresh)
            known = sum(len(chunk.events) for chunk in chunks) - stored
            transaction.record_arrival(Arrival(head.stream, cluster, head.sequence, received, stored, known))
        self._head = head
        self._noted |= noted
        return stored

    def _noted_on(self, day: int) -> set[CallerRow | ActionRow]:
        """Return the callers and actions that this process noted on a day, and forget those of another day."""
        if day != self._noted_day or len(self._noted) > REMEMBERED:
            self._noted, self._noted_day = set(), day
        return self._noted

    def has_copy(self, identifier: bytes, audit: bytes) -> bool:
        """Return whether an event of an auditID was stored before that differs from this id only in its time."""
        rows = self._rows(self._statement("copies"), (audit, identifier))
        return any(bytes(found)[6:] == identifier[6:] for (found,) in rows)

    def stored_ids(self, ids: Sequence[bytes]) -> set[bytes]:
        """Give those of the ids that are stored."""
        found: set[bytes] = set()
        for start in range(0, len(ids), 500):
            part = ids[start:start + 500]
            rows = self._rows(fill_ids(self._statement("stored_ids"), len(part)), part)
            found |= {identifier for (identifier,) in rows}
        return found

    @property
    def sees_everything(self) -> bool:
        """Whether nothing is hidden from whoever asks at this moment."""
        return not self.scope().is_limited

    def find_event(self, identifier: bytes) -> Raw | None:
        """Give one event's raw bytes, or None."""
        visible = within(EVERYTHING, self.scope())
        filled = fill_events(self._statement("find_event"), visible, (), self.database.dialect)
        rows = self._rows(filled.sql, (identifier, *filled.parameters))
        found = self.read_chunks([Located(*row) for row in rows])
        return found[0] if found else None

    def select_events(
        self, search: Search, before: bytes, limit: int, spans: Sequence[Span] = ()
    ) -> list[Located]:
        """Give where the newest events before an id lie, newest first; only those of the chunks when some are given."""
        search = within(search, self.scope())
        filled = fill_events(self._statement("select_events"), search, spans, self.database.dialect)
        bounds = (search.lowest, min(before, search.highest))
        return [Located(*row) for row in self._rows(filled.sql, (*bounds, *filled.parameters, limit))]

    def select_callers(self, condition: Condition, limit: int) -> list[bytes]:
        """Give the ids of the callers that fulfil a condition."""
        statement = fill_condition(self._statement("select_callers"), condition)
        return [identifier for (identifier,) in self._rows(statement, (*condition.parameters, limit))]

    def select_actions(self, condition: Condition, limit: int) -> list[bytes]:
        """Give the ids of the actions that fulfil a condition."""
        statement = fill_condition(self._statement("select_actions"), condition)
        return [identifier for (identifier,) in self._rows(statement, (*condition.parameters, limit))]

    def select_chunks(self, search: Search, below: bytes, before: bytes, limit: int) -> list[Span]:
        """Give the newest chunks with ids below ``below`` that may hold matching events before the id ``before``."""
        search = within(search, self.scope())
        before = min(before, search.highest)
        filled = fill_chunks(self._statement("select_chunks"), search, self.database.dialect)
        bounds = (search.lowest, below, before)
        return [Span(*row) for row in self._rows(filled.sql, (*bounds, *filled.parameters, limit))]

    def select_driven_chunks(self, search: Search, below: bytes, before: bytes, limit: int) -> list[Span]:
        """Give what `select_chunks` gives, found by a value that every match has: quick when it is rare."""
        search = within(search, self.scope())
        before = min(before, search.highest)
        filled = fill_chunks(self._statement("select_driven_chunks"), search, self.database.dialect)
        bounds = (*(search.driving or ()), search.lowest, below, before)
        return [Span(*row) for row in self._rows(filled.sql, (*bounds, *filled.parameters, limit))]

    def read_chunks(self, located: Sequence[Located]) -> list[Raw]:
        """Give the raw bytes of events, in the order asked for."""
        wanted: dict[bytes, list[Located]] = {}
        for item in located:
            wanted.setdefault(item.chunk_id, []).append(item)
        found: dict[bytes, Raw] = {}
        ids = list(wanted)
        for start in range(0, len(ids), 32):
            part = ids[start:start + 32]
            for chunk, cluster, received, frames, content in self._rows(
                fill_ids(self._statement("read_chunks"), len(part)), part
            ):
                items = wanted[chunk]
                raws = unpack(content, frames, [(item.offset, item.length) for item in items])
                for item, raw in zip(items, raws, strict=True):
                    found[item.id] = Raw(item.id, text_of(cluster), received, raw)
        return [found[item.id] for item in located if item.id in found]

    def recent_values(
        self, column: str, part: str, where: Condition, bounds: tuple[bytes, bytes], newest: int
    ) -> list[tuple[str, int]]:
        """Count a column's values that hold a text, among those of the newest events that fulfil a condition."""
        where = within(Search(where), self.scope()).where
        statement = fill_values(self._statement("recent_values"), column, where, self.database.dialect)
        rows = self._rows(statement, (*bounds, newest, part, *where.parameters))
        return [(str(text_of(value)), count) for value, count in rows]

    def posted_values(self, field: str, prefix: str, limit: int) -> list[str]:
        """Give values of a posted field that begin with a text, in their order, to those who see everything.

        Postings are of whole chunks: they do not tell in which namespace a value occurred.
        """
        if not self.sees_everything:
            return []
        bounds = (prefix, prefix + "\U0010ffff")
        return [text_of(value) for (value,) in self._rows(self._statement("posted_values"), (field, *bounds, limit))]

    def chunk_contents(self, ids: Sequence[bytes]) -> list[tuple[bytes, bytes, bytes]]:
        """Give id, frame table and compressed content of whole chunks."""
        return [(*row,) for row in self._rows(fill_ids(self._statement("chunk_contents"), len(ids)), ids)]

    def oldest_chunk(self, lowest: bytes) -> bytes | None:
        """Give the first event's id of the oldest chunk from an id on; None when there is no chunk."""
        rows = self._rows(self._statement("oldest_chunk"), (lowest,))
        return rows[0][0] if rows else None

    def arrived_chunks(
        self, stream: bytes, after: int, until: int, since: int, limit: int
    ) -> list[tuple[Span, int]]:
        """Return the chunks of a stream that may be seen, with sequence numbers, in the order of their arrival."""
        filled = fill_chunks(self._statement("arrived_chunks"), within(EVERYTHING, self.scope()), self.database.dialect)
        rows = self._rows(filled.sql, (stream, after, until, since, *filled.parameters, limit))
        return [(Span(chunk, first), sequence) for chunk, first, sequence in rows]

    def positions(self, since: int) -> dict[bytes, int]:
        """Return the newest sequence number of every stream heard from since a time in microseconds.

        Only batches of clusters that may be seen count.
        """
        visible = fill_arrivals(self._statement("positions"), self.scope())
        return {stream: int(newest) for stream, newest in self._rows(visible.sql, (since, *visible.parameters))}

    def contacts(self, cluster: str | None = None) -> list[Contact]:
        """Give every cluster that was ever heard from, or only the one named."""
        rows = self._rows(self._statement("contacts"))
        contacts = [Contact(text_of(name), received, int(new), int(known)) for name, received, new, known in rows]
        seen = self.scope()
        return [each for each in contacts if cluster in (None, each.cluster) and seen.has_cluster(each.cluster)]

    def _statement(self, name: str) -> str:
        return self._statements[name]

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
        with self.database.read() as cursor:
            cursor.execute(queries.adapt(statement, self.database.dialect), tuple(parameters))
            return cursor.fetchall()


def open_repository(config: Config, scope: Callable[[], Scope] = lambda: EVERYWHERE) -> Repository:
    """Open the store of the settings; ``scope`` tells what may be seen of it at any moment."""
    return Repository(config, scope)
