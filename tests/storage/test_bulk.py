"""Rows that are written at once arrive as they were, whatever is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_webhook.config import Config
from audit_webhook.errors import DuplicateKey
from audit_webhook.storage.database import Cursor, classified, open_database
from audit_webhook.storage.mysql.bulk_connection import PreparedConnection
from audit_webhook.storage.mysql.bulk_protocol import write_execution
from audit_webhook.storage.mysql.insert_text import LONGEST, ROWS, Unwritable, write_rows

INSERT = "INSERT INTO things (id, number, text) VALUES (%s, %s, %s)"
HOSTILE = ["'", "\\", "\\'", "''); DROP TABLE things; -- ", "%s", "%", "\0", "\n\r\x1a\"", "é", "𝒳", "x' ", ""]

Rows = list[tuple[bytes, int, str]]
rows_of_any_kind = st.lists(
    st.tuples(
        st.binary(max_size=20), st.integers(0, 2**63 - 1),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(HOSTILE),
    ),
    max_size=8,
)


@pytest.fixture(params=["prepared", "as text"])
def cursor(
    mariadb_config: Config, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cursor]:
    """A cursor of the writing connection, with a table to write into; as text is what a MySQL is sent."""
    if request.param == "as text":
        monkeypatch.setattr(PreparedConnection, "takes_rows", False)
    database = open_database(mariadb_config, lambda: None)
    with database.write() as opened:
        opened.execute(
            "CREATE TABLE things (place BIGINT AUTO_INCREMENT PRIMARY KEY, id LONGBLOB, number BIGINT UNSIGNED, "
            "text VARBINARY(8000))"
        )
        yield opened
    database.close()


def _takes_rows(cursor: Cursor) -> bool:
    opened: Any = cursor
    return bool(opened.connection.takes_rows)


def stored(cursor: Cursor) -> Rows:
    cursor.execute("SELECT id, number, text FROM things ORDER BY place")
    return [(identifier, number, text.decode()) for identifier, number, text in cursor.fetchall()]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of_any_kind)
def test_rows_arrive_as_they_were(cursor: Cursor, rows: Rows) -> None:
    cursor.execute("DELETE FROM things")
    cursor.executemany(INSERT, rows)
    assert stored(cursor) == rows


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(cursor: Cursor, text: str) -> None:
    cursor.executemany(INSERT, [(b"1", 1, text), (b"2", 2, "plain")])
    assert stored(cursor) == [(b"1", 1, text), (b"2", 2, "plain")]


def test_many_rows_take_one_statement_for_five_hundred(cursor: Cursor) -> None:
    cursor.execute("SHOW SESSION STATUS LIKE 'Com_insert'")
    before = int(cursor.fetchall()[0][1])
    cursor.executemany(INSERT, [(b"\0\xff", number, "text") for number in range(3 * ROWS)])
    assert cursor.rowcount == 3 * ROWS
    cursor.execute("SHOW SESSION STATUS LIKE 'Com_insert'")
    assert int(cursor.fetchall()[0][1]) - before == 3


def test_what_cannot_be_written_quickly_is_left_to_the_driver(cursor: Cursor) -> None:
    rows = [(b"x" * (LONGEST + 1), 1, "long"), (b"", 2, "short")]
    cursor.executemany(INSERT, rows)
    assert stored(cursor) == rows


@pytest.mark.parametrize("length", [0, 1, 37, 250, 251, 252, LONGEST])
def test_values_of_any_length_arrive_as_they_were(cursor: Cursor, length: int) -> None:
    rows = [(b"%" * length, 1, "é" * (length // 2)), (b"\xfb" * length, 2, "%" * length)]
    cursor.executemany(INSERT, rows)
    cursor.executemany(INSERT, [*rows, (b"", -0, "")])
    assert stored(cursor) == [*rows, *rows, (b"", 0, "")]


def test_rows_behind_one_that_is_there_already_are_not_there_either(cursor: Cursor) -> None:
    cursor.execute("CREATE TEMPORARY TABLE once (id INT PRIMARY KEY, seen INT)")
    statement = "INSERT INTO once (id, seen) VALUES (%s, %s)"
    cursor.executemany(statement, [(3, 1)])
    with pytest.raises(DuplicateKey), classified():
        cursor.executemany(statement, [(1, 1), (2, 1), (3, 1), (4, 1)])
    cursor.execute("SELECT id FROM once ORDER BY id")
    assert list(cursor.fetchall()) == [(3,)]


def test_row_that_cannot_be_written_quickly_costs_no_row_before_it(cursor: Cursor) -> None:
    rows = [(b"1", number, "text") for number in range(ROWS)] + [(b"2", 1, "x" * (LONGEST + 1))]
    cursor.executemany(INSERT, rows)
    assert stored(cursor) == rows


@pytest.mark.parametrize("row", [(None,), (1.5,), (True,)])
def test_only_bytes_texts_and_whole_numbers_are_written(row: tuple[object]) -> None:
    with pytest.raises(Unwritable):
        write_rows([row])
    with pytest.raises(Unwritable):
        write_execution(1, [row])


def test_only_short_values_are_written_in_many_rows() -> None:
    with pytest.raises(Unwritable):
        write_rows([("x" * (LONGEST + 1),)])
    with pytest.raises(Unwritable):
        write_execution(1, [("x" * (LONGEST + 1),)] * 2)


@pytest.mark.parametrize("length", [0, 250, 251, LONGEST + 1, 2**16 - 1, 2**16, 2**24 - 100])
def test_single_row_may_hold_a_long_value(cursor: Cursor, length: int) -> None:
    row = (b"\xff%s" * (length // 3 + 1))[:length]
    if length * 2 > 16 * 1024**2 and not _takes_rows(cursor):
        row = row[:length // 4]  # a server takes 16 MiB at once, and as text each byte is two digits
    cursor.execute(INSERT, (row, 7, "\0'"))
    assert cursor.rowcount == 1
    assert stored(cursor) == [(row, 7, "\0'")]


def test_single_row_of_other_values_is_left_to_the_driver(cursor: Cursor) -> None:
    cursor.execute(INSERT, (None, 1, None))
    cursor.execute("SELECT id, number, text FROM things")
    assert list(cursor.fetchall()) == [(None, 1, None)]


def test_number_above_what_a_signed_one_holds_arrives_as_it_was(cursor: Cursor) -> None:
    cursor.executemany(INSERT, [(b"1", 2**64 - 1, "")])
    assert stored(cursor) == [(b"1", 2**64 - 1, "")]


def test_tail_of_a_statement_stays(cursor: Cursor) -> None:
    cursor.execute("CREATE TEMPORARY TABLE once (id INT PRIMARY KEY, seen INT)")
    statement = "INSERT INTO once (id, seen) VALUES (%s, %s) ON DUPLICATE KEY UPDATE seen = seen + VALUES(seen)"
    cursor.executemany(statement, [(1, 1), (2, 1), (1, 5)])
    cursor.execute("SELECT id, seen FROM once ORDER BY id")
    assert list(cursor.fetchall()) == [(1, 6), (2, 1)]
