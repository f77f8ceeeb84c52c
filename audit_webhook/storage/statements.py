"""The SQL statements: read from ``sql/queries/*.sql``, one name each.

A statement begins with a line ``-- name: insert_events`` and ends before the next one. A dialect's own variant is named
``-- name: insert_callers (mysql)``. Comments are taken out: PyMySQL sends ``executemany`` as one multi-row INSERT only
when the text begins with INSERT. Placeholders are written ``%s`` and become ``?`` for SQLite.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from audit_webhook.paths import SQL

_NAME: Final = re.compile(r"^-- name: (\w+)(?: \((\w+)\))?\n", re.MULTILINE)


@cache
def load(dialect: str, folder: Path = SQL / "queries") -> dict[str, str]:
    """Give the statements of a dialect (``mysql`` or ``sqlite``) by name; a name used twice is a ValueError."""
    statements: dict[str, str] = {}
    for path in sorted(folder.glob("*.sql")):
        _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, only, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            if only and only != dialect:
                continue
            if name in statements:
                raise ValueError(f"{path.name}: the statement {name} is defined twice")
            statements[name] = adapt(_without_comments(text), dialect)
    return statements


def adapt(statement: str, dialect: str) -> str:
    """Write the placeholders as the dialect's driver wants them."""
    return statement.replace("%s", "?") if dialect == "sqlite" else statement


def _without_comments(text: str) -> str:
    lines = (line.partition("--")[0].rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line).rstrip(";")
