"""Compares the tables of a database with those that this program makes.

Whoever may change the schema can put a view in the place of a table that hides rows from some statements, add a trigger
that changes what is written, or an index that holds only a part of the rows. Rows then look right to whoever compares
them one by one. So the schema itself has to be the one of ``sql/``: for SQLite word by word, for MariaDB and MySQL by
columns, keys, partitions and the kind of each table.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from audit_webhook.storage import statements as queries
from audit_webhook.storage.database import Database
from audit_webhook.storage.schema import PARTITIONED, STEPS_TABLE, statements_of, steps
from audit_webhook.storage.text_columns import text_of

_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) \(\n(.*?)\n\)", re.DOTALL)
_KEY: Final = re.compile(r"(?:(PRIMARY|UNIQUE) )?KEY ?(\w*) ?\(([\w, ]+)\)")
_WIDTH: Final = re.compile(r"(int)\(\d+\)")
_OWN: Final = ("sqlite_stat", "sqlite_sequence", "sqlite_autoindex")
BASE: Final = "BASE TABLE"
KEY_KINDS: Final = {"InnoDB": "BTREE", "ROCKSDB": "LSMTREE"}
"""The storage engines of MariaDB that tables may have, and how each calls its keys."""
MOST: Final = 100


class Difference(NamedTuple):
    """What is not as this program makes it: its name, and a sentence."""

    name: str
    text: str


def find_differences(database: Database) -> list[Difference]:
    """Return what of the schema is not as this program makes it; raises what `database.classify` makes."""
    found = _differences_sqlite(database) if database.dialect == "sqlite" else _differences_mysql(database)
    return list(found)[:MOST]


def find_inconsistencies(database: Database) -> list[Difference]:
    """Return what SQLite finds inconsistent in its file, such as an index without a row; this reads all of it."""
    if database.dialect != "sqlite":
        return []
    with database.read() as cursor:
        cursor.execute(f"PRAGMA integrity_check({MOST})")
        found = [str(text) for (text,) in cursor.fetchall()]
    return [] if found == ["ok"] else [Difference("file", f"SQLite finds it inconsistent: {text}") for text in found]


def _differences_sqlite(database: Database) -> Iterator[Difference]:
    wanted = _schema_of_steps()
    tables = {table for table, _ in wanted.values()}
    with database.read() as cursor:
        cursor.execute(queries.load("sqlite")["schema_objects"])
        rows = cursor.fetchall()
    there = {
        f"{kind} {name}": _bare(sql) for kind, name, table, sql in rows
        if (table in tables or kind in ("view", "trigger")) and not str(name).startswith(_OWN)
    }
    yield from _compare({name: sql for name, (_, sql) in wanted.items()}, there)


def _schema_of_steps() -> dict[str, tuple[str, str]]:
    """Return what the steps of the schema make of an empty file: of each thing its table and its statement."""
    empty = sqlite3.connect(":memory:")
    try:
        for statement in (STEPS_TABLE, *(each for text in steps("sqlite").values() for each in statements_of(text))):
            empty.execute(statement)
        found = empty.execute(queries.load("sqlite")["schema_objects"]).fetchall()
    finally:
        empty.close()
    return {
        f"{kind} {name}": (table, _bare(sql)) for kind, name, table, sql in found if not name.startswith(_OWN)
    }


def _bare(sql: object) -> str:
    return " ".join(str(sql or "").split())


def _compare(wanted: dict[str, str], there: dict[str, str]) -> Iterator[Difference]:
    for name in sorted(wanted.keys() - there.keys()):
        yield Difference(name, "it is not there")
    for name in sorted(there.keys() - wanted.keys()):
        yield Difference(name, f"this program did not make it: {there[name][:200]!r}")
    for name in sorted(wanted.keys() & there.keys()):
        if wanted[name] != there[name]:
            yield Difference(name, f"it is {there[name][:200]!r}, and was made as {wanted[name][:200]!r}")


def _differences_mysql(database: Database) -> Iterator[Difference]:
    statements = queries.load("mysql")
    with database.read() as cursor:

        def ask(name: str) -> list[list[str]]:
            cursor.execute(statements[name])
            return [[_word(value) for value in row] for row in cursor.fetchall()]

        tables, columns, keys = ask("schema_tables"), ask("schema_columns"), ask("schema_keys")
        partitions, triggers, events = ask("schema_partitions"), ask("schema_triggers"), ask("schema_events")
    wanted = _wanted_mysql(next((engine for name, _, engine in tables if name == PARTITIONED[0]), ""))
    own = {name.split()[1] for name in wanted if name.startswith("table ")}
    there = {f"table {name}": f"{kind}, {engine}" for name, kind, engine in tables if name in own or kind != BASE}
    there |= {
        f"column {table}.{name}": " ".join(filter(None, rest)) for table, name, *rest in columns if table in own
    }
    indexes: dict[str, list[str]] = {}
    for table, key, unique, column, *rest in keys:
        if table in own:
            parts = indexes.setdefault(f"key {table}.{key}", [f"unique={unique}"])
            parts.append(" ".join(filter(None, (column, *rest))))
    there |= {name: ", ".join(parts) for name, parts in indexes.items()}
    there |= {f"partitions of {table}": f"{method} {column}" for table, method, column in partitions if table in own}
    yield from _compare(wanted, {name: _WIDTH.sub(r"\1", text) for name, text in there.items()})
    extras = [*(f"trigger {name}" for (name,) in triggers), *(f"event {name}" for (name,) in events)]
    yield from (Difference(name, "this program did not make it") for name in extras)


def _wanted_mysql(found_engine: str) -> dict[str, str]:
    """Return what the statements of the steps make, as `information_schema` tells it, all in one of the engines."""
    engine = found_engine if found_engine in KEY_KINDS else next(iter(KEY_KINDS))
    wanted: dict[str, str] = {}
    for text in steps("mysql").values():
        for statement in statements_of(text):
            found = _TABLE.match(statement)
            if found is not None:
                wanted[f"table {found[1]}"] = f"{BASE}, {engine}"
                wanted |= _parts_of_table(found[1], found[2], KEY_KINDS[engine])
    wanted |= {f"partitions of {table}": f"RANGE COLUMNS {_PARTED[table]}" for table in PARTITIONED}
    return wanted


_PARTED: Final = {"events": "`id`", "chunks": "`id`", "postings": "`chunk_id`", "tallies": "`id`"}


def _parts_of_table(table: str, body: str, key_kind: str) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for line in filter(None, (each.strip().rstrip(",") for each in body.splitlines())):
        key = _KEY.fullmatch(line)
        if key is not None:
            kind, name, columns = key.groups()
            unique = "0" if kind else "1"
            parts = [f"unique={unique}", *(f"{column.strip()} {key_kind}" for column in columns.split(","))]
            wanted[f"key {table}.{name or 'PRIMARY'}"] = ", ".join(parts)
            continue
        name, rest = line.split(None, 1)
        if rest.endswith(" PRIMARY KEY"):
            wanted[f"key {table}.PRIMARY"] = f"unique=0, {name} {key_kind}"
        kind = rest.removesuffix(" PRIMARY KEY").removesuffix(" NOT NULL").strip()
        wanted[f"column {table}.{name}"] = f"{' '.join(kind.lower().split())} NO"
    return wanted


def _word(value: Any) -> str:
    return "" if value is None else text_of(value) if isinstance(value, bytes | str) else str(value)
