"""The table of saved searches: a name, a query and the columns to show it with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Database, classified
from audit_webhook.storage.text_columns import text_of


class SavedSearch(NamedTuple):
    """A search under a name of its owner's; columns are names joined by commas, saved is in microseconds."""

    id: bytes
    name: str
    query: str
    columns: str
    saved: int
    owner: str = ""


class SavedSearches:
    """The statements on ``saved_searches``."""

    def __init__(self, database: Database, statements: Mapping[str, str]) -> None:
        """Share the repository's connections and statements."""
        self._database: Final = database
        self._statements: Final = statements

    def list_searches(self) -> list[SavedSearch]:
        """Give all of them by name."""
        with self._database.read() as cursor:
            cursor.execute(self._statements["list_searches"])
            rows = cursor.fetchall()
        return [SavedSearch(key, text_of(name), text_of(query), text_of(columns), saved, text_of(owner))
                for key, name, query, columns, saved, owner in rows]

    def insert_search(self, search: SavedSearch) -> None:
        """Save one; raises DuplicateKey when the name is taken."""
        self._write("insert_search", search)

    def delete_search(self, identifier: bytes) -> None:
        """Delete one, if it is there."""
        self._write("delete_search", (identifier,))

    def _write(self, name: str, values: tuple[object, ...]) -> None:
        with self._database.write() as cursor, classified():
            cursor.execute(queries.adapt(self._statements[name], self._database.dialect), values)
