"""The cursor of a MySQL connection: it takes the quickest way that the server has for the rows of an INSERT."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from pymysql.cursors import Cursor

from audit_webhook.storage.mysql.bulk_connection import PreparedConnection
from audit_webhook.storage.mysql.insert_text import ROWS, Unwritable, write_rows
from audit_webhook.storage.mysql.value_reader import read_values

_INSERT: Final = re.compile(r"\s*(INSERT\b[^%]*?\bVALUES\s*)\(%s(?:,\s*%s)*\)([^%]*)", re.IGNORECASE)


class BulkCursor(Cursor):
    """A cursor whose `executemany` sends plain INSERTs of short bytes, texts and whole numbers in few statements.

    MariaDB takes the rows of a prepared statement, all others take them as text. A single row goes the same way, and
    may be long: as text, the server would read a chunk's content digit by digit.
    """

    def execute(self, query: str, args: Any = None) -> int:
        """Run a statement; anything but a plain INSERT of such values is left to the driver."""
        connection: Any = self.connection
        found = _INSERT.fullmatch(query) if isinstance(args, tuple) and _takes_rows(connection) else None
        if found is None:
            return super().execute(query, args)
        try:
            self.rowcount = self._insert(found, [args])
        except Unwritable:
            return super().execute(query, args)
        return self.rowcount

    def executemany(self, query: str, args: Iterable[Any]) -> int | None:
        """Run a statement for every row; anything but a plain INSERT of such values is left to the driver."""
        rows = list(args)
        found = _INSERT.fullmatch(query)
        if found is None or not rows:
            return super().executemany(query, rows)
        try:
            self.rowcount = self._insert(found, rows)
        except Unwritable:
            return super().executemany(query, rows)
        return self.rowcount

    def read_values(self, query: str, args: Sequence[Any]) -> list[bytes]:
        """Return the bytes of a query with one column; see `value_reader`."""
        return read_values(cast(Any, self.connection), self.mogrify(query, args))

    def _insert(self, found: re.Match[str], rows: Sequence[Sequence[Any]]) -> int:
        connection: Any = self.connection
        parts = [rows[start:start + ROWS] for start in range(0, len(rows), ROWS)]
        if _takes_rows(connection):
            return int(connection.execute_rows(found[0].replace("%s", "?"), parts))
        written = [write_rows(part) for part in parts]
        return sum(self.execute(f"{found[1]}{part}{found[2]}") for part in written)


def _takes_rows(connection: Any) -> bool:
    return isinstance(connection, PreparedConnection) and connection.takes_rows
